package weaken

import (
	"encoding/json"
	"slices"
	"testing"

	"writ.dev/writ/schema"
)

// TestDocumentsKnowTheKinds: every kind can be left to review but the one that decides which can.
func TestDocumentsKnowTheKinds(t *testing.T) {
	t.Parallel()
	data, err := schema.FS.ReadFile("privacy.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Properties struct {
			Spec struct {
				Properties struct {
					ReviewAlone struct{ Items struct{ Enum []Kind } }
				}
			}
		}
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	want := slices.DeleteFunc(Kinds(), func(k Kind) bool { return k == Judge })
	if got := doc.Properties.Spec.Properties.ReviewAlone.Items.Enum; !slices.Equal(got, want) {
		t.Errorf("the schema has %q, and there are %q", got, want)
	}
}
