package diag

import (
	"bytes"
	"cmp"
	"slices"
)

// Apply applies the fixes to the sources, each as a whole or not at all, and returns the files that differ then, with the number
// of fixes that were applied. A fix that meets an earlier one is left for the next round, when its offsets are known again.
func Apply(sources map[string][]byte, fixes []*Fix) (changed map[string][]byte, applied int) {
	fixes = Compatible(sources, fixes)
	edits := map[string][]Edit{}
	for _, f := range fixes {
		for _, e := range f.Edits {
			edits[e.Span.File] = append(edits[e.Span.File], e)
		}
	}
	changed = map[string][]byte{}
	for file, es := range edits {
		if after := splice(sources[file], es); !bytes.Equal(after, sources[file]) {
			changed[file] = after
		}
	}
	return changed, len(fixes)
}

// Compatible is those of the fixes that Apply applies together, in the order of their first edits: every edit lies within its
// source, and no two touch the same text.
func Compatible(sources map[string][]byte, fixes []*Fix) []*Fix {
	fixes = slices.DeleteFunc(slices.Clone(fixes), func(f *Fix) bool { return f == nil || len(f.Edits) == 0 })
	slices.SortStableFunc(fixes, compareFixes)
	taken := map[string][]Edit{}
	var chosen []*Fix
	for _, f := range fixes {
		if claim(taken, sources, f) {
			chosen = append(chosen, f)
		}
	}
	return chosen
}

// claim takes the fix's stretches of text, all or none.
func claim(taken map[string][]Edit, sources map[string][]byte, f *Fix) bool {
	marks := map[string]int{}
	for file, es := range taken {
		marks[file] = len(es)
	}
	for _, e := range f.Edits {
		file := e.Span.File
		if !lies(e, sources) || slices.ContainsFunc(taken[file], func(t Edit) bool { return meet(e, t) }) {
			for file := range taken {
				taken[file] = taken[file][:marks[file]]
			}
			return false
		}
		taken[file] = append(taken[file], e)
	}
	return true
}

// lies reports whether the edit lies within its source.
func lies(e Edit, sources map[string][]byte) bool {
	src, ok := sources[e.Span.File]
	start, end := e.Span.Start.Offset(), e.Span.End.Offset()
	return ok && start <= end && end <= len(src)
}

// meet reports whether two edits of a file touch the same text. Edits that start at the same place meet even where one of them
// only inserts, because the order of the two would be arbitrary.
func meet(a, b Edit) bool {
	if a.Span.Start.Offset() == b.Span.Start.Offset() {
		return true
	}
	return a.Span.Start.Offset() < b.Span.End.Offset() && b.Span.Start.Offset() < a.Span.End.Offset()
}

func splice(src []byte, edits []Edit) []byte {
	slices.SortFunc(edits, compareEdits)
	var out bytes.Buffer
	at := 0
	for _, e := range edits {
		out.Write(src[at:e.Span.Start.Offset()])
		out.WriteString(e.New)
		at = e.Span.End.Offset()
	}
	out.Write(src[at:])
	return out.Bytes()
}

func compareFixes(a, b *Fix) int {
	return cmp.Or(
		compareEdits(a.Edits[0], b.Edits[0]),
		cmp.Compare(a.Title, b.Title),
		slices.CompareFunc(a.Edits, b.Edits, compareEdits),
	)
}

func compareEdits(a, b Edit) int {
	return cmp.Or(
		cmp.Compare(a.Span.File, b.Span.File),
		cmp.Compare(a.Span.Start.Offset(), b.Span.Start.Offset()),
		cmp.Compare(a.Span.End.Offset(), b.Span.End.Offset()),
		cmp.Compare(a.New, b.New),
	)
}
