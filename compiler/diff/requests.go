package diff

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/prove/atoms"
)

// remainder is what one endpoint allows and others do not.
type remainder struct {
	endpoint string
	requests []string // in the words of the documents
	part     bool     // whether the others allow some of the endpoint
}

// endpoints are those that the accesses name, each once, by name.
func endpoints(accesses []*model.Access) []*model.Endpoint {
	var all []*model.Endpoint
	for _, a := range accesses {
		if !slices.Contains(all, a.Endpoint) {
			all = append(all, a.Endpoint)
		}
	}
	slices.SortFunc(all, func(a, b *model.Endpoint) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// signature says everything that the endpoints' requests depend on.
func signature(all []*model.Endpoint) string {
	var b strings.Builder
	for _, e := range all {
		fmt.Fprintf(&b, "%s %d %t %q", e.Name, e.Port.Number, e.Port.HTTP(), e.Methods)
		for _, p := range e.Paths {
			fmt.Fprintf(&b, " %s", p.Text)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// subtract is what is left of each of the endpoints without the others, by exact sets of methods and paths.
func subtract(from, others []*model.Endpoint) []remainder {
	var all []remainder
	for _, e := range from {
		var same []*model.Endpoint
		for _, o := range others {
			if o.Port.Number == e.Port.Number {
				same = append(same, o)
			}
		}
		if r, some := without(e, same); some {
			all = append(all, r)
		}
	}
	return all
}

// without is the requests of e that none of the others allows.
func without(e *model.Endpoint, others []*model.Endpoint) (remainder, bool) {
	whole := remainder{endpoint: e.Name, requests: offered(e)}
	if len(others) == 0 {
		return whole, true
	}
	s := newSpace(append(slices.Clone(others), e))
	left := map[string]atoms.Set{} // by method
	some, part := false, false
	for _, method := range s.methods {
		mine := s.paths(e, method)
		rest := mine
		for _, o := range others {
			rest = rest.AndNot(s.paths(o, method))
		}
		part = part || !rest.Equal(mine)
		some = some || !rest.Empty()
		left[method] = rest
	}
	switch {
	case !some:
		return remainder{}, false
	case !part:
		return whole, true
	}
	return remainder{endpoint: e.Name, requests: s.words(e, others, left), part: true}, true
}

// anyOther stands for every method that no endpoint names.
const anyOther = "any other method"

// maxStates is far more than the paths of one Service can need: they branch at {rest...} alone, and it ends them.
const maxStates = 1 << 20

// space is the paths and methods that some endpoints name, divided.
type space struct {
	methods []string
	divided *atoms.Space
}

func newSpace(all []*model.Endpoint) space {
	var patterns []atoms.Pattern
	named := map[string]bool{}
	for _, e := range all {
		for _, m := range e.Methods {
			named[m] = true
		}
		for _, p := range e.Paths {
			patterns = append(patterns, pathPattern(p))
		}
	}
	divided, err := atoms.Divide(atoms.Path(""), patterns, maxStates)
	if err != nil {
		panic("diff: " + err.Error()) // paths of a document end in {rest...} at most, and cannot multiply
	}
	return space{methods: append(slices.Sorted(maps.Keys(named)), anyOther), divided: divided}
}

// paths are those that the endpoint allows with the method.
func (s space) paths(e *model.Endpoint, method string) atoms.Set {
	if e.Methods != nil && !slices.Contains(e.Methods, method) {
		return atoms.Set(nil)
	}
	if e.Paths == nil {
		return atoms.All(s.divided.Len())
	}
	set := atoms.Set(nil)
	for _, p := range e.Paths {
		set = set.Or(s.divided.Set(pathPattern(p)))
	}
	return set
}

// words says what is left of e: methods that have the same left are said together, and each path without those of the others
// that take something from it.
func (s space) words(e *model.Endpoint, others []*model.Endpoint, left map[string]atoms.Set) []string {
	var all []string
	said := map[string]bool{}
	for _, method := range s.methods {
		if said[method] || left[method].Empty() {
			continue
		}
		var methods []string
		for _, m := range s.methods {
			if left[m].Equal(left[method]) {
				methods = append(methods, m)
				said[m] = true
			}
		}
		who := strings.Join(methods, ", ")
		if e.Methods == nil && len(methods) == len(s.methods) {
			who = "any method"
		}
		for _, path := range s.pathWords(e, others, method, left[method]) {
			all = append(all, who+" "+path)
		}
	}
	return all
}

func (s space) pathWords(e *model.Endpoint, others []*model.Endpoint, method string, left atoms.Set) []string {
	if e.Paths == nil {
		return []string{"any path" + s.but(others, method, atoms.All(s.divided.Len()), left)}
	}
	var all []string
	for _, p := range e.Paths {
		set := s.divided.Set(pathPattern(p))
		if !set.And(left).Empty() {
			all = append(all, p.Text+s.but(others, method, set, left))
		}
	}
	return all
}

// but names the others' paths that are not part of what is left of a set.
func (s space) but(others []*model.Endpoint, method string, set, left atoms.Set) string {
	if set.AndNot(left).Empty() {
		return ""
	}
	var all []string
	for _, o := range others {
		if o.Methods != nil && !slices.Contains(o.Methods, method) {
			continue
		}
		for _, p := range o.Paths {
			if !s.divided.Set(pathPattern(p)).And(set).Empty() && !slices.Contains(all, p.Text) {
				all = append(all, p.Text)
			}
		}
	}
	return " but not " + strings.Join(all, ", ")
}

func pathPattern(p model.Pattern) atoms.Pattern {
	istio := p.Istio()
	if strings.Contains(istio, "{*}") || strings.Contains(istio, "{**}") {
		return atoms.Template(istio)
	}
	return atoms.Exact(istio)
}

// offered is the endpoint in words, a line for each path.
func offered(e *model.Endpoint) []string {
	if !e.Port.HTTP() {
		return []string{fmt.Sprintf("everything on port %d (%s)", e.Port.Number, e.Port.Protocol)}
	}
	who := "any method"
	if e.Methods != nil {
		who = strings.Join(e.Methods, ", ")
	}
	if e.Paths == nil {
		return []string{who + " any path"}
	}
	var all []string
	for i := range e.Paths {
		all = append(all, said(e, i, who))
	}
	return all
}

// said is one path of an endpoint in the words of its document, by callers with some methods.
func said(e *model.Endpoint, i int, methods string) string {
	if len(e.Doc.GRPC.Items) > 0 {
		return "gRPC " + e.Paths[i].Text
	}
	return methods + " " + e.Paths[i].Text
}
