package diff

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/syntax"
)

// Switch is something besides accesses that opens or closes, or that changes who somebody is: a stage of a workload, a floor, a
// trust domain.
type Switch struct {
	Subject  string // like `Service shop/checkout`, `namespace shop`, `Cluster eu-1`
	Clusters []string
	What     string // like authz, mtls, outbound, floor, identity
	Before   string // "" where nothing was set
	After    string // "" where nothing is
	// Looser says that more gets through than before by this alone.
	Looser bool
}

// setting names one value in one cluster.
type setting struct{ cluster, subject, what string }

// value is what a setting can be, and how much it closes: more closes more.
type value struct {
	text   string
	closes int
}

// switches are the settings that differ, joined over clusters, the loosening ones first.
func switches(before, after Side) []Switch {
	was, is := settings(before), settings(after)
	type change struct {
		subject, what string
		before, after value
	}
	clusters := map[change][]string{}
	add := func(s setting) {
		whole := setting{s.cluster, s.subject, declared}
		_, before := was[whole]
		_, after := is[whole]
		if before != after && s.what != declared || before && after && s.what == declared {
			return // one line tells of a Service that comes or goes, and none that it is there
		}
		c := change{s.subject, s.what, was[s], is[s]}
		if c.before != c.after && !slices.Contains(clusters[c], s.cluster) {
			clusters[c] = append(clusters[c], s.cluster)
		}
	}
	for s := range was {
		add(s)
	}
	for s := range is {
		add(s)
	}
	var all []Switch
	for c, in := range clusters {
		slices.Sort(in)
		all = append(all, Switch{
			Subject: c.subject, Clusters: in, What: c.what, Before: c.before.text, After: c.after.text,
			Looser: c.after.closes < c.before.closes,
		})
	}
	slices.SortFunc(all, compareSwitch)
	return all
}

func compareSwitch(a, b Switch) int {
	looser := func(s Switch) int {
		if s.Looser {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(looser(a), looser(b)), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.What, b.What),
		slices.Compare(a.Clusters, b.Clusters))
}

// declared is that there is a Service at all.
const declared = "declared"

// settings are all that an estate sets, by cluster; what is not set is not among them.
func settings(s Side) map[setting]value {
	all := map[setting]value{}
	for _, c := range s.Estate.Clusters {
		clusterSettings(all, c)
		for _, n := range s.Estate.Namespaces {
			if n.In(c) {
				at := func(what string) setting { return setting{c.Name, "namespace " + n.Name, what} }
				set(all, at("floor"), n.Floor(c) != nil, 1)
				set(all, at("retired"), n.Retired(c), 0)
			}
		}
		for _, w := range c.Workloads {
			workloadSettings(all, w)
		}
	}
	return all
}

func clusterSettings(all map[setting]value, c *model.Cluster) {
	at := func(what string) setting { return setting{c.Name, "Cluster " + c.Name, what} }
	spec := &c.Doc.Spec
	set(all, at("floor"), spec.Floor.Value, 1)
	set(all, at("strict"), spec.Strict.Value || c.Mesh.Doc.Spec.Strict.Value, 1)
	all[at("trust domain")] = value{text: c.TrustDomain()}
	all[at("trust domain aliases")] = value{text: texts(spec.TrustDomainAliases), closes: -len(spec.TrustDomainAliases.Items)}
	set(all, at("skipValidateTrustDomain"), spec.SkipValidateTrustDomain.Value, -1)
	all[at("always reachable")] = value{text: texts(c.Mesh.Doc.Spec.Reachable), closes: -len(c.Mesh.Doc.Spec.Reachable.Items)}
}

func workloadSettings(all map[setting]value, w *model.Workload) {
	at := func(what string) setting {
		return setting{w.Cluster.Name, w.Service.Object(), what}
	}
	stages := fmt.Sprintf("mtls %s, authz %s, outbound %s", w.Stages.MTLS, w.Stages.Authz, w.Stages.Outbound)
	all[at(declared)] = value{text: stages}
	if w.Stages.Authz == model.AuthzEnforce && !w.Floor {
		all[at(declared)] = value{stages, 1} // without its policy its pods stand open
	}
	all[at("mtls")] = value{w.Stages.MTLS.String(), int(w.Stages.MTLS)}
	all[at("authz")] = value{w.Stages.Authz.String(), int(w.Stages.Authz)}
	all[at("outbound")] = value{w.Stages.Outbound.String(), int(w.Stages.Outbound)}
	var principals, labels, ports []string
	for _, account := range w.Accounts {
		principals = append(principals, w.Principal(account))
	}
	for _, l := range w.Selector {
		labels = append(labels, l.Key+"="+l.Value)
	}
	for _, name := range slices.Sorted(maps.Keys(w.TargetPorts)) {
		ports = append(ports, fmt.Sprintf("%s %d", name, w.TargetPorts[name]))
	}
	all[at("identity")] = joined(principals)
	all[at("pods")] = joined(labels)
	all[at("container ports")] = joined(ports)
	all[at("hosts")] = joined(w.Hosts)
}

func joined(parts []string) value {
	parts = slices.Clone(parts)
	slices.Sort(parts)
	return value{text: strings.Join(parts, ", ")}
}

func texts(l syntax.List[syntax.Text]) string {
	return joined(syntax.Values(l)).text
}

// set notes what is switched on.
func set(all map[setting]value, s setting, on bool, closes int) {
	if on {
		all[s] = value{"yes", closes}
	}
}
