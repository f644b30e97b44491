package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"sigs.k8s.io/yaml"

	"writ.dev/writ/compiler/conformance"
	"writ.dev/writ/compiler/conformance/e2e/wire"
	"writ.dev/writ/compiler/prove/authz"
	"writ.dev/writ/compiler/prove/manifest"
)

// trial is policies that are tried at one spot.
type trial struct {
	name    string
	drawn   *rand.Rand         // what policies are drawn from; nil where they are written
	world   *conformance.World // those that were drawn
	objects []object
	paths   []string // raw ones to be sent, beside what the policies tell apart

	spot    *spot
	point   *authz.Point
	classes []authz.Request
	less    []lesser
	asks    bool // whether it has CUSTOM policies

	sent   []attempt
	unsent map[string]int // by what is in the way
}

// lesser is the point without an occurrence of a construct.
type lesser struct {
	conformance.Less
	point *authz.Point
}

// attempt is a request that was sent, or is about to be.
type attempt struct {
	class authz.Request
	wire  wire.Request

	answer wire.Answer
	line   *spotLine // what the sidecar logged, nil where it logged nothing
	asked  []string  // the authorizers that were asked
}

// mostClasses is how many classes of requests a trial may have.
const mostClasses = 700

// objectsOf are a world's policies as they are for a spot: in its namespace, and those in the root namespace for its pod alone.
func (s *spot) objectsOf(w *conformance.World) ([]object, error) {
	raw, err := w.Objects()
	if err != nil {
		return nil, err
	}
	var all []object
	for _, data := range raw {
		o := object{}
		if err := json.Unmarshal(data, &o); err != nil {
			return nil, err
		}
		all = append(all, s.own(o))
	}
	return all, nil
}

func (s *spot) own(o object) object {
	meta := o["metadata"].(object)
	meta["name"] = s.pod.ns + "-" + fmt.Sprint(meta["name"])
	spec, _ := o["spec"].(object)
	switch meta["namespace"] {
	case rootNamespace:
		if spec == nil {
			spec = object{}
			o["spec"] = spec
		}
		if spec["targetRef"] != nil || spec["targetRefs"] != nil {
			break
		}
		selector, _ := spec["selector"].(object)
		labels, _ := selector["matchLabels"].(object)
		labels = maps.Clone(labels)
		if labels == nil {
			labels = object{}
		}
		labels[ownLabel] = s.pod.ns
		spec["selector"] = object{"matchLabels": labels}
	case "shop", nil:
		meta["namespace"] = s.pod.ns
	}
	return o
}

// pointOf reads policies back from their bytes, as a proof does. It also says what of them the evaluator has no meaning for.
func (b *bench) pointOf(s *spot, w *conformance.World, objects []object) (*authz.Point, []manifest.Unknown, error) {
	var file bytes.Buffer
	for _, o := range objects {
		document, err := yaml.Marshal(o)
		if err != nil {
			return nil, nil, err
		}
		fmt.Fprintf(&file, "---\n%s", document)
	}
	read, err := manifest.Read("trial.yaml", file.Bytes())
	if err != nil {
		// What cannot be read has no meaning either.
		return nil, []manifest.Unknown{{Field: err.Error()}}, nil //nolint:nilerr // see above
	}
	pod := authz.Pod{Namespace: s.pod.ns, Labels: s.pod.labels}
	p := &authz.Point{
		Mesh:      authz.Mesh{TrustDomain: benchDomain, Aliases: b.aliases, RootNamespace: rootNamespace, Normalization: b.normalization},
		Namespace: s.pod.ns, Issuers: s.issuers, TLS: authz.TLSOf(read, pod, rootNamespace),
	}
	if w != nil {
		p.Mesh.Aliases, p.Issuers = w.Aliases, w.Issuers
	}
	var unknown []manifest.Unknown
	for _, o := range read {
		unknown = append(unknown, o.Unknown...)
		if authz.Attaches(o, pod, rootNamespace) {
			unknown = append(unknown, authz.Unmodelled(o)...)
			p.Policies = append(p.Policies, o)
		}
	}
	return p, unknown, nil
}

// prepare divides the requests to a trial's spot. It reports whether the trial can be made.
func (b *bench) prepare(t *trial) (bool, error) {
	var err error
	if t.world != nil {
		t.world.TrustDomain, t.world.Aliases, t.world.Issuers = benchDomain, b.aliases, t.spot.issuers
		if t.objects, err = t.spot.objectsOf(t.world); err != nil {
			return false, err
		}
	} else {
		for _, o := range t.objects {
			t.spot.own(o)
		}
	}
	var unknown []manifest.Unknown
	if t.point, unknown, err = b.pointOf(t.spot, t.world, t.objects); err != nil || len(unknown) > 0 {
		return false, err
	}
	t.asks = slices.ContainsFunc(t.point.Policies, func(o *manifest.Object) bool { return o.AuthorizationPolicy.Action == "CUSTOM" })
	// Tokens are sent to those who accept none as well, and are not seen there.
	scope := authz.Scope{Mesh: t.point.Mesh, TLS: t.point.TLS, Issuers: tokenIssuers, Policies: t.point.Policies}
	for _, p := range declared {
		scope.Ports = append(scope.Ports, authz.Port{Number: p.number, HTTP: p.name != "tcp"})
	}
	space, err := authz.NewSpace(scope)
	if err != nil {
		return false, nil //nolint:nilerr // it is too complex, and another one is drawn
	}
	for r := range space.Classes() {
		if t.classes = append(t.classes, r); len(t.classes) > mostClasses {
			return false, nil
		}
	}
	if t.world == nil {
		return true, nil
	}
	decided := false
	for _, less := range conformance.Without(t.world) {
		objects, err := t.spot.objectsOf(less.World)
		if err != nil {
			return false, err
		}
		l := lesser{Less: less}
		if l.point, _, err = b.pointOf(t.spot, less.World, objects); err != nil {
			return false, err
		}
		if l.point == nil {
			continue
		}
		t.less = append(t.less, l)
		decided = decided || less.Construct == t.name && slices.ContainsFunc(t.classes, func(r authz.Request) bool { return t.decides(&l, r) })
	}
	return decided, nil
}

// decides reports whether a request is answered otherwise without a construct, or counted otherwise by dry-run policies.
func (t *trial) decides(l *lesser, r authz.Request) bool {
	if !l.Concerns(&r) {
		return false
	}
	with, without := t.point.Decide(r), l.point.Decide(r)
	if with.Answer != without.Answer || with.Provider != without.Provider {
		return true
	}
	return dry(t.point, r) != dry(l.point, r)
}

// dry is what the dry-run policies of a point would do, were they all there is.
func dry(p *authz.Point, r authz.Request) authz.Answer {
	alone := *p
	alone.DryRun = true
	return alone.Decide(r).Answer
}
