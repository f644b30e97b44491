package lsp

import (
	"testing"

	"go.lsp.dev/protocol"
)

func place(line, character uint32) protocol.Position {
	return protocol.Position{Line: line, Character: character}
}

// The places are those of Node's "…".length: one for each UTF-16 code unit.
func TestPlaces(t *testing.T) {
	for _, tt := range []struct {
		text   string
		offset int
		want   protocol.Position
	}{
		{"", 0, place(0, 0)},
		{"abc", 2, place(0, 2)},
		{"äbc", 2, place(0, 1)},
		{"€uro x", 7, place(0, 5)},
		{"😀x", 4, place(0, 2)},
		{"a 😀👩‍👧 x", 18, place(0, 10)},
		{"a\nb😀c", 7, place(1, 3)},
		{"a\r\nb", 3, place(1, 0)},
		{"a\rb\n", 2, place(1, 0)},
		{"a\n", 2, place(1, 0)},
		{"\ufeffab", 4, place(0, 1)},
		{"\xffab", 2, place(0, 2)},
		{"ab", 99, place(0, 2)},
	} {
		text := newText([]byte(tt.text))
		got := text.position(tt.offset)
		if got != tt.want {
			t.Errorf("%q: the byte %d lies at %v, want %v", tt.text, tt.offset, got, tt.want)
		}
		if back := text.offset(got); back != min(tt.offset, len(tt.text)) {
			t.Errorf("%q: %v is the byte %d, want %d", tt.text, got, back, tt.offset)
		}
	}
}

func TestPlacesThatAreNone(t *testing.T) {
	text := newText([]byte("a😀\r\nb"))
	for p, want := range map[protocol.Position]int{
		place(0, 2):     1, // inside of a surrogate pair
		place(0, 99):    5, // beyond the line
		place(1, 99):    8,
		place(99, 0):    8,
		place(1<<31, 1): 8,
	} {
		if got := text.offset(p); got != want {
			t.Errorf("%v is the byte %d, want %d", p, got, want)
		}
	}
}

func TestEdits(t *testing.T) {
	for _, tt := range []struct {
		before string
		at     protocol.Range
		insert string
		after  string
	}{
		{"ab", protocol.Range{Start: place(0, 1), End: place(0, 1)}, "x", "axb"},
		{"😀b\nc", protocol.Range{Start: place(0, 2), End: place(0, 3)}, "ä", "😀ä\nc"},
		{"a\nb\nc", protocol.Range{Start: place(0, 1), End: place(2, 0)}, "", "ac"},
		{"a", protocol.Range{Start: place(5, 0), End: place(6, 0)}, "\nb", "a\nb"},
		{"abc", protocol.Range{Start: place(0, 2), End: place(0, 1)}, "x", "abxc"}, // the wrong way round
	} {
		if got := string(newText([]byte(tt.before)).edited(tt.at, tt.insert)); got != tt.after {
			t.Errorf("%q: %q, want %q", tt.before, got, tt.after)
		}
	}
}
