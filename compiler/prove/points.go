package prove

import (
	"cmp"
	"fmt"
	"slices"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/prove/authz"
	"writ.dev/writ/compiler/prove/manifest"
)

// point is an enforcement point: pods that the same objects select, with what is meant of them.
type point struct {
	pod   authz.Pod
	meant *meant
	// extra are the labels by which somebody else's selector picks these pods among the workload's, or among those that no
	// document names; "" where none does.
	extra string
	// named says that a document names the namespace.
	named bool

	policies, tokens []*manifest.Object
	// peers and sidecars are those that could decide, in the order in which Istio asks them: those that select the pods, those of
	// the namespace, those of the mesh.
	peers, sidecars [3][]*manifest.Object
}

// anyOther stands for the namespaces that nobody named. No namespace has such a name.
const anyOther = "any other namespace"

// noNamespace is how the hosts of a Sidecar begin that imports nothing.
const noNamespace = "~"

// gatewayName is on the pods of a Gateway of Kubernetes' Gateway API.
const gatewayName = "gateway.networking.k8s.io/gateway-name"

// points are the enforcement points of namespaces, as far as a document or an object is about them.
func (r *prover) points(namespaces []string) []point {
	var all []point
	for _, name := range namespaces {
		workloads, named := r.workloads[name]
		if named || name == anyOther || r.modelled[name] != nil {
			all = append(all, r.pointsOf(name, workloads, named)...)
		}
	}
	return all
}

// attached is the objects that hold for a namespace, by the selector that they have; -1 is none.
type attached struct {
	selectors        selectors
	policies, tokens map[int][]*manifest.Object
	peers, sidecars  map[int][]*manifest.Object
}

const noSelector = -1

func (r *prover) attachedTo(namespace string) *attached {
	a := &attached{
		policies: map[int][]*manifest.Object{}, tokens: map[int][]*manifest.Object{},
		peers: map[int][]*manifest.Object{}, sidecars: map[int][]*manifest.Object{},
	}
	add := func(to map[int][]*manifest.Object, o *manifest.Object, selector map[string]string) {
		i := noSelector
		if len(selector) > 0 {
			i = a.selectors.number(selector)
		}
		to[i] = append(to[i], o)
	}
	targeted := func(to map[int][]*manifest.Object, o *manifest.Object, targets []manifest.TargetRef, selector map[string]string) {
		if len(targets) == 0 {
			add(to, o, selector)
		}
		for _, t := range targets {
			add(to, o, map[string]string{gatewayName: t.Name})
		}
	}
	root := r.Cluster.Mesh.RootNamespace
	for _, from := range slices.Compact([]string{namespace, root}) {
		c := r.modelled[from]
		if c == nil {
			continue
		}
		for _, o := range c.policies {
			targeted(a.policies, o, o.AuthorizationPolicy.TargetRefs, o.AuthorizationPolicy.Selector)
		}
		for _, o := range c.tokens {
			targeted(a.tokens, o, o.RequestAuthentication.TargetRefs, o.RequestAuthentication.Selector)
		}
		for _, o := range c.peers {
			if from == root && len(o.PeerAuthentication.Selector) > 0 {
				continue // Istio passes over a selector there: pilot/pkg/security/authn, ComposePeerAuthentication
			}
			add(a.peers, o, o.PeerAuthentication.Selector)
		}
		for _, o := range c.sidecars {
			switch selector := o.Sidecar.Selector; {
			case selector == nil:
				add(a.sidecars, o, nil)
			case from == namespace: // a selector is for pods of its own namespace, also in the root; an empty one is for all of them
				i := a.selectors.number(selector)
				a.sidecars[i] = append(a.sidecars[i], o)
			}
		}
	}
	return a
}

func (r *prover) pointsOf(namespace string, workloads []*model.Workload, named bool) []point {
	a := r.attachedTo(namespace)
	at := map[int][]*model.Workload{} // by selector
	for _, w := range workloads {
		i := a.selectors.number(selectorOf(w))
		at[i] = append(at[i], w)
	}
	classes, ok := classesOf(a.selectors.all)
	if !ok {
		r.tooManyClasses(namespace, a)
		return nil
	}
	others := r.Meaning.others(r.Cluster, namespace)
	meaning := make(map[*model.Workload]*meant, len(workloads))
	for _, w := range workloads {
		meaning[w] = r.Meaning.of(w)
	}
	var all []point
	for _, c := range classes {
		p := r.pointAt(namespace, a, c)
		p.meant, p.named = others, named
		if len(c.labels) > 0 {
			p.extra = c.String()
		}
		mine := 0
		for _, i := range c.selected {
			for _, w := range at[i] {
				q := p
				q.meant, q.extra = meaning[w], beside(c, selectorOf(w))
				all = append(all, q)
				mine++
			}
		}
		if mine == 0 {
			all = append(all, p)
		}
	}
	return all
}

func selectorOf(w *model.Workload) map[string]string {
	all := make(map[string]string, len(w.Selector))
	for _, l := range w.Selector {
		all[l.Key] = l.Value
	}
	return all
}

// beside is the labels of a class beyond those of a workload's selector.
func beside(c class, selector map[string]string) string {
	more := class{labels: map[string]string{}}
	for key, value := range c.labels {
		if _, mine := selector[key]; !mine {
			more.labels[key] = value
		}
	}
	if len(more.labels) == 0 {
		return ""
	}
	return more.String()
}

// pointAt is the point of a class, without what is meant there. Which policies attach is what the semantics of policies says;
// the index by selectors only keeps it from being asked about all of them.
func (r *prover) pointAt(namespace string, a *attached, c class) point {
	root := r.Cluster.Mesh.RootNamespace
	p := point{pod: authz.Pod{Namespace: namespace, Labels: c.labels}}
	gather := func(from map[int][]*manifest.Object) []*manifest.Object {
		all := slices.Clone(from[noSelector])
		for _, i := range c.selected {
			all = append(all, from[i]...)
		}
		return slices.DeleteFunc(all, func(o *manifest.Object) bool { return !authz.Attaches(o, p.pod, root) })
	}
	p.policies, p.tokens = gather(a.policies), gather(a.tokens)
	byNearness := func(from map[int][]*manifest.Object) (near [3][]*manifest.Object) {
		for _, i := range c.selected {
			near[0] = append(near[0], from[i]...)
		}
		for _, o := range from[noSelector] {
			if o.Namespace == root {
				near[2] = append(near[2], o)
			} else {
				near[1] = append(near[1], o)
			}
		}
		return near
	}
	p.peers, p.sidecars = byNearness(a.peers), byNearness(a.sidecars)
	return p
}

func (r *prover) tooManyClasses(namespace string, a *attached) {
	count := map[string]bool{}
	for _, s := range a.selectors.all {
		for key := range s {
			count[key] = true
		}
	}
	where := "namespace " + namespace
	if namespace == anyOther {
		where = anyOther
	}
	r.found.Add(diag.Finding{
		Rule: tooComplex, Span: r.home(namespace),
		Message: fmt.Sprintf("the selectors of %s in %s ask for %d different labels, and combine to more kinds of pods than can be compared",
			where, r.Cluster.Name, len(count)),
		Help:    "let the selectors of the namespace name one label with different values",
		Objects: []string{"Namespace " + namespace, "Cluster " + r.Cluster.Name}, Field: "selectors",
	})
}

// home is the text that declares a namespace, or the cluster where none does.
func (r *prover) home(namespace string) diag.Span {
	if n := r.Meaning.namespaces[namespace]; n != nil {
		for _, part := range n.Parts {
			if slices.Contains(part.Clusters, r.Cluster) {
				return part.Key.Span
			}
		}
	}
	return r.Cluster.Doc.Metadata.Name.Span
}

// choices are the ways in which one object of each row decides: the oldest of a row does, and how old an object will be in the
// cluster is not to be read from a file. Most points have one way.
func choices(near [3][]*manifest.Object, created func(*manifest.Object) string) [][]*manifest.Object {
	all := [][]*manifest.Object{nil}
	for _, row := range near {
		oldest := oldestOf(row, created)
		if len(oldest) == 0 {
			continue
		}
		var next [][]*manifest.Object
		for _, chosen := range all {
			for _, o := range oldest {
				next = append(next, append(slices.Clone(chosen), o))
			}
		}
		if all = next; len(all) > mostChoices {
			return nil
		}
	}
	return all
}

// mostChoices is far more than a namespace has objects of one kind without selectors by honest mistake.
const mostChoices = 64

// oldestOf are those of a row that could be the oldest. Timestamps are RFC 3339 in UTC, and so in the order of their text.
func oldestOf(row []*manifest.Object, created func(*manifest.Object) string) []*manifest.Object {
	if slices.ContainsFunc(row, func(o *manifest.Object) bool { return created(o) == "" }) || len(row) < 2 {
		return row
	}
	first := created(slices.MinFunc(row, func(a, b *manifest.Object) int { return cmp.Compare(created(a), created(b)) }))
	return slices.DeleteFunc(slices.Clone(row), func(o *manifest.Object) bool { return created(o) != first })
}
