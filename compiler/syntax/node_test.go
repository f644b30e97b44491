package syntax

import (
	"strings"
	"testing"

	"writ.dev/writ/compiler/diag"
)

// spans reads a file of one document and gives, for every scalar, the text that its span covers.
func spans(t *testing.T, text string) (map[string]string, *node) {
	t.Helper()
	src := newSource("a.yaml", []byte(text))
	roots, fault := readYAML(src)
	if fault != nil || len(roots) == 0 {
		t.Fatalf("not read: %+v", fault)
	}
	b := &builder{source: src}
	root := b.build(roots[0], nil, 0, 0)
	covered := map[string]string{}
	root.scalars(func(n *node, isKey bool) {
		if !isKey {
			covered[n.path()] = cut(text, n.span)
		}
	})
	return covered, root
}

func cut(text string, s diag.Span) string { return text[s.Start.Offset():s.End.Offset()] }

func TestScalarsEndWhereTheyEnd(t *testing.T) {
	for _, tt := range []struct{ name, in, field, want string }{
		{"plain", "a: b c # d\n", "a", "b c"},
		{"plain in a list", "a: [b c , d]\n", "a[b c]", "b c"},
		{"plain at the end of the file", "a: b", "a", "b"},
		{"plain over lines", "a: b\n  c\n\n  d # e\n", "a", "b\n  c\n\n  d"},
		{"plain with #", "a: b#c\n", "a", "b#c"},
		{"double quotes", `a: "b \" # c" # d`, "a", `"b \" # c"`},
		{"double quotes over lines", "a: \"b\n  c\\\n  d\"\n", "a", "\"b\n  c\\\n  d\""},
		{"single quotes", "a: 'b '' c'\n", "a", "'b '' c'"},
		{"literal", "a: |\n  b\n   c\n\n\nd: e\n", "a", "|\n  b\n   c"},
		{"literal that keeps", "a: |+ # x\n  b\n\n", "a", "|+ # x\n  b"},
		{"folded in a list", "a:\n- b: >-\n    c\n    d\n  e: f\n", "a[0].b", ">-\n    c\n    d"},
		{"literal with its indentation", "a:\n  b: |2\n      c\n    d\n  e: f\n", "a.b", "|2\n      c\n    d"},
		{"literal before a comment", "a: |\n    b\n  # c\nd: e\n", "a", "|\n    b"},
		{"literal without text", "a: |\nb: c\n", "a", "|"},
		{"CRLF", "a: b\r\nc: |\r\n  d\r\n  e\r\nf: \"g\r\n  h\"\r\n", "c", "|\r\n  d\r\n  e"},
		{"plain over CRLF", "a: b\r\n  c\r\n", "a", "b\r\n  c"},
		{"byte order mark", "\ufeffa: b\n", "a", "b"},
		{"nothing", "a:\nb: c\n", "a", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			covered, _ := spans(t, tt.in)
			got, ok := covered[tt.field]
			if !ok || got != tt.want {
				t.Errorf("%s covers %q, want %q; fields %q", tt.field, got, tt.want, covered)
			}
		})
	}
}

func TestCollectionsEndWhereTheyEnd(t *testing.T) {
	for _, tt := range []struct{ name, in, span, inner string }{
		{"block mapping", "a:\n  b: c\n  d: e\nf: g\n", "b: c\n  d: e", "b: c\n  d: e"},
		{"block sequence", "a:\n  - b\n  - c: d\nf: g\n", "- b\n  - c: d", "- b\n  - c: d"},
		{"flow mapping", "a: { b: c, d: [e] } # f\n", "{ b: c, d: [e] }", "b: c, d: [e]"},
		{"flow sequence", "a: [b, 'c]' , ]\n", "[b, 'c]' , ]", "b, 'c]'"},
		{"flow with a comment", "a: [\n  b, # ]\n]\n", "[\n  b, # ]\n]", "b"},
		{"empty", "a: [ ]\n", "[ ]", ""},
		{"pair in a sequence", "a: [b: c]\n", "[b: c]", "b: c"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, root := spans(t, tt.in)
			n := root.get("a")
			if got := cut(tt.in, n.span); got != tt.span {
				t.Errorf("span covers %q, want %q", got, tt.span)
			}
			if got := cut(tt.in, n.inner); got != tt.inner {
				t.Errorf("inner covers %q, want %q", got, tt.inner)
			}
		})
	}
}

func TestPlacesCountCharactersAndBytes(t *testing.T) {
	in := "\ufeffä: {ö: \"ü\", ß: x}\r\ny: ж # й\r\n"
	_, root := spans(t, in)
	for _, tt := range []struct {
		n          *node
		start, end diag.Pos
	}{
		{root.keys[0], diag.At(1, 1, 3), diag.At(1, 2, 5)},
		{root.get("ä").get("ö"), diag.At(1, 8, 12), diag.At(1, 11, 16)},
		{root.get("ä").get("ß"), diag.At(1, 16, 22), diag.At(1, 17, 23)},
		{root.get("ä"), diag.At(1, 4, 7), diag.At(1, 18, 24)},
		{root.get("y"), diag.At(2, 4, 29), diag.At(2, 5, 31)},
	} {
		if tt.n.span.Start != tt.start || tt.n.span.End != tt.end {
			t.Errorf("%q lies at %v to %v, want %v to %v", cut(in, tt.n.span), tt.n.span.Start, tt.n.span.End, tt.start, tt.end)
		}
	}
}

// A place that is asked for out of order is the same as in order.
func TestSourceFindsPlacesInAnyOrder(t *testing.T) {
	text := strings.Repeat("añb\r\nж\n\n", 3)
	s := newSource("a.yaml", []byte(text))
	for _, step := range []int{1, 5, 7, 11} {
		for i := 0; i < len(text); i++ {
			offset := i * step % len(text)
			fresh := newSource("a.yaml", []byte(text))
			if got, want := s.at(offset), fresh.at(offset); got != want {
				t.Fatalf("at(%d) is %v, want %v", offset, got, want)
			}
			p := fresh.at(offset)
			if got := s.pos(p.Line(), p.Column()); text[offset] != '\n' && text[offset]&0xc0 != 0x80 && got != p {
				t.Fatalf("pos(%d, %d) is %v, want %v", p.Line(), p.Column(), got, p)
			}
		}
	}
}
