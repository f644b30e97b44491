package vocabulary

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// idShape is an article, a paragraph and perhaps a point, as DPV writes them: A46-2-c.
var idShape = regexp.MustCompile(`^A([0-9]+)-([0-9])(?:-([a-j]))?(-[a-z-]{2,})?$`)

func TestEveryCodeIsCitedAndDescribed(t *testing.T) {
	t.Parallel()
	for _, table := range []struct {
		codes []Code
		find  func(string) (Code, bool)
	}{{LegalBases(), LegalBasis}, {Conditions(), Condition}, {Mechanisms(), Mechanism}} {
		said := map[string]bool{}
		for _, code := range table.codes {
			part := idShape.FindStringSubmatch(code.ID)
			if part == nil {
				t.Errorf("%q is no identifier of DPV", code.ID)
				continue
			}
			article := fmt.Sprintf("Art. %s(%s)(%s) GDPR", part[1], part[2], part[3])
			article = strings.Replace(article, "()", "", 1)
			if code.ID == "A49-2" {
				article = "Art. 49(1) GDPR, second subparagraph" // DPV's number is not the Regulation's
			}
			if code.Article != article {
				t.Errorf("%s is cited as %q, want %q", code.ID, code.Article, article)
			}
			if want := strings.TrimSuffix(code.ID, part[4]); code.Base != want {
				t.Errorf("%s refines %s, want %s", code.ID, code.Base, want)
			}
			if !oneSentence(code.Description) || said[code.Description] || said[code.Title] {
				t.Errorf("%s is described badly or like another: %q, %q", code.ID, code.Title, code.Description)
			}
			said[code.Description], said[code.Title] = true, true
			if want := "https://w3id.org/dpv/legal/eu/gdpr#" + code.ID; code.IRI() != want {
				t.Errorf("%s is %s", code.ID, code.IRI())
			}
			for _, name := range append([]string{code.ID}, code.Aliases...) {
				if found, ok := table.find(name); !ok || found.ID != code.ID {
					t.Errorf("%q finds %q, want %s", name, found.ID, code.ID)
				}
			}
			if base, ok := table.find(code.Base); !ok || !slices.Equal(base.Needs, code.Needs) || base.Fides != code.Fides {
				t.Errorf("%s needs %q, and what it refines %q", code.ID, code.Needs, base.Needs)
			}
		}
		if _, ok := table.find("goodwill"); ok {
			t.Error("goodwill is a ground")
		}
	}
}

func ids(codes []Code, keep func(Code) bool) string {
	var kept []string
	for _, code := range codes {
		if keep(code) {
			kept = append(kept, code.ID)
		}
	}
	return strings.Join(kept, " ")
}

func TestWhatGroundsNeed(t *testing.T) {
	t.Parallel()
	own := func(c Code) bool { return c.Base == c.ID }
	needs := func(e Evidence) func(Code) bool { return func(c Code) bool { return own(c) && c.Need(e) } }
	kind := func(k Kind) func(Code) bool { return func(c Code) bool { return c.Kind == k } }
	got := map[string]string{
		"Art. 6":          ids(LegalBases(), own),
		"consent":         ids(LegalBases(), needs(ConsentRecord)),
		"statute":         ids(LegalBases(), needs(Statute)),
		"interests":       ids(LegalBases(), needs(InterestsAssessment)),
		"Art. 9":          ids(Conditions(), own),
		"Art. 9, consent": ids(Conditions(), needs(ConsentRecord)),
		"Art. 9, statute": ids(Conditions(), needs(Statute)),
		"adequacy":        ids(Mechanisms(), kind(Adequacy)),
		"safeguards":      ids(Mechanisms(), kind(Safeguard)),
		"assessed":        ids(Mechanisms(), needs(TransferAssessment)),
		"authorised":      ids(Mechanisms(), needs(Authorisation)),
		"derogations":     ids(Mechanisms(), kind(Derogation)),
	}
	want := map[string]string{
		"Art. 6":          "A6-1-a A6-1-b A6-1-c A6-1-d A6-1-e A6-1-f",
		"consent":         "A6-1-a",
		"statute":         "A6-1-c A6-1-e",
		"interests":       "A6-1-f",
		"Art. 9":          "A9-2-a A9-2-b A9-2-c A9-2-d A9-2-e A9-2-f A9-2-g A9-2-h A9-2-i A9-2-j",
		"Art. 9, consent": "A9-2-a",
		"Art. 9, statute": "A9-2-b A9-2-g A9-2-i A9-2-j",
		"adequacy":        "A45-3",
		"safeguards":      "A46-2-a A46-2-b A46-2-c A46-2-d A46-2-e A46-2-f A46-3-a A46-3-b",
		"assessed":        "A46-2-a A46-2-b A46-2-c A46-2-d A46-2-e A46-2-f A46-3-a A46-3-b",
		"authorised":      "A46-3-a A46-3-b",
		"derogations":     "A49-1-a A49-1-b A49-1-c A49-1-d A49-1-e A49-1-f A49-1-g A49-2",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the grounds (-want +got):\n%s", diff)
	}
}

func TestGroundsHaveNamesThatPeopleUse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		find     func(string) (Code, bool)
		name, id string
	}{
		{LegalBasis, "consent", "A6-1-a"},
		{LegalBasis, "public-task", "A6-1-e"},
		{LegalBasis, "A6-1-f-third-party", "A6-1-f-third-party"},
		{LegalBasis, "explicit-consent", ""},
		{Condition, "explicit-consent", "A9-2-a"},
		{Condition, "vital-interests", "A9-2-c"},
		{LegalBasis, "vital-interests", "A6-1-d"},
		{Condition, "A6-1-a", ""},
		{Mechanism, "adequacy", "A45-3"},
		{Mechanism, "scc", "A46-2-c"},
		{Mechanism, "binding-corporate-rules", "A46-2-b"},
		{Mechanism, "SCC", ""},
		{Mechanism, "", ""},
	} {
		if code, ok := c.find(c.name); code.ID != c.id || ok != (c.id != "") {
			t.Errorf("%q finds %q, want %q", c.name, code.ID, c.id)
		}
	}
	code, _ := LegalBasis("consent")
	code.Needs[0], code.Aliases[0] = "nothing", "changed"
	LegalBases()[0].Needs[0] = "nothing"
	if again, _ := LegalBasis("consent"); !again.Need(ConsentRecord) || again.Aliases[0] != "consent" {
		t.Error("whoever asks can change the table")
	}
}
