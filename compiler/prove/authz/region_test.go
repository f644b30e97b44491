package authz

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writ.dev/writ/compiler/prove/manifest"
)

// TestRegions asks what a mixture of old and new policies may do: a cluster has some of each for a while.
func TestRegions(t *testing.T) {
	rule := func(path string) manifest.Rule {
		return manifest.Rule{
			From: []manifest.Source{principals(checkout)},
			To:   []manifest.Operation{{Ports: []string{"8080"}, Methods: []string{"GET"}, Paths: []string{path}}},
		}
	}
	old, fresh := policy("ALLOW", rule("/v1/{*}"), rule("/v2/{*}")), policy("ALLOW", rule("/v2/{*}"))
	deny := policy("DENY", rule("/v2/me"))
	m := &Meant{Allow: []Allowance{
		{Principals: []string{checkout}, Port: 8080, Methods: []string{"GET"}, Paths: []string{"/v2/{id}"}},
	}}
	s, err := NewSpace(Scope{
		Mesh: point().Mesh, TLS: &TLS{Mode: strict}, Ports: http8080, Policies: []*manifest.Object{old, fresh, deny}, Meant: []*Meant{m},
	})
	if err != nil {
		t.Fatal(err)
	}
	before, _ := s.Decided([]*manifest.Object{old})
	after, _ := s.Decided([]*manifest.Object{fresh, deny})
	both, _ := s.Decided([]*manifest.Object{old, fresh, deny})
	if !both.AndNot(before.Or(after)).Empty() {
		t.Errorf("the mixture allows %+v", both.AndNot(before.Or(after)).Witness())
	}
	if !before.And(after).AndNot(both).Empty() {
		t.Errorf("the mixture refuses %+v", before.And(after).AndNot(both).Witness())
	}
	if nothing, _ := s.Decided([]*manifest.Object{deny}); !nothing.And(s.Matched(deny)).Empty() || nothing.Empty() {
		t.Error("without an ALLOW policy, everything is allowed but what is denied")
	}
	lost := before.AndNot(after)
	if got, want := lost.Witness(), get("/v1/x"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	want := map[string][]string{
		"peer": {"eu-0/ns/shop/sa/checkout", checkout}, "port": {"8080"}, "method": {"GET"}, "path": {"/v1/{*}", "/v2/me"},
	}
	if diff := cmp.Diff(want, lost.Box()); diff != "" {
		t.Error(diff)
	}
	// The alias is more than what is meant, and the DENY less.
	wide := after.Or(s.Matched(deny)).AndNot(s.Meant(m))
	if got, want := wide.Witness(), get("/v2/x").by("eu-0/ns/shop/sa/checkout"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := s.Meant(m).AndNot(after).Witness(); got.Path != "/v2/me" {
		t.Errorf("got %+v", got)
	}
	if !s.Refused().Equal(s.Refused()) || s.Refused().Equal(lost) || s.Refused().Witness().Principal != "" {
		t.Error("who has no identity is refused, and nobody else")
	}
}

// TestClasses: every class is shown once, and decided as its region is.
func TestClasses(t *testing.T) {
	m := &Meant{Allow: []Allowance{
		{Principals: []string{checkout}, Port: 8080, Methods: []string{"GET"}, Paths: []string{"/v2/{id}"}},
		{Principals: []string{checkout}, Port: 6379},
	}}
	s, err := NewSpace(Scope{
		Mesh: point().Mesh, TLS: &TLS{Mode: strict}, Ports: []Port{{8080, true}, {6379, false}}, Meant: []*Meant{m},
	})
	if err != nil {
		t.Fatal(err)
	}
	shown, let := map[string]bool{}, 0
	for r := range s.Classes() {
		key := fmt.Sprintf("%+v", r)
		if shown[key] {
			t.Errorf("%s is shown twice", key)
		}
		shown[key] = true
		if m.allows(&r) {
			let++
		}
	}
	if n := s.count(); int64(len(shown)) != n || n == 0 {
		t.Errorf("%d classes are shown of %d", len(shown), n)
	}
	// The identity and its alias, by HTTP on the path and by TCP.
	if let < 2 || let == len(shown) {
		t.Errorf("%d of %d are meant", let, len(shown))
	}
}
