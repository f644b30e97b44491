package prove

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"writ.dev/writ/compiler/prove/manifest"
)

func holds(selector, labels map[string]string) bool {
	for key, value := range selector {
		if labels[key] != value {
			return false
		}
	}
	return true
}

// TestEveryPodIsOfOneClass: each combination of labels that a pod can have belongs to a class whose selectors are those that hold
// of the pod, and each class is a pod that there can be.
func TestEveryPodIsOfOneClass(t *testing.T) {
	t.Parallel()
	keys, values := []string{"app", "tier", "track"}, []string{"", "a", "b", "c"}
	rapid.Check(t, func(t *rapid.T) {
		selector := rapid.MapOf(rapid.SampledFrom(keys), rapid.SampledFrom(values[1:]))
		selectors := rapid.SliceOfN(selector, 0, 6).Draw(t, "selectors")
		classes, ok := classesOf(selectors)
		if !ok {
			t.Fatal("too many")
		}
		known := map[string]bool{}
		for _, c := range classes {
			known[fmt.Sprint(c.selected)] = true
			for i, s := range selectors {
				if holds(s, c.labels) != slices.Contains(c.selected, i) {
					t.Fatalf("a pod of class %v: selector %d, %v", c, i, s)
				}
			}
		}
		for _, app := range values {
			for _, tier := range values {
				for _, track := range values {
					pod := map[string]string{"app": app, "tier": tier, "track": track}
					maps.DeleteFunc(pod, func(_, value string) bool { return value == "" })
					var selected []int
					for i, s := range selectors {
						if holds(s, pod) {
							selected = append(selected, i)
						}
					}
					if !known[fmt.Sprint(selected)] {
						t.Fatalf("no class has the pod %v, of selectors %v", pod, selected)
					}
				}
			}
		}
	})
}

func TestSelectorsOfOneLabelAreAClassEach(t *testing.T) {
	t.Parallel()
	var selectors []map[string]string
	for i := range 20_000 {
		selectors = append(selectors, map[string]string{"app": fmt.Sprint(i)})
	}
	classes, ok := classesOf(selectors)
	if !ok || len(classes) != len(selectors)+1 {
		t.Errorf("%d classes, %v", len(classes), ok)
	}
}

func TestSelectorsOfManyLabelsAreRefused(t *testing.T) {
	t.Parallel()
	var selectors []map[string]string
	for i := range 40 {
		selectors = append(selectors, map[string]string{fmt.Sprint("tier-", i): "x"})
	}
	if classes, ok := classesOf(selectors); ok {
		t.Errorf("%d classes", len(classes))
	}
}

// TestTheOldestDecides: of several objects in a row each that could be the oldest is a way, and the nearest row comes first.
func TestTheOldestDecides(t *testing.T) {
	t.Parallel()
	at := func(name, created string) *manifest.Object {
		return &manifest.Object{Name: name, PeerAuthentication: &manifest.PeerAuthentication{Created: created}}
	}
	for _, c := range []struct {
		name string
		near [3][]*manifest.Object
		want []string
	}{
		{"none", [3][]*manifest.Object{}, []string{"[]"}},
		{"one of each", [3][]*manifest.Object{{at("a", "")}, {at("b", "")}, {at("c", "")}}, []string{"[a b c]"}},
		{"of unknown age", [3][]*manifest.Object{{at("a", ""), at("b", "")}, {at("c", "")}}, []string{"[a c]", "[b c]"}},
		{"of known age", [3][]*manifest.Object{{at("a", "2026-02-01T00:00:00Z"), at("b", "2026-01-01T00:00:00Z")}}, []string{"[b]"}},
		{"of one age", [3][]*manifest.Object{{at("a", "2026-01-01T00:00:00Z"), at("b", "2026-01-01T00:00:00Z"), at("c", "2026-02-01T00:00:00Z")}}, []string{"[a]", "[b]"}},
		{"of partly known age", [3][]*manifest.Object{{at("a", "2026-01-01T00:00:00Z"), at("b", "")}}, []string{"[a]", "[b]"}},
	} {
		var got []string
		for _, way := range choices(c.near, func(o *manifest.Object) string { return o.PeerAuthentication.Created }) {
			var names []string
			for _, o := range way {
				names = append(names, o.Name)
			}
			got = append(got, fmt.Sprint(names))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestWhatASidecarImports(t *testing.T) {
	t.Parallel()
	of := func(hosts ...string) imports {
		return importsOf(&manifest.Object{Namespace: "istio-system", Sidecar: &manifest.Sidecar{Egress: []manifest.Egress{{Hosts: hosts}}}}, "shop")
	}
	const host = "shop/cart.shop.svc.cluster.local"
	for _, c := range []struct {
		hosts []string
		want  bool
	}{
		{[]string{host}, true},
		{[]string{"./cart.shop.svc.cluster.local"}, true},
		{[]string{"*/cart.shop.svc.cluster.local"}, true},
		{[]string{"shop/*"}, true},
		{[]string{"*/*"}, true},
		{[]string{"shop/*.shop.svc.cluster.local"}, true},
		{[]string{"*/*.svc.cluster.local"}, true},
		{[]string{"~/*"}, false},
		{[]string{"other/cart.shop.svc.cluster.local"}, false},
		{[]string{"other/*"}, false},
		{[]string{"shop/art.shop.svc.cluster.local"}, false},
		{[]string{"shop/*.other.svc.cluster.local"}, false},
	} {
		if got := of(c.hosts...).has(host); got != c.want {
			t.Errorf("%v imports it: %v", c.hosts, got)
		}
	}
}

func TestWhatTouchesAHostOfTheMesh(t *testing.T) {
	t.Parallel()
	n := names{forms: map[string]string{"cart.shop": "", "cart.shop.svc": "", "cart.shop.svc.cluster.local": ""}, domain: "cluster.local"}
	for _, c := range []struct {
		host, namespace string
		want            bool
	}{
		{"cart", "shop", true},
		{"cart", "other", false},
		{"cart.shop", "other", true},
		{"cart.shop.svc.cluster.local", "other", true},
		{"Cart.Shop.svc.cluster.local.", "other", true},
		{"*", "other", true},
		{"*.local", "other", true},
		{"*.shop.svc.cluster.local", "other", true},
		{"*.other.svc.cluster.local", "other", false},
		{"api.example.com", "shop", false},
		{"*.example.com", "shop", false},
	} {
		if got := n.touched(c.host, c.namespace); got != c.want {
			t.Errorf("%s of namespace %s: %v", c.host, c.namespace, got)
		}
	}
}

func TestAddressesApart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		address, services string
		want              bool
	}{
		{"240.0.0.1", "10.96.0.0/16", true},
		{"10.96.1.1", "10.96.0.0/16", false},
		{"10.0.0.0/8", "10.96.0.0/16", false},
		{"192.0.2.0/24", "", false},
		{"::ffff:10.96.1.1", "10.96.0.0/16", false},
		{"::ffff:192.0.2.1", "10.96.0.0/16", true},
		{"nonsense", "10.96.0.0/16", false},
	} {
		if got := apart(c.address, c.services); got != c.want {
			t.Errorf("%s and %q: %v", c.address, c.services, got)
		}
	}
}
