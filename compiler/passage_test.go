package compiler

import (
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"writ.dev/writ/compiler/diag"
)

// TestPassages compares two revisions of each testdata/passage/*.txtar, as TestDiffs does, and says what a cluster goes through
// from one to the other: findings.txt has what check finds with the old revision as its base.
func TestPassages(t *testing.T) {
	t.Parallel()
	holdGolden(t, "testdata/passage/*.txtar", func(t *testing.T, archive *txtar.Archive) *txtar.Archive {
		before, after := revisions(t, archive)
		r := mustCompileAgainst(t, after, before)
		var text strings.Builder
		if err := diag.Text(&text, r.Findings, r.Sources, diag.TextOptions{}); err != nil {
			t.Fatal(err)
		}
		return answered(archive, "findings.txt", text.String())
	})
}
