package compiler

import (
	"slices"
	"testing"
	"testing/fstest"

	"writ.dev/writ/compiler/diag"
)

// TestSourcesAreReadAgainWhereFindingsPoint: what a finding needs is there as it was compiled, or not at all.
func TestSourcesAreReadAgainWhereFindingsPoint(t *testing.T) {
	t.Parallel()
	fsys := fstest.MapFS{}
	sources := map[string][]byte{}
	for _, name := range []string{"found", "ignored", "later", "changed", "removed", "unneeded", "related", "edited"} {
		fsys[name] = &fstest.MapFile{Data: []byte("text of " + name)}
		sources[name] = fsys[name].Data
	}
	at := func(name string) diag.Span { return diag.Span{File: name} }
	gone := forget(fsys, sources, diag.List{{Span: at("found")}}, []diag.Ignore{{Span: at("ignored")}})
	if len(sources) != 2 || sources["found"] == nil || sources["ignored"] == nil {
		t.Errorf("kept %d sources", len(sources))
	}
	fsys["changed"] = &fstest.MapFile{Data: []byte("another")}
	delete(fsys, "removed")
	gone.recall(sources, diag.List{
		{Span: at("found")},
		{Span: at("changed")},
		{Span: at("removed")},
		{Span: at("out/no document")},
		{Span: at("later"), Related: []diag.Related{{Span: at("related")}}, Fix: &diag.Fix{Edits: []diag.Edit{{Span: at("edited")}}}},
	})
	var names []string
	for name, data := range sources {
		if names = append(names, name); string(data) != "text of "+name {
			t.Errorf("%s holds %q", name, data)
		}
	}
	slices.Sort(names)
	if want := []string{"edited", "found", "ignored", "later", "related"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
}
