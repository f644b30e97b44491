package compiler

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// TestFingerprintsSurviveMoves: a finding that the base has is not caused by a change that moves lines, renames files or joins
// them. Every rule's bad example is moved; what cannot be read has no name but its file's.
func TestFingerprintsSurviveMoves(t *testing.T) {
	t.Parallel()
	for _, d := range Rules() {
		if d.Retired || generated[d.Code] != nil || strings.HasPrefix(d.Code, "SYN") {
			continue
		}
		t.Run(d.Code, func(t *testing.T) {
			t.Parallel()
			before := overlay(base(t), d.Bad)
			want := fingerprints(mustCompile(t, before))
			if got := fingerprints(mustCompile(t, moved(before))); !slices.Equal(got, want) {
				t.Errorf("moved, the findings are %v, not %v", got, want)
			}
			r, err := Compile(t.Context(), moved(before), Options{AsOf: today, Base: before})
			if err != nil {
				t.Fatal(err)
			}
			if r.Fails() {
				t.Errorf("a move causes findings: %v", describe(r.Findings))
			}
		})
	}
}

func TestAChangeFailsOnWhatItCauses(t *testing.T) {
	t.Parallel()
	broken := with(t, checkoutFile, strings.Replace(string(base(t)[checkoutFile].Data), "read-address", "read-adress", 1))
	for _, c := range []struct {
		name      string
		base, now fs.FS
		fails     bool
	}{
		{"the change breaks it", base(t), broken, true},
		{"it was broken before", broken, broken, false},
		{"the change mends it", broken, base(t), false},
		{"a first change, over nothing", fstest.MapFS{}, base(t), false},
	} {
		r, err := Compile(t.Context(), c.now, Options{AsOf: today, Base: c.base})
		if err != nil {
			t.Fatal(err)
		}
		if r.Fails() != c.fails {
			t.Errorf("%s: fails is %v: %v", c.name, r.Fails(), describe(r.Findings))
		}
	}
}

// moved is the same estate with every document some lines further down, in a file of another name.
func moved(fsys fstest.MapFS) fstest.MapFS {
	all := fstest.MapFS{}
	for name, f := range fsys {
		if !strings.HasPrefix(name, "policies/") {
			all[name] = f
			continue
		}
		dir, file := path.Split(name)
		all[dir+"moved/to-"+file] = &fstest.MapFile{Data: append([]byte("# moved\n\n# down\n"), f.Data...), Mode: f.Mode}
	}
	return all
}

func fingerprints(r *Result) []string {
	var all []string
	for i := range r.Findings {
		all = append(all, r.Findings[i].Rule.Code+" "+r.Findings[i].Fingerprint())
	}
	slices.Sort(all)
	return all
}
