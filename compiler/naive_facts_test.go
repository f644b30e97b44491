package compiler

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"writ.dev/writ/compiler/check"
	"writ.dev/writ/compiler/emit"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/naive"
)

// facts are sentences about an estate, in which two derivations of it can be held against each other.
type facts map[string]bool

func (f facts) say(format string, args ...any) { f[fmt.Sprintf(format, args...)] = true }

// differ are the facts that only one side has.
func differ(product, naive facts) []string {
	var all []string
	for s := range product {
		if !naive[s] {
			all = append(all, "only writ:   "+s)
		}
	}
	for s := range naive {
		if !product[s] {
			all = append(all, "only naive:  "+s)
		}
	}
	slices.Sort(all)
	return all
}

// naiveManifests is what manifests should say of what the documents mean.
func naiveManifests(e *naive.Estate, roots map[string]string) facts {
	f := facts{}
	for place, w := range e.Workloads {
		if w.MTLS == "none" {
			continue // no sidecar that anything could be rendered for
		}
		pods := fmt.Sprintf("%s %s %s", place.Cluster, place.Namespace, labels(w.Selector))
		f.say("%s: mtls %s", pods, strings.ToUpper(w.MTLS))
		for port := range w.Plaintext {
			f.say("%s: mtls on %d PERMISSIVE", pods, port)
		}
		if w.Open {
			f.say("%s: enforce open", pods)
		}
		if w.Authz != "off" && !w.Retired {
			f.say("%s: %s", pods, w.Authz)
			for a := range w.Allowed {
				f.say("%s: %s %s %d %q %q", pods, w.Authz, a.Peer, a.Port, a.Method, a.Path)
			}
		}
		if w.Outbound == "scoped" {
			f.say("%s: scoped", pods)
			for host := range w.Hosts {
				f.say("%s: calls %s", pods, host)
			}
		}
	}
	for floor := range e.Floors {
		namespace := floor.Namespace
		if namespace == "" {
			namespace = roots[floor.Cluster]
		}
		f.say("%s %s {}: floor", floor.Cluster, namespace)
	}
	for cluster, strict := range e.Strict {
		if strict {
			f.say("%s %s {}: mtls STRICT", cluster, roots[cluster])
		}
	}
	return f
}

func labels(selector map[string]string) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(selector)) {
		all = append(all, k+"="+selector[k])
	}
	return "{" + strings.Join(all, ",") + "}"
}

// object is what is read of a manifest: the fields of all kinds that are rendered.
type object struct {
	Kind     string
	Metadata struct{ Annotations map[string]string }
	Spec     struct {
		Selector              struct{ MatchLabels map[string]string }
		Action                string
		Rules                 []rule
		MTLS                  struct{ Mode string }            `json:"mtls"`
		PortLevelMTLS         map[string]struct{ Mode string } `json:"portLevelMtls"`
		WorkloadSelector      struct{ Labels map[string]string }
		OutboundTrafficPolicy struct{ Mode string }
		Egress                []struct{ Hosts []string }
	}
}

type rule struct {
	From []struct {
		Source struct{ Principals, IPBlocks []string }
	}
	To []struct {
		Operation struct{ Ports, Methods, Paths []string }
	}
}

// manifestFacts reads manifests back from their bytes. What it does not expect is a fact of its own, which no derivation has.
func manifestFacts(files []emit.File) (facts, error) {
	f := facts{}
	for _, file := range files {
		var o object
		if err := yaml.Unmarshal(file.Data, &o); err != nil {
			return nil, fmt.Errorf("%s: %w", file.Path, err)
		}
		dir := strings.Split(path.Dir(file.Path), "/")
		where := dir[0] + " " + dir[1] + " "
		switch o.Kind {
		case "PeerAuthentication":
			pods := where + labels(o.Spec.Selector.MatchLabels)
			f.say("%s: mtls %s", pods, o.Spec.MTLS.Mode)
			for port, tls := range o.Spec.PortLevelMTLS {
				f.say("%s: mtls on %s %s", pods, port, tls.Mode)
			}
		case "Sidecar":
			sidecarFacts(f, where+labels(o.Spec.WorkloadSelector.Labels), &o)
		case "AuthorizationPolicy":
			policyFacts(f, where+labels(o.Spec.Selector.MatchLabels), &o)
		case "DestinationRule": // of the example's overlay
		default:
			f.say("%s: %s", file.Path, o.Kind)
		}
	}
	return f, nil
}

func sidecarFacts(f facts, pods string, o *object) {
	if o.Spec.OutboundTrafficPolicy.Mode == "REGISTRY_ONLY" {
		f.say("%s: scoped", pods)
	}
	for _, egress := range o.Spec.Egress {
		for _, host := range egress.Hosts {
			if host != "~/*" { // nothing
				f.say("%s: calls %s", pods, host)
			}
		}
	}
}

func policyFacts(f facts, pods string, o *object) {
	if strings.HasSuffix(pods, "{}") && o.Spec.Action == "" && o.Spec.Rules == nil {
		f.say("%s: floor", pods)
		return
	}
	stage := "enforce"
	if o.Metadata.Annotations["istio.io/dry-run"] == "true" {
		stage = "shadow"
	}
	if len(o.Spec.Rules) == 1 && o.Spec.Rules[0].From == nil && o.Spec.Rules[0].To == nil {
		f.say("%s: %s open", pods, stage)
		return
	}
	f.say("%s: %s", pods, stage)
	for _, r := range o.Spec.Rules {
		for _, from := range r.From {
			for _, to := range r.To {
				for _, peer := range slices.Concat(from.Source.Principals, from.Source.IPBlocks) {
					for _, port := range to.Operation.Ports {
						for _, method := range orAny(to.Operation.Methods) {
							for _, path := range orAny(to.Operation.Paths) {
								f.say("%s: %s %s %s %q %q", pods, stage, peer, port, method, path)
							}
						}
					}
				}
			}
		}
	}
}

func orAny(values []string) []string {
	if len(values) == 0 {
		return []string{""}
	}
	return values
}

// naiveAccesses is what model and check should say of what the documents mean.
func naiveAccesses(e *naive.Estate) facts {
	f := facts{}
	fates := map[naive.Fate]string{naive.Held: "held", naive.Pending: "pending", naive.Withheld: "withheld"}
	for call, fate := range e.Calls {
		f.say("%s: %s -> %s %s, infrastructure %v: %s", call.Mesh, call.From, call.To, call.Endpoint, call.Infrastructure, fates[fate])
	}
	for place, w := range e.Workloads {
		at := place.Cluster + " " + place.Namespace + "/" + place.Name
		f.say("%s: %s %s %s", at, w.MTLS, w.Authz, w.Outbound)
		for a := range w.Admitted {
			f.say("%s: admits %s on %d %q %q", at, a.Peer, a.Port, a.Method, a.Path)
		}
	}
	return f
}

// modelFacts is what model derives and check lets stand.
func modelFacts(estate *model.Estate, checked check.Checked) facts {
	f := facts{}
	for _, m := range estate.Meshes {
		for _, a := range m.Pending {
			f.say("%s: %s -> %s, infrastructure false: pending", m.Name, a.Caller.Key(), a.Endpoint)
		}
		for _, a := range m.Accesses {
			fate := "withheld"
			for leg := range a.Legs() {
				if checked.Holds(a, leg.From) {
					fate = "held"
					admitted(f, a, leg)
				}
			}
			f.say("%s: %s -> %s, infrastructure %v: %s", m.Name, a.Caller.Key(), a.Endpoint, a.Consent == model.ByPlatform, fate)
		}
	}
	for _, c := range estate.Clusters {
		for _, w := range c.Workloads {
			f.say("%s %s: %s %s %s", c.Name, w.Service.Key(), w.Stages.MTLS, w.Stages.Authz, w.Stages.Outbound)
		}
	}
	return f
}

// admitted says whom a policy at the end of a leg admits.
func admitted(f facts, a *model.Access, leg model.Leg) {
	var peers []string
	c := leg.To.Cluster
	for _, principal := range principals(a, leg) {
		named, rest, _ := strings.Cut(principal, "/ns/")
		peers = append(peers, principal)
		for _, peer := range append([]string{c.TrustDomain()}, aliases(c)...) {
			if c.Admits(named, peer) {
				peers = append(peers, peer+"/ns/"+rest)
			}
		}
	}
	if o := a.Caller.Outsider; o != nil {
		for _, cidr := range o.Doc.Spec.CIDRs.Items {
			peers = append(peers, cidr.Value)
		}
	}
	var paths []string
	for _, p := range a.Endpoint.Paths {
		paths = append(paths, p.Istio())
	}
	at, port := c.Name+" "+leg.To.Service.Key(), leg.To.TargetPorts[a.Endpoint.Port.Name]
	for _, peer := range peers {
		for _, method := range orAny(a.Endpoint.Methods) {
			for _, path := range orAny(paths) {
				f.say("%s: admits %s on %d %q %q", at, peer, port, method, path)
			}
		}
	}
}

func principals(a *model.Access, leg model.Leg) []string {
	if o := a.Caller.Outsider; o != nil {
		if o.Doc.Spec.Identity.Value == "" {
			return nil
		}
		return []string{o.Doc.Spec.Identity.Value}
	}
	if leg.From.Stages.MTLS == model.MTLSNone {
		return nil // plan gives it no identity
	}
	var all []string
	for _, account := range leg.From.Accounts {
		all = append(all, leg.From.Principal(account))
	}
	return all
}

func aliases(c *model.Cluster) []string {
	var all []string
	for _, alias := range c.Doc.Spec.TrustDomainAliases.Items {
		all = append(all, alias.Value)
	}
	return all
}
