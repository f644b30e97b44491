package check

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/syntax"
)

var sharedAccount = &diag.Rule{
	Code: "IDN-001", Name: "shared-service-account", Effect: diag.Report,
	Title: "two Services run under one service account",
	Why:   "A service account is the identity that policies see. Two Services under one are one caller: whatever is granted to either is granted to both.",
}

func runSharedAccount(p *Pass) {
	for _, m := range p.Estate.Meshes {
		users := usersOf(m)
		for id, ws := range users {
			told := map[*model.Service]bool{}
			for i, w := range ws {
				j := slices.IndexFunc(ws[:i], func(v *model.Workload) bool { return v.Service != w.Service && merged(v, w) })
				if j >= 0 && !told[w.Service] {
					told[w.Service] = true
					p.reportSharedAccount(id.namespace+"/"+id.account, id.account, ws[j].Service, w.Service)
				}
			}
		}
	}
}

// identity is a service account of a namespace, whichever trust domain vouches for it.
type identity struct{ namespace, account string }

// usersOf is the workloads of a mesh by the accounts that they run under.
func usersOf(m *model.Mesh) map[identity][]*model.Workload {
	users := map[identity][]*model.Workload{}
	for _, s := range m.Services {
		for _, w := range s.Workloads {
			for _, a := range w.Accounts {
				id := identity{s.Namespace.Name, a}
				users[id] = append(users[id], w)
			}
		}
	}
	return users
}

// merged reports whether some policy of the mesh takes an account of one workload for the same account of the other.
func merged(v, w *model.Workload) bool {
	return slices.ContainsFunc(v.Cluster.Mesh.Clusters, func(c *model.Cluster) bool {
		return c.Admits(v.Cluster.TrustDomain(), w.Cluster.TrustDomain())
	})
}

func (p *Pass) reportSharedAccount(key, account string, first, second *model.Service) {
	p.Report(accountSpan(second, account), diag.Finding{
		Message: fmt.Sprintf("%s and %s run under one service account, %q: a grant to either admits both (%s; %s)",
			second.Key(), first.Key(), key, mayCall(first), mayCall(second)),
		Help:    "give each Service a service account of its own (`serviceAccounts:`)",
		Related: []diag.Related{{Span: accountSpan(first, account), Message: first.Key() + " runs under it here"}},
		Objects: []string{first.Object(), second.Object()}, Field: "spec.serviceAccounts[" + account + "]",
	})
}

// mayCall says what a Service's own intents open to it.
func mayCall(s *model.Service) string {
	var all []string
	for _, a := range s.Mesh.Accesses {
		if a.Caller.Service == s {
			all = append(all, a.Endpoint.String())
		}
	}
	if len(all) == 0 {
		return s.Key() + " may call nothing"
	}
	return s.Key() + " may call " + some(all)
}

// accountSpan is where a Service names the account: in the spec, in a `per` entry, or by its own name.
func accountSpan(s *model.Service, account string) diag.Span {
	lists := []syntax.List[syntax.Text]{s.Doc.Spec.ServiceAccounts}
	for _, per := range s.Doc.Spec.Per.Items {
		lists = append(lists, per.ServiceAccounts)
	}
	for _, l := range lists {
		for _, t := range l.Items {
			if t.Value == account {
				return t.Span
			}
		}
	}
	return s.Doc.Metadata.Name.Span
}

var defaultAccount = &diag.Rule{
	Code: "IDN-002", Name: "default-service-account", Effect: diag.Report,
	Title: "a Service runs under the service account `default`",
	Why:   "Every pod of the namespace that names no account runs under `default`, so a grant to this Service admits all of them, also those that writ was never told of.",
}

func runDefaultAccount(p *Pass) {
	eachService(p.Estate, func(s *model.Service) {
		if !slices.ContainsFunc(s.Workloads, func(w *model.Workload) bool { return slices.Contains(w.Accounts, "default") }) {
			return
		}
		p.Report(accountSpan(s, "default"), diag.Finding{
			Message: fmt.Sprintf("%s runs under the service account default of namespace %s, as every pod does that names none (%s)", s.Key(), s.Namespace.Name, mayCall(s)),
			Help:    "create a service account for it and name it here, or leave `serviceAccounts` out: " + s.Name + " is then expected",
			Objects: []string{s.Object()}, Field: "spec.serviceAccounts[default]",
		})
	})
}

// eachService visits every Service document once, in the first mesh that it is placed in.
func eachService(e *model.Estate, visit func(*model.Service)) {
	seen := map[*syntax.Service]bool{}
	for _, m := range e.Meshes {
		for _, s := range m.Services {
			if !seen[s.Doc] {
				seen[s.Doc] = true
				visit(s)
			}
		}
	}
}

var outsiderIsService = &diag.Rule{
	Code: "IDN-003", Name: "outsider-is-service", Effect: diag.Withhold,
	Title: "an Outsider has the identity of a Service",
	Why:   "One identity would then have two documents, and what is granted to one is granted to the other. An alias of the trust domain is the same identity to a policy.",
}

func runOutsiderIsService(p *Pass) {
	for _, m := range p.Estate.Meshes {
		users := usersOf(m)
		for _, o := range m.Outsiders {
			domain, namespace, account := split(o)
			if squatted(p.Estate, o) != nil {
				continue // told where it is written, whoever comes to own the identity
			}
			for _, w := range users[identity{namespace, account}] {
				if !slices.ContainsFunc(o.Clusters, func(c *model.Cluster) bool { return c.Admits(domain, w.Cluster.TrustDomain()) }) {
					continue
				}
				s := w.Service
				p.withholdAll(m, o)
				p.Report(o.Doc.Spec.Identity.Span, diag.Finding{
					Message: fmt.Sprintf("%q is the identity of %s", o.Doc.Spec.Identity.Value, s.Key()),
					Help:    "delete the Outsider and let " + s.Key() + " declare its own intents",
					Related: []diag.Related{{Span: s.Doc.Metadata.Name.Span, Message: s.Key() + " is declared here"}},
					Objects: []string{"Outsider " + o.Name, s.Object()}, Field: "spec.identity",
				})
				break
			}
		}
	}
}

// split takes an Outsider's literal identity apart; all parts are "" where it has none.
func split(o *model.Outsider) (domain, namespace, account string) {
	parts := strings.Split(o.Doc.Spec.Identity.Value, "/")
	if len(parts) != 5 {
		return "", "", ""
	}
	return parts[0], parts[2], parts[4]
}

// squatted is the namespace of another team that a team's Outsider claims an identity of, nil where it claims none.
func squatted(e *model.Estate, o *model.Outsider) *model.Namespace {
	_, namespace, _ := split(o)
	i := slices.IndexFunc(e.Namespaces, func(n *model.Namespace) bool { return n.Name == namespace })
	if i < 0 || o.Team == nil {
		return nil
	}
	if n := e.Namespaces[i]; !slices.ContainsFunc(n.Parts, func(part model.NamespacePart) bool { return part.Team == o.Team }) {
		return n
	}
	return nil
}

func (p *Pass) withholdAll(m *model.Mesh, o *model.Outsider) {
	for _, a := range m.Accesses {
		if a.Caller.Outsider == o {
			p.Withhold(a)
		}
	}
}

var outsidersShare = &diag.Rule{
	Code: "IDN-006", Name: "outsiders-share-identity", Effect: diag.Withhold,
	Title: "two Outsiders have one identity",
	Why:   "What is granted to one is granted to the other, and no reader of the grant can see it. An alias of the trust domain is the same identity to a policy.",
}

func runOutsidersShare(p *Pass) {
	for _, m := range p.Estate.Meshes {
		earlier := map[identity][]*model.Outsider{}
		for _, o := range platformFirst(m.Outsiders) {
			_, namespace, account := split(o)
			if account == "" {
				continue
			}
			id := identity{namespace, account}
			if i := slices.IndexFunc(earlier[id], func(other *model.Outsider) bool { return oneIdentity(o, other) }); i >= 0 {
				p.outsiderShares(m, o, earlier[id][i])
			}
			earlier[id] = append(earlier[id], o)
		}
	}
}

// platformFirst are the Outsiders in the order in which an identity is theirs: what the platform declares no team's document takes.
func platformFirst(all []*model.Outsider) []*model.Outsider {
	var platforms, teams []*model.Outsider
	for _, o := range all {
		if o.Team == nil {
			platforms = append(platforms, o)
		} else {
			teams = append(teams, o)
		}
	}
	return append(platforms, teams...)
}

// oneIdentity reports whether policies cannot tell apart two Outsiders of one namespace and account: their trust domains are one,
// or one to a cluster that either calls.
func oneIdentity(o, other *model.Outsider) bool {
	domain, _, _ := split(o)
	otherDomain, _, _ := split(other)
	return slices.ContainsFunc(slices.Concat(o.Clusters, other.Clusters), func(c *model.Cluster) bool {
		return c.Admits(domain, otherDomain) || c.Admits(otherDomain, domain)
	})
}

func (p *Pass) outsiderShares(m *model.Mesh, o, other *model.Outsider) {
	p.withholdAll(m, o)
	id := o.Doc.Spec.Identity
	message := fmt.Sprintf("outsider %s has the identity of outsider %s", o.Name, other.Name)
	if id.Value != other.Doc.Spec.Identity.Value {
		message += fmt.Sprintf(": %q is the same to a policy, by an alias of the trust domain", other.Doc.Spec.Identity.Value)
	}
	p.Report(id.Span, diag.Finding{
		Message: message,
		Help:    "keep one of the two documents, with the intents of both",
		Related: []diag.Related{{Span: other.Doc.Spec.Identity.Span, Message: "the other one"}},
		Objects: []string{"Outsider " + other.Name, "Outsider " + o.Name}, Field: "spec.identity",
	})
}

var outsiderSquats = &diag.Rule{
	Code: "OWN-007", Name: "outsider-in-foreign-namespace", Effect: diag.Withhold,
	Title: "an Outsider in a team's folder has an identity of another team's namespace",
	Why:   "Identities of a namespace are its team's to give. An Outsider that claims one would stand in the way of the Service that it is meant for.",
}

func runOutsiderSquats(p *Pass) {
	for _, m := range p.Estate.Meshes {
		for _, o := range m.Outsiders {
			n := squatted(p.Estate, o)
			if n == nil {
				continue
			}
			p.withholdAll(m, o)
			p.Report(o.Doc.Spec.Identity.Span, diag.Finding{
				Message: fmt.Sprintf("outsider %s of team %s claims an identity of namespace %s, which is team %s's", o.Name, o.Team.Name, n.Name, n.Parts[0].Team.Name),
				Help:    "name the identity that it really has, or let the platform declare it in policies/platform",
				Related: []diag.Related{{Span: n.Parts[0].Key.Span, Message: "the namespace is declared here"}},
				Objects: []string{"Outsider " + o.Name}, Field: "spec.identity",
			})
		}
	}
}

var outsiderIsEverybody = &diag.Rule{
	Code: "IDN-005", Name: "outsider-is-everybody", Effect: diag.Withhold,
	Title: "an Outsider's range of addresses is everybody's",
	Why:   "An Outsider known by addresses is any peer from there, in plaintext and without identity. All addresses are everybody, pods of the mesh included.",
}

func runOutsiderIsEverybody(p *Pass) {
	told := map[*syntax.Outsider]bool{}
	for _, m := range p.Estate.Meshes {
		for _, a := range m.Accesses {
			o := a.Caller.Outsider
			if o == nil {
				continue
			}
			i := slices.IndexFunc(o.Doc.Spec.CIDRs.Items, func(t syntax.Text) bool { return everybody(t.Value) })
			if i < 0 {
				continue
			}
			p.Withhold(a)
			if told[o.Doc] {
				continue
			}
			told[o.Doc] = true
			p.Report(o.Doc.Spec.CIDRs.Items[i].Span, diag.Finding{
				Message: fmt.Sprintf("outsider %s is %q, which is everybody: pods of the mesh too", o.Name, o.Doc.Spec.CIDRs.Items[i].Value),
				Help:    "name the addresses that it calls from",
				Objects: []string{a.Caller.Object()}, Field: "spec.cidrs",
			})
		}
	}
}

// everybody reports whether a range is wider than any network that one organisation has: 10.0.0.0/8 is the largest of RFC 1918.
func everybody(cidr string) bool {
	p, err := netip.ParsePrefix(cidr)
	return err == nil && (p.Bits() < 8 || p.Addr().Is6() && p.Bits() < 16)
}

var selectorsMeet = &diag.Rule{
	Code: "IDN-004", Name: "selectors-meet", Effect: diag.Stop,
	Title: "two Services could select one pod",
	Why:   "A pod that both select is under both policies, and ALLOW policies add up: each Service's callers would be admitted to the other's endpoints.",
}

func runSelectorsMeet(p *Pass) {
	type pair struct{ a, b *syntax.Service }
	told := map[pair]bool{}
	for _, c := range p.Estate.Clusters {
		byNamespace := map[*model.Namespace][]*model.Workload{}
		for _, w := range c.Workloads {
			byNamespace[w.Service.Namespace] = append(byNamespace[w.Service.Namespace], w)
		}
		for _, ws := range byNamespace {
			eachMeeting(ws, func(a, b *model.Workload) {
				if a.Service.Key() > b.Service.Key() {
					a, b = b, a
				}
				k := pair{a.Service.Doc, b.Service.Doc}
				if told[k] {
					return
				}
				told[k] = true
				p.Report(selectorSpan(b.Service), diag.Finding{
					Message: fmt.Sprintf("%s selects pods with {%s} and %s with {%s}: one pod could have all of these labels", b.Service.Key(), labels(b), a.Service.Key(), labels(a)),
					Help:    "let both selectors name one label with different values, like `app: " + b.Service.Name + "`",
					Related: []diag.Related{{Span: selectorSpan(a.Service), Message: "the other selector"}},
					Objects: []string{a.Service.Object(), b.Service.Object()}, Field: "spec.selector",
				})
			})
		}
	}
}

func selectorSpan(s *model.Service) diag.Span {
	if len(s.Doc.Spec.Selector) > 0 {
		return s.Doc.Spec.Selector[0].Key.Span
	}
	return s.Doc.Metadata.Name.Span
}

func labels(w *model.Workload) string {
	var all []string
	for _, l := range w.Selector {
		all = append(all, l.Key+": "+l.Value)
	}
	return strings.Join(all, ", ")
}

// eachMeeting visits the pairs of workloads that one pod could belong to. Workloads that give the commonest key different
// values can never meet, so only those of one value, and those without the key, are compared one by one: a namespace of
// thousands stays linear where all of its selectors have a key in common.
func eachMeeting(ws []*model.Workload, visit func(a, b *model.Workload)) {
	count, values := map[string]int{}, map[model.Label]bool{}
	distinct := map[string]int{}
	for _, w := range ws {
		for _, l := range w.Selector {
			count[l.Key]++
			if !values[l] {
				values[l] = true
				distinct[l.Key]++
			}
		}
	}
	common := ""
	for k := range count {
		if common == "" || cmp.Or(cmp.Compare(count[k], count[common]), cmp.Compare(distinct[k], distinct[common]), cmp.Compare(common, k)) > 0 {
			common = k
		}
	}
	byValue := map[string][]*model.Workload{}
	var order []string
	var without []*model.Workload
	for _, w := range ws {
		i := slices.IndexFunc(w.Selector, func(l model.Label) bool { return l.Key == common })
		if i < 0 {
			without = append(without, w)
			continue
		}
		v := w.Selector[i].Value
		if byValue[v] == nil {
			order = append(order, v)
		}
		byValue[v] = append(byValue[v], w)
	}
	for _, v := range order {
		eachPair(append(byValue[v], without...), len(byValue[v]), visit)
	}
	eachPair(without, len(without), visit)
}

// eachPair visits the pairs that meet and whose first is among the first n.
func eachPair(ws []*model.Workload, n int, visit func(a, b *model.Workload)) {
	for i := range ws[:n] {
		for _, b := range ws[i+1:] {
			if ws[i].Service != b.Service && couldMeet(ws[i], b) {
				visit(ws[i], b)
			}
		}
	}
}

func couldMeet(a, b *model.Workload) bool {
	for _, l := range a.Selector {
		for _, k := range b.Selector {
			if l.Key == k.Key && l.Value != k.Value {
				return false
			}
		}
	}
	return true
}
