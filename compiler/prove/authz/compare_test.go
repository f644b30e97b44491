package authz

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"writ.dev/writ/compiler/prove/manifest"
)

// http8080 is the one declared port of the customers.
var http8080 = []Port{{8080, true}}

func TestCompare(t *testing.T) {
	allow := policy("ALLOW", manifest.Rule{
		From: []manifest.Source{principals(checkout, frontend)},
		To:   []manifest.Operation{{Ports: []string{"8080"}, Methods: []string{"GET"}, Paths: []string{"/v1/{**}/address"}}},
	})
	meant := &Meant{Allow: []Allowance{
		{Principals: []string{checkout, frontend}, Port: 8080, Methods: []string{"GET"}, Paths: []string{"/v1/{id}/address"}},
	}}
	p := point(allow)
	p.Mesh.Aliases = nil
	c, err := Compare(p, meant, http8080)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range c.Differences {
		t.Logf("%+v", d)
	}
	t.Log(c.Classes, c.More)
	_ = cmp.Diff
}
