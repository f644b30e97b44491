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
