package compiler

import (
	"testing"
	"testing/fstest"

	"writ.dev/writ/cmd/estategen/estate"
)

// TestATaggedEstateHasNoFinding: people who are nagged wrongly start to lie.
func TestATaggedEstateHasNoFinding(t *testing.T) {
	t.Parallel()
	fsys := fstest.MapFS{}
	for path, text := range (estate.Shape{Services: 500, Clusters: 2, Seed: 5, Personal: true}).Files() {
		fsys[path] = &fstest.MapFile{Data: text, Mode: 0o644}
	}
	r := mustCompile(t, fsys)
	if len(r.Findings) > 0 {
		t.Errorf("%d findings, among them %v", len(r.Findings), describe(r.Findings[:min(len(r.Findings), 5)]))
	}
	carried := 0
	for _, m := range r.estate.Meshes {
		for _, a := range m.Accesses {
			if a.Activity() != nil {
				carried++
			}
		}
	}
	if carried < 500 {
		t.Errorf("only %d accesses carry personal data: the test proves little", carried)
	}
}
