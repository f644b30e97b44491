package syntax

import (
	"fmt"
	"slices"

	"writ.dev/writ/compiler/diag"
)

// RemoveItem is the fix that takes one of several items out of a list in brackets, with its comma; nil where the list is written
// otherwise: the comments between the lines of a block are somebody's.
func RemoveItem(l List[Text], item Text) *diag.Fix {
	i := slices.Index(l.Items, item)
	if !l.Flow || len(l.Items) < 2 || i < 0 {
		return nil
	}
	span := item.Span
	if i > 0 {
		span.Start = l.Items[i-1].Span.End
	} else {
		span.End = l.Items[1].Span.Start
	}
	return &diag.Fix{Title: fmt.Sprintf("remove %q", item.Value), Edits: []diag.Edit{{Span: span}}}
}

// removal is the fix that takes an item out of its sequence, with what stands between it and the item before; the only one goes with
// the field that has the sequence.
func (n *node) removal() *diag.Fix {
	at := n
	if p := n.parent; p == nil || len(p.items) == 1 && (p.parent == nil || p.parent.kind != mapping || len(p.parent.items) == 1) {
		return nil
	} else if len(p.items) == 1 {
		at = p
	}
	span, siblings := at.span, at.parent.items
	start := func(i int) diag.Pos {
		if at.parent.kind == mapping {
			return at.parent.keys[i].span.Start
		}
		return siblings[i].span.Start
	}
	if at.at > 0 {
		span.Start = siblings[at.at-1].span.End
	} else {
		span.Start, span.End = start(0), start(1)
	}
	return &diag.Fix{Title: "take the entry away", Edits: []diag.Edit{{Span: span}}}
}
