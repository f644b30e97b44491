package compiler

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"go.yaml.in/yaml/v4"

	"writ.dev/writ/compiler/diag"
)

// What protects personal data: fields, and lists of which each item does.
var (
	protecting = []string{"personalData", "processes", "returns", "accepts", "activity", "declassifies", "approval", "transfer", "mechanism"}
	lists      = []string{"processes", "returns", "accepts", "categories", "declassifies"}
	record     = []string{"Activity", "Approval", "Party", "Privacy"}
)

// removal is one thing that somebody takes out of the example estate.
type removal struct {
	file, what string
	data       []byte // of the file then; none where it goes
}

// TestNothingIsRemovedUnseen takes every tag, activity, approval and mechanism out of the example estate, one at a time: each is found,
// with one message, in the file that it was taken from.
func TestNothingIsRemovedUnseen(t *testing.T) {
	t.Parallel()
	before := exampleEstate(t)
	all := everyRemoval(t, before)
	if len(all) < 150 {
		t.Fatalf("only %d things can be removed", len(all))
	}
	for i, gone := range all {
		if testing.Short() && i%10 != 0 {
			continue
		}
		t.Run(gone.what, func(t *testing.T) {
			t.Parallel()
			after := fstest.MapFS{}
			for name, f := range before {
				after[name] = f
			}
			after[gone.file] = &fstest.MapFile{Data: gone.data, Mode: 0o644}
			if len(gone.data) == 0 {
				delete(after, gone.file)
			}
			r := mustCompileAgainst(t, after, before)
			var caused diag.List
			for _, f := range r.Findings {
				if f.Fails() && r.Caused(&f) {
					caused = append(caused, f)
				}
			}
			if len(caused) != 1 || caused[0].Span.File != gone.file && len(gone.data) > 0 {
				t.Errorf("in %s: %v", gone.file, describe(caused))
			}
		})
	}
}

func everyRemoval(t *testing.T, estate fstest.MapFS) []removal {
	t.Helper()
	var all []removal
	for name, f := range estate {
		if !strings.HasPrefix(name, "policies/") || strings.Contains(name, "/overlay/") {
			continue
		}
		docs := documents(t, f.Data)
		for i, doc := range docs {
			object := scalarAt(doc, "kind") + " " + scalarAt(doc, "metadata", "name")
			if slices.Contains(record, scalarAt(doc, "kind")) {
				all = append(all, removal{name, object, rewritten(t, slices.Delete(slices.Clone(docs), i, i+1))})
			}
			removable(doc, "", func(path string, holder *yaml.Node, at, length int) {
				taken := slices.Clone(holder.Content[at : at+length])
				holder.Content = slices.Delete(holder.Content, at, at+length)
				all = append(all, removal{name, object + " " + path, rewritten(t, docs)})
				holder.Content = slices.Insert(holder.Content, at, taken...)
			})
		}
	}
	slices.SortFunc(all, func(a, b removal) int { return strings.Compare(a.file+a.what, b.file+b.what) })
	return all
}

// removable visits what can be taken away below the node, with the node that holds it and its place there.
func removable(n *yaml.Node, path string, visit func(path string, holder *yaml.Node, at, length int)) {
	for i, child := range n.Content {
		switch n.Kind {
		case yaml.DocumentNode:
			removable(child, path, visit)
		case yaml.SequenceNode:
			removable(child, fmt.Sprintf("%s[%d]", path, i), visit)
		case yaml.MappingNode:
			if i%2 == 1 {
				continue
			}
			key, value := child.Value, n.Content[i+1]
			below := strings.TrimPrefix(path+"."+key, ".")
			if slices.Contains(protecting, key) {
				visit(below, n, i, 2)
			}
			if slices.Contains(lists, key) && value.Kind == yaml.SequenceNode && len(value.Content) > 1 {
				for j := range value.Content {
					visit(fmt.Sprintf("%s[%d]", below, j), value, j, 1)
				}
			}
			removable(value, below, visit)
		}
	}
}

func documents(t *testing.T, data []byte) []*yaml.Node {
	t.Helper()
	var all []*yaml.Node
	for d := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var n yaml.Node
		if err := d.Decode(&n); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, &n)
	}
}

func rewritten(t *testing.T, docs []*yaml.Node) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, d := range docs {
		data, err := yaml.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString("---\n")
		b.Write(data)
	}
	return b.Bytes()
}

// scalarAt is the scalar that lies at the end of a way through mappings.
func scalarAt(n *yaml.Node, way ...string) string {
	if n.Kind == yaml.DocumentNode {
		n = n.Content[0]
	}
	for _, key := range way {
		i := slices.IndexFunc(n.Content, func(c *yaml.Node) bool { return c.Value == key })
		n = n.Content[i+1]
	}
	return n.Value
}

// TestAccountingStaysInEurope: what stays in the EEA is not read from elsewhere, and where the trust domains cannot tell a caller there
// from one here, that is said with the ways out.
func TestAccountingStaysInEurope(t *testing.T) {
	t.Parallel()
	const history, america = "policies/teams/orders/order-history.yaml", "policies/platform/clusters/us-1.yaml"
	moved := func(edits ...string) *Result {
		estate := exampleEstate(t)
		for i := 0; i < len(edits); i += 3 {
			text := string(estate[edits[i]].Data)
			if !strings.Contains(text, edits[i+1]) {
				t.Fatalf("%s has no %q", edits[i], edits[i+1])
			}
			estate[edits[i]] = &fstest.MapFile{Data: []byte(strings.Replace(text, edits[i+1], edits[i+2], 1)), Mode: 0o644}
		}
		return mustCompile(t, estate)
	}
	for name, tt := range map[string]struct {
		r    *Result
		code string
		says []string
	}{
		"read from America": {
			moved(history, "  clusters: [eu-1]\n", "  clusters: [eu-1, us-1]\n"), "PII-058", []string{"invoice-run", "us-1", "US"},
		},
		"an identity that America shares": {
			moved(america, "us.boutique.example", "eu.boutique.example", america, "  istioVersion", "  discovers: [us-1]\n  istioVersion",
				"policies/privacy/activities/order-fulfilment.yaml", "  compatibleWith:\n", "  compatibleWith:\n    - {activity: accounting, assessment: PRIV-655}\n",
				"policies/teams/orders/checkoutservice.yaml", "  intents:\n",
				"  intents:\n    - {to: order-history, endpoints: [invoices], activity: order-fulfilment, because: an order shows its invoice}\n"),
			"PII-059",
			[]string{"checkoutservice", "us-1", "trust domain"},
		},
	} {
		found := slices.DeleteFunc(slices.Clone(tt.r.Findings), func(f diag.Finding) bool { return f.Rule.Code != tt.code })
		if len(found) == 0 || tt.r.Stats.Withheld == 0 {
			t.Errorf("%s: %d withheld, %v", name, tt.r.Stats.Withheld, describe(tt.r.Findings))
			continue
		}
		for _, says := range tt.says {
			if text := found[0].Message + found[0].Help; !strings.Contains(text, says) {
				t.Errorf("%s: nothing is said of %q: %s", name, says, text)
			}
		}
	}
}
