package istio

import (
	"fmt"
	"strconv"

	"writ.dev/writ/compiler/plan"
)

// floorName and openSuffix contain a dot, which the name of a Service may not: neither collides with a workload's policy.
const (
	floorName  = "writ.floor"
	openSuffix = ".open"
)

// authorizationPolicy is the part of Istio's AuthorizationPolicy that writ uses: allow rules of exact principals or addresses,
// always with ports. https://istio.io/latest/docs/reference/config/security/authorization-policy/
type authorizationPolicy struct {
	Selector *selector `yaml:"selector,omitempty"`
	Action   string    `yaml:"action,omitempty"`
	// Rules may be missing, and the policy then allows nothing. One empty rule is the opposite: it allows everything.
	Rules []rule `yaml:"rules,omitempty"`
}

type rule struct {
	From []from `yaml:"from,omitempty"`
	To   []to   `yaml:"to,omitempty"`
}

type from struct {
	Source source `yaml:"source"`
}

// source lists one to a line, so that a new caller is one new line of a diff.
type source struct {
	Principals []string `yaml:"principals,omitempty"`
	IPBlocks   []string `yaml:"ipBlocks,omitempty"`
}

type to struct {
	Operation operation `yaml:"operation"`
}

type operation struct {
	Ports   []string `yaml:"ports,flow"`
	Methods []string `yaml:"methods,flow,omitempty"`
	Paths   []string `yaml:"paths,omitempty"`
}

func authorizationPolicies(c plan.Cluster) []manifest {
	var ms []manifest
	for _, f := range c.Floors {
		ms = append(ms, floor(f))
	}
	for i := range c.Workloads {
		w := &c.Workloads[i]
		if w.AllowAll != nil {
			ms = append(ms, allowAll(w))
		}
		ms = append(ms, allowPolicies(w)...)
	}
	return ms
}

// floor allows nothing to any pod of the namespace: an ALLOW policy without rules, which the allow policies of workloads add to.
func floor(f plan.Floor) manifest {
	return newManifest(f.Namespace, floorName, f.Origin, f.Span, authorizationPolicy{}).
		annotate(syncOptionsAnnotation, confirmRemoval).
		annotate(waveAnnotation, floorWave)
}

// allowAll opens a workload in spite of the floor above it, and says why to whoever reads the manifest.
func allowAll(w *plan.Workload) manifest {
	spec := authorizationPolicy{Selector: &selector{labels(w)}, Action: "ALLOW", Rules: []rule{{}}}
	return newManifest(w.Namespace, w.Name+openSuffix, w.AllowAll.Origin, w.Span, spec).
		annotate(becauseAnnotation, w.AllowAll.Because).
		annotate(untilAnnotation, w.AllowAll.Until)
}

func allowPolicies(w *plan.Workload) []manifest {
	switch w.Authz {
	case plan.AuthzOff:
		return nil
	case plan.AuthzShadow, plan.AuthzEnforce:
	default:
		panic(fmt.Sprintf("istio: workload %s/%s has no authorization stage", w.Namespace, w.Name))
	}
	var ms []manifest
	for _, p := range w.Policies {
		spec := authorizationPolicy{Selector: &selector{labels(w)}, Action: "ALLOW", Rules: rules(p.Rules)}
		m := newManifest(w.Namespace, p.Name, w.Origin, w.Span, spec).forIntents(p.Intents)
		if w.Authz == plan.AuthzShadow {
			// https://istio.io/latest/docs/tasks/security/authorization/authz-dry-run/
			m.annotate("istio.io/dry-run", "true")
		}
		ms = append(ms, m)
	}
	return ms
}

// rules leaves out a rule without callers or without operations. It admits nobody to nothing in the plan, whereas Istio reads a
// missing `from` as everybody and a missing `to` as everything.
func rules(planned []plan.Rule) []rule {
	var rs []rule
	for _, p := range planned {
		r := rule{From: sources(p), To: operations(p.Operations)}
		if len(r.From) > 0 && len(r.To) > 0 {
			rs = append(rs, r)
		}
	}
	return rs
}

// sources keeps principals and addresses apart: within one source Istio would ask for both.
func sources(r plan.Rule) []from {
	var fs []from
	if len(r.Principals) > 0 {
		fs = append(fs, from{source{Principals: r.Principals}})
	}
	if len(r.CIDRs) > 0 {
		fs = append(fs, from{source{IPBlocks: r.CIDRs}})
	}
	return fs
}

// operations leaves out an operation whose methods or paths are an empty list: it is requests of no kind, whereas Istio reads a
// missing list as every one.
func operations(planned []plan.Operation) []to {
	var ts []to
	for _, o := range planned {
		if o.Methods != nil && len(o.Methods) == 0 || o.Paths != nil && len(o.Paths) == 0 {
			continue
		}
		ts = append(ts, to{operation{Ports: []string{strconv.Itoa(o.Port)}, Methods: o.Methods, Paths: o.Paths}})
	}
	return ts
}
