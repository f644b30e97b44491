package diag_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writ.dev/writ/compiler/diag"
)

func edit(file string, start, end int, text string) diag.Edit {
	return diag.Edit{Span: diag.Span{File: file, Start: diag.At(0, 0, start), End: diag.At(0, 0, end)}, New: text}
}

func TestApply(t *testing.T) {
	sources := map[string][]byte{"a": []byte("one two three"), "b": []byte("x")}
	tests := []struct {
		name    string
		fixes   []*diag.Fix
		want    map[string]string
		applied int
	}{
		{
			"edits of several files belong together",
			[]*diag.Fix{{Title: "1", Edits: []diag.Edit{edit("a", 4, 7, "2"), edit("b", 1, 1, "y")}}},
			map[string]string{"a": "one 2 three", "b": "xy"},
			1,
		},
		{
			"edits need no order",
			[]*diag.Fix{{Title: "1", Edits: []diag.Edit{edit("a", 8, 13, "3"), edit("a", 0, 3, "1")}}},
			map[string]string{"a": "1 two 3"},
			1,
		},
		{
			"the later of two that meet waits",
			[]*diag.Fix{{Title: "late", Edits: []diag.Edit{edit("a", 5, 9, "_")}}, {Title: "early", Edits: []diag.Edit{edit("a", 4, 7, "2")}}},
			map[string]string{"a": "one 2 three"},
			1,
		},
		{
			"a fix that meets another is not applied in part",
			[]*diag.Fix{{Title: "1", Edits: []diag.Edit{edit("a", 0, 3, "1")}}, {Title: "2", Edits: []diag.Edit{edit("b", 0, 1, "y"), edit("a", 2, 5, "_")}}},
			map[string]string{"a": "1 two three"},
			1,
		},
		{
			"after one that waits the room is free again",
			[]*diag.Fix{
				{Title: "1", Edits: []diag.Edit{edit("a", 0, 3, "1")}},
				{Title: "2", Edits: []diag.Edit{edit("a", 2, 3, "_"), edit("a", 8, 13, "_")}},
				{Title: "3", Edits: []diag.Edit{edit("a", 8, 13, "3")}},
			},
			map[string]string{"a": "1 two 3"},
			2,
		},
		{
			"two insertions at one place would have no order",
			[]*diag.Fix{{Title: "1", Edits: []diag.Edit{edit("b", 1, 1, "1")}}, {Title: "2", Edits: []diag.Edit{edit("b", 1, 1, "2")}}},
			map[string]string{"b": "x1"},
			1,
		},
		{
			"neighbours do not meet",
			[]*diag.Fix{{Title: "1", Edits: []diag.Edit{edit("a", 0, 3, "1")}}, {Title: "2", Edits: []diag.Edit{edit("a", 3, 4, "-")}}},
			map[string]string{"a": "1-two three"},
			2,
		},
		{
			"the same fix of two findings is applied once",
			[]*diag.Fix{{Title: "1", Edits: []diag.Edit{edit("a", 0, 3, "1")}}, {Title: "1", Edits: []diag.Edit{edit("a", 0, 3, "1")}}},
			map[string]string{"a": "1 two three"},
			1,
		},
		{
			"edits outside their source are refused",
			[]*diag.Fix{
				{Title: "1", Edits: []diag.Edit{edit("a", 0, 14, "")}},
				{Title: "2", Edits: []diag.Edit{edit("a", 3, 2, "")}},
				{Title: "3", Edits: []diag.Edit{edit("c", 0, 0, "y")}},
				{Title: "4"},
				nil,
			},
			map[string]string{},
			0,
		},
		{
			"a file that stays the same is not changed",
			[]*diag.Fix{{Title: "1", Edits: []diag.Edit{edit("a", 0, 3, "one")}}},
			map[string]string{},
			1,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			changed, applied := diag.Apply(sources, tt.fixes)
			got := map[string]string{}
			for file, src := range changed {
				got[file] = string(src)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if applied != tt.applied {
				t.Errorf("applied %d, want %d", applied, tt.applied)
			}
			slices.Reverse(tt.fixes)
			reversed, _ := diag.Apply(sources, tt.fixes)
			if diff := cmp.Diff(changed, reversed); diff != "" {
				t.Errorf("the order of the fixes matters:\n%s", diff)
			}
			if string(sources["a"]) != "one two three" {
				t.Error("the source was written to")
			}
		})
	}
}

// FuzzApply makes fixes of the bytes (four to an edit) and checks that the bytes outside the applied edits stay, in order.
func FuzzApply(f *testing.F) {
	f.Add([]byte("one two three"), []byte{4, 7, 1, 0, 0, 3, 2, 1, 5, 9, 0, 0})
	f.Fuzz(func(t *testing.T, src, script []byte) {
		sources := map[string][]byte{"a": src}
		var fixes []*diag.Fix
		for e := range slices.Chunk(script, 4) {
			if len(e) < 4 {
				break
			}
			ed := edit("a", int(int8(e[0])), int(int8(e[1])), strings.Repeat("\x00", int(e[2]%3)))
			if n := len(fixes); n > 0 && e[3]%2 == 1 {
				fixes[n-1].Edits = append(fixes[n-1].Edits, ed)
				continue
			}
			fixes = append(fixes, &diag.Fix{Edits: []diag.Edit{ed}})
		}
		chosen := diag.Compatible(sources, fixes)
		changed, applied := diag.Apply(sources, fixes)
		if applied != len(chosen) {
			t.Fatalf("applied %d of %d", applied, len(chosen))
		}
		after, ok := changed["a"]
		if !ok {
			after = src
		}
		gone := make([]bool, len(src))
		inserted := 0
		for _, f := range chosen {
			for _, e := range f.Edits {
				for i := e.Span.Start.Offset(); i < e.Span.End.Offset(); i++ {
					if gone[i] {
						t.Fatal("two edits replaced one byte")
					}
					gone[i] = true
				}
				inserted += len(e.New)
			}
		}
		var kept []byte
		zeros := 0
		for i, b := range src {
			if !gone[i] {
				kept = append(kept, b)
				zeros += bytes.Count([]byte{b}, []byte{0})
			}
		}
		if len(after) != len(kept)+inserted || bytes.Count(after, []byte{0}) != zeros+inserted {
			t.Fatalf("%q became %q", src, after)
		}
		strip := func(b []byte) []byte { return bytes.ReplaceAll(b, []byte{0}, nil) }
		if !bytes.Equal(strip(after), strip(kept)) {
			t.Fatalf("bytes outside the edits changed: %q became %q", src, after)
		}
	})
}
