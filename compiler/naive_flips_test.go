package compiler

import (
	"context"
	"io/fs"
	"maps"
	"slices"
	"testing"
	"testing/fstest"

	"writ.dev/writ/compiler/naive"
	"writ.dev/writ/compiler/syntax"
)

// flips each take something out of an estate's documents. What they change in the meaning of an estate would go unseen if one of
// the two derivations did not know of it.
var flips = []struct {
	name string
	flip func(*syntax.Tree)
}{
	{"per", services(func(s *syntax.Service) { s.Spec.Per.Items = nil })},
	{"per service accounts", pers(func(p *syntax.Per) { p.ServiceAccounts.Items = nil })},
	{"per selector", pers(func(p *syntax.Per) { p.Selector = nil })},
	{"per hosts", pers(func(p *syntax.Per) { p.Hosts.Items = nil })},
	{"per target ports", pers(func(p *syntax.Per) { p.TargetPorts = nil })},
	{"service accounts", services(func(s *syntax.Service) { s.Spec.ServiceAccounts.Items = nil })},
	{"selector", services(func(s *syntax.Service) { s.Spec.Selector = nil })},
	{"hosts", services(func(s *syntax.Service) { s.Spec.Hosts.Items = nil })},
	{"clusters of Services", services(func(s *syntax.Service) { s.Spec.Clusters = syntax.Selection{} })},
	{"clusters of teams", teams(func(s *syntax.Team) { s.Spec.Clusters = syntax.Selection{} })},
	{"clusters of namespaces", namespaces(func(n *syntax.Namespace) { n.Clusters = syntax.Selection{} })},
	{"audience", endpoints(func(e *syntax.Endpoint) { e.Audience.Value = "" })},
	{"named ports", endpoints(func(e *syntax.Endpoint) { e.Port.Value = "" })},
	{"grants to Services", grants(func(g *syntax.Grant) { g.From.Service.Value = "" })},
	{"grants to teams", grants(func(g *syntax.Grant) { g.From.Team.Value = "nobody" })},
	{"grants to Outsiders", grants(func(g *syntax.Grant) { g.From.Outsider.Value = "" })},
	{"infrastructure", meshes(func(m *syntax.Mesh) { m.Spec.Infrastructure.Items = nil })},
	{"aliases", clusters(func(c *syntax.Cluster) { c.Spec.TrustDomainAliases.Items = nil })},
	{"skip-validate", clusters(func(c *syntax.Cluster) {
		c.Spec.SkipValidateTrustDomain.Value = !c.Spec.SkipValidateTrustDomain.Value
	})},
	{"discovers", clusters(func(c *syntax.Cluster) { c.Spec.Discovers = syntax.Selection{} })},
	{"meshes", clusters(func(c *syntax.Cluster) { c.Spec.Mesh.Value = "main" })},
	{"Outsiders by address", func(t *syntax.Tree) {
		t.Outsiders = slices.DeleteFunc(t.Outsiders, func(o *syntax.Outsider) bool { return len(o.Spec.CIDRs.Items) > 0 })
	}},
	{"Outsiders by identity", func(t *syntax.Tree) {
		t.Outsiders = slices.DeleteFunc(t.Outsiders, func(o *syntax.Outsider) bool { return len(o.Spec.CIDRs.Items) == 0 })
	}},
	{"clusters of Outsiders", outsiders(func(o *syntax.Outsider) { o.Spec.Clusters = syntax.Selection{} })},
	{"retired namespaces", namespaces(func(n *syntax.Namespace) { n.Retired.Value = false })},
	{"floors of namespaces", namespaces(func(n *syntax.Namespace) { n.Floor.Value = false })},
	{"floors of clusters", clusters(func(c *syntax.Cluster) { c.Spec.Floor.Value = false })},
	{"strict", meshes(func(m *syntax.Mesh) { m.Spec.Strict.Value = false })},
	{"exceptions", meshes(func(m *syntax.Mesh) { m.Spec.Exceptions.Items = nil })},
	{"reachable", meshes(func(m *syntax.Mesh) { m.Spec.Reachable.Items = nil })},
	{"stages of meshes", meshes(func(m *syntax.Mesh) { m.Spec.Stages = syntax.Stages{} })},
	{"stages of clusters", clusters(func(c *syntax.Cluster) { c.Spec.Stages = syntax.Stages{} })},
	{"stages of namespaces", namespaces(func(n *syntax.Namespace) { n.Stages = syntax.Stages{} })},
	{"stages of Services", services(func(s *syntax.Service) { s.Spec.Stages = syntax.Stages{} })},
}

func each[T any](of func(*syntax.Tree) []*T, f func(*T)) func(*syntax.Tree) {
	return func(t *syntax.Tree) {
		for _, one := range of(t) {
			f(one)
		}
	}
}

func meshes(f func(*syntax.Mesh)) func(*syntax.Tree) {
	return each(func(t *syntax.Tree) []*syntax.Mesh { return t.Meshes }, f)
}

func clusters(f func(*syntax.Cluster)) func(*syntax.Tree) {
	return each(func(t *syntax.Tree) []*syntax.Cluster { return t.Clusters }, f)
}

func teams(f func(*syntax.Team)) func(*syntax.Tree) {
	return each(func(t *syntax.Tree) []*syntax.Team { return t.Teams }, f)
}

func outsiders(f func(*syntax.Outsider)) func(*syntax.Tree) {
	return each(func(t *syntax.Tree) []*syntax.Outsider { return t.Outsiders }, f)
}

func services(f func(*syntax.Service)) func(*syntax.Tree) {
	return each(func(t *syntax.Tree) []*syntax.Service { return t.Services }, f)
}

func pers(f func(*syntax.Per)) func(*syntax.Tree) {
	return services(func(s *syntax.Service) {
		for i := range s.Spec.Per.Items {
			f(&s.Spec.Per.Items[i])
		}
	})
}

func endpoints(f func(*syntax.Endpoint)) func(*syntax.Tree) {
	return services(func(s *syntax.Service) {
		for i := range s.Spec.Endpoints {
			f(&s.Spec.Endpoints[i].Value)
		}
	})
}

func grants(f func(*syntax.Grant)) func(*syntax.Tree) {
	return services(func(s *syntax.Service) {
		for i := range s.Spec.Grants.Items {
			f(&s.Spec.Grants.Items[i])
		}
	})
}

func namespaces(f func(*syntax.Namespace)) func(*syntax.Tree) {
	return teams(func(t *syntax.Team) {
		for i := range t.Spec.Namespaces {
			f(&t.Spec.Namespaces[i].Value)
		}
	})
}

// TestRandomEstatesDecide: everything that the language has decides something in some of the estates, so that the test above
// would see a derivation that did not know of it.
func TestRandomEstatesDecide(t *testing.T) {
	t.Parallel()
	const few = 3
	var estates []fstest.MapFS
	var meant []facts
	for seed := range 30 {
		estates = append(estates, wideEstate.Example(seed))
		meant = append(meant, meaning(estates[seed], func(*syntax.Tree) {}))
	}
	for _, f := range flips {
		decides, tried := 0, 0
		for decides < few && tried < len(estates) {
			if !maps.Equal(meant[tried], meaning(estates[tried], f.flip)) {
				decides++
			}
			tried++
		}
		t.Logf("%-24s decides in %d of %d estates", f.name, decides, tried)
		if decides == 0 {
			t.Errorf("%s decides in none of %d estates", f.name, tried)
		}
	}
}

// meaning is all that an estate means, with a flip.
func meaning(fsys fs.FS, flip func(*syntax.Tree)) facts {
	tree, _ := syntax.Parse(context.Background(), fsys)
	flip(tree)
	e := naive.Derive(tree)
	f := naiveManifests(e, nil)
	maps.Copy(f, naiveAccesses(e))
	return f
}
