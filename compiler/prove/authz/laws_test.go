package authz

import (
	"math/rand"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"writ.dev/writ/compiler/prove/manifest"
)

// TestLaws changes policies in ways that change no meaning, and expects the same differences.
func TestLaws(t *testing.T) {
	laws := map[string]func(r random, p *Point){
		"the order of policies": func(_ random, p *Point) { slices.Reverse(p.Policies) },
		"the order of rules": func(_ random, p *Point) {
			rewrite(p, func(a *manifest.AuthorizationPolicy) { slices.Reverse(a.Rules) })
		},
		"a rule twice": func(_ random, p *Point) {
			rewrite(p, func(a *manifest.AuthorizationPolicy) { a.Rules = append(a.Rules, a.Rules...) })
		},
		"a policy in two": func(_ random, p *Point) {
			for _, o := range slices.Clone(p.Policies) {
				if len(o.AuthorizationPolicy.Rules) < 2 {
					continue
				}
				half := *o
				spec := *o.AuthorizationPolicy
				half.AuthorizationPolicy = &spec
				spec.Rules, o.AuthorizationPolicy.Rules = spec.Rules[:1], o.AuthorizationPolicy.Rules[1:]
				p.Policies = append(p.Policies, &half)
			}
		},
		"a rule of two sources in two rules": func(_ random, p *Point) {
			rewrite(p, func(a *manifest.AuthorizationPolicy) {
				for _, r := range slices.Clone(a.Rules) {
					// An ALLOW rule that is dropped for one of its sources is not two.
					if a.Action == "DENY" && len(r.From) == 2 {
						one, other := r, r
						one.From, other.From = r.From[:1], r.From[1:]
						a.Rules = append(a.Rules, one, other)
					}
				}
			})
		},
		"values in another order, and twice": func(_ random, p *Point) {
			rewrite(p, func(a *manifest.AuthorizationPolicy) {
				for _, r := range a.Rules {
					for i := range r.From {
						s := &r.From[i]
						s.Principals = append(slices.Clip(s.Principals), s.Principals...)
						slices.Reverse(s.Principals)
					}
					for i := range r.To {
						slices.Reverse(r.To[i].Paths)
						slices.Reverse(r.To[i].NotMethods)
					}
				}
			})
		},
	}
	for name, change := range laws {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				r := random{rt}
				p, m := r.point(), r.meant()
				before, err := Compare(p, m, declared)
				if err != nil {
					rt.Skip(err)
				}
				was := told(before)
				change(r, p)
				after, err := Compare(p, m, declared)
				if err != nil {
					rt.Fatal(err)
				}
				if !reflect.DeepEqual(was, told(after)) || (before.More > 0) != (after.More > 0) {
					rt.Errorf("before: %s\nafter: %s", strings.Join(was, "\n  "), strings.Join(told(after), "\n  "))
				}
			})
		})
	}
}

func rewrite(p *Point, change func(a *manifest.AuthorizationPolicy)) {
	for _, o := range p.Policies {
		change(o.AuthorizationPolicy)
	}
}

// TestNamesMeanNothing gives callers other names, and expects the differences to have them.
func TestNamesMeanNothing(t *testing.T) {
	rename := strings.NewReplacer("checkout", "c1", "frontend", "f1", "shop", "s1")
	p, m := readAddress()
	p.Policies[0].AuthorizationPolicy.Rules[0].From[0].Principals = []string{checkout, "eu-1/ns/shop/sa/cart", "*/ns/ads/sa/ads"}
	before, err := Compare(p, m, http8080)
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range [][]string{p.Policies[0].AuthorizationPolicy.Rules[0].From[0].Principals, m.Allow[0].Principals} {
		for i := range list {
			list[i] = rename.Replace(list[i])
		}
	}
	after, err := Compare(p, m, http8080)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, s := range told(before) {
		want = append(want, rename.Replace(s))
	}
	got := told(after)
	slices.Sort(got)
	slices.Sort(want)
	if len(want) != 2 || !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestCallersOfOneKindAreOneClass counts classes rather than time: thousands of callers with the same accesses are one.
func TestCallersOfOneKindAreOneClass(t *testing.T) {
	alike := func(callers int) (*Point, *Meant) {
		p, m := destination(1, 12, callers)
		for i := range m.Allow {
			m.Allow[i].Principals = m.Allow[0].Principals
			p.Policies[0].AuthorizationPolicy.Rules[i].From[0].Principals = m.Allow[0].Principals
		}
		return p, m
	}
	var classes []int64
	for _, callers := range []int{2, 2000} {
		p, m := alike(callers)
		c, err := Compare(p, m, http8080)
		if err != nil || len(c.Differences) > 0 {
			t.Fatalf("%d callers: %v, %+v", callers, err, c)
		}
		classes = append(classes, c.Classes)
	}
	if classes[0] != classes[1] {
		t.Errorf("%d classes of requests", classes)
	}
	// Slices do not hide what differs in many of them, and what is told is one box for all.
	p, m := alike(200)
	p.Policies[0].AuthorizationPolicy.Rules[3].To[0].Methods = nil
	for _, dense := range []int{1, denseCells} {
		c, err := compare(p, m, http8080, dense)
		if err != nil {
			t.Fatal(err)
		}
		if d := c.differences(); len(d) != 1 || c.more > 0 || len(d[0].Box["peer"]) != 200 {
			t.Errorf("%d differences and %d more: %+v", len(d), c.more, d)
		}
	}
}

// TestWhatIsRenderedIsWhatIsMeant compares large destinations of many forms.
func TestWhatIsRenderedIsWhatIsMeant(t *testing.T) {
	for n, size := range [][2]int{{1, 1}, {12, 3}, {1, 500}, {200, 3}, {90, 70}} {
		p, m := destination(n, size[0], size[1])
		c, err := Compare(p, m, http8080)
		if err != nil || len(c.Differences) > 0 || c.More > 0 {
			t.Errorf("%d rules of %d callers: %v, %+v", size[0], size[1], err, c)
		}
	}
}

// TestManyDifferencesAreCounted has more differences than are told.
func TestManyDifferencesAreCounted(t *testing.T) {
	p, m := destination(1, 40, 1)
	r := rand.New(rand.NewSource(1))
	r.Shuffle(len(m.Allow), func(i, j int) {
		m.Allow[i].Principals, m.Allow[j].Principals = m.Allow[j].Principals, m.Allow[i].Principals
	})
	c, err := Compare(p, m, http8080)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Differences) != maxDifferences || c.More == 0 {
		t.Errorf("%d differences and %d more", len(c.Differences), c.More)
	}
}
