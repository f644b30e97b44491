package conformance

import (
	"slices"
	"strconv"
	"strings"

	sec "istio.io/api/security/v1beta1"
	"istio.io/istio/pilot/pkg/model"

	"writ.dev/writ/compiler/conformance/rbac"
)

// Construct names a thing that policies can say. It decided a request when taking it away changes the answer.
type Construct = string

// The constructs that are no fields or values.
const (
	actionAllow    Construct = "action ALLOW"
	actionDeny     Construct = "action DENY"
	actionCustom   Construct = "action CUSTOM"
	actionAudit    Construct = "action AUDIT, which decides nothing: as DENY it would"
	twoProviders   Construct = "CUSTOM with two providers, which refuses"
	dryRunAllow    Construct = "dry-run ALLOW"
	dryRunDeny     Construct = "dry-run DENY"
	noRules        Construct = "ALLOW without rules"
	emptyRule      Construct = "an empty rule"
	selector       Construct = "selector"
	emptySelector  Construct = "a selector of nothing, which selects all"
	ofGateway      Construct = "targetRefs of the pod's gateway"
	ofOther        Construct = "targetRefs of another gateway"
	ofGatewayRoot  Construct = "targetRefs of the pod's gateway, in the root namespace"
	ofNone         Construct = "targetRefs, for a pod of no gateway"
	rootPolicy     Construct = "a policy in the root namespace"
	otherNamespace Construct = "a policy in another namespace, which does not attach"
	aliases        Construct = "trust domain aliases"
	httpOnTCPAllow Construct = "HTTP attributes on a TCP port, in ALLOW: the rule is dropped"
	httpOnTCPDeny  Construct = "HTTP attributes on a TCP port, in DENY: they are passed over"
	httpOnTCPAsk   Construct = "HTTP attributes on a TCP port, in CUSTOM: they are passed over"
	wrongValue     Construct = "a value that cannot be read, in ALLOW: the rule is dropped"
	wrongValueDeny Construct = "a value that cannot be read, in DENY: it is passed over"
	wrongKey       Construct = "a key that is not understood"
	noIdentity     Construct = "a not-form of a peer's identity, for a peer without one"
	noToken        Construct = "a not-form of a token's claims, for a request without one"
	noIssuers      Construct = "no RequestAuthentication: tokens are not seen"
)

// occurrence is one place of a world where a construct stands.
type occurrence struct {
	construct Construct
	// without takes the construct away from a copy of the world.
	without func(*World)
	// only, where it is set, says which requests the construct is about.
	only func(http bool, r *rbac.Request) bool
}

// occurrences are all constructs of a world, with the way to take each one away.
func occurrences(w *World) []occurrence {
	var all []occurrence
	add := func(c Construct, without func(*World)) { all = append(all, occurrence{construct: c, without: without}) }
	for i := range w.Policies {
		all = append(all, ofPolicy(w, i)...)
		for j, rule := range w.Policies[i].Spec.Rules {
			all = append(all, ofRule(w, i, j, rule)...)
		}
	}
	if len(w.Aliases) > 0 {
		add(aliases, func(w *World) { w.Aliases = nil })
	}
	if w.Issuers == nil {
		all = append(all, occurrence{
			noIssuers, func(w *World) { w.Issuers = []string{"https://idp.example", "partners"} },
			func(http bool, _ *rbac.Request) bool { return http },
		})
	}
	return all
}

func drop(i int) func(*World) {
	return func(w *World) { w.Policies = slices.Delete(w.Policies, i, i+1) }
}

func ofPolicy(w *World, i int) []occurrence {
	var all []occurrence
	add := func(c Construct, without func(*World)) { all = append(all, occurrence{construct: c, without: without}) }
	p := &w.Policies[i]
	dry, _ := strconv.ParseBool(p.DryRun)
	switch p.Spec.Action {
	case sec.AuthorizationPolicy_ALLOW:
		add(actionAllow, drop(i))
		if len(p.Spec.Rules) == 0 {
			add(noRules, drop(i))
		}
	case sec.AuthorizationPolicy_DENY:
		add(actionDeny, drop(i))
	case sec.AuthorizationPolicy_CUSTOM:
		add(actionCustom, drop(i))
		for j := range w.Policies {
			if a, b := p.Spec.GetProvider().GetName(), w.Policies[j].Spec.GetProvider().GetName(); j > i && a != "" && b != "" && a != b {
				add(twoProviders, func(w *World) { w.Policies[j].Spec.GetProvider().Name = a })
			}
		}
	case sec.AuthorizationPolicy_AUDIT:
		add(actionAudit, func(w *World) { w.Policies[i].Spec.Action = sec.AuthorizationPolicy_DENY })
	}
	if dry {
		c := map[sec.AuthorizationPolicy_Action]Construct{
			sec.AuthorizationPolicy_ALLOW: dryRunAllow, sec.AuthorizationPolicy_DENY: dryRunDeny,
		}[p.Spec.Action]
		if c != "" {
			add(c, func(w *World) { w.Policies[i].DryRun = "" })
		}
	}
	if s := p.Spec.Selector; s != nil {
		if len(s.MatchLabels) > 0 {
			add(selector, func(w *World) { w.Policies[i].Spec.Selector = nil })
		} else {
			add(emptySelector, drop(i))
		}
	}
	if p.Spec.TargetRef != nil || p.Spec.TargetRefs != nil {
		without := func(w *World) { w.Policies[i].Spec.TargetRef, w.Policies[i].Spec.TargetRefs = nil, nil }
		gateway, is := w.Labels[gatewayName]
		name := model.GetTargetRefs(p.Spec)[0].Name
		switch {
		case !is:
			add(ofNone, without)
		case name != gateway:
			add(ofOther, without)
		case p.Namespace == w.Namespace:
			add(ofGateway, drop(i))
		case p.Namespace == w.Root:
			add(ofGatewayRoot, without)
		}
	}
	switch p.Namespace {
	case w.Namespace:
	case w.Root:
		add(rootPolicy, drop(i))
	default:
		add(otherNamespace, func(w *World) { w.Policies[i].Namespace = w.Namespace })
	}
	return all
}

func ofRule(w *World, i, j int, rule *sec.Rule) []occurrence {
	var all []occurrence
	at := func(w *World) *sec.Rule { return w.Policies[i].Spec.Rules[j] }
	action := w.Policies[i].Spec.Action
	dropRule := func(w *World) {
		if spec := w.Policies[i].Spec; len(spec.Rules) > 1 {
			spec.Rules = slices.Delete(spec.Rules, j, j+1)
		} else {
			drop(i)(w)
		}
	}
	if len(rule.From)+len(rule.To)+len(rule.When) == 0 {
		return []occurrence{{construct: emptyRule, without: dropRule}}
	}
	onlyHTTP, unread, misread := false, false, false
	list := func(f field, form func(kind, string) string, values []string, of func(*World) *[]string) {
		if len(values) == 0 {
			return
		}
		name := f.name
		if isKey(f.name) {
			name = "when " + f.name + map[bool]string{true: " notValues"}[f.not]
		}
		all = append(all, occurrence{construct: name, without: func(w *World) { *of(w) = nil }})
		for v, value := range values {
			c := string(f.kind) + " " + form(f.kind, value)
			if strings.HasSuffix(c, "invalid") {
				unread = true
				continue
			}
			all = append(all, occurrence{construct: c, without: func(w *World) { list := of(w); *list = slices.Delete(*list, v, v+1) }})
		}
		onlyHTTP = onlyHTTP || isHTTP(f.kind)
	}
	for n, from := range rule.From {
		for _, f := range sourceFields {
			list(f.field, form, *f.of(from.Source), func(w *World) *[]string { return f.of(at(w).From[n].Source) })
			if f.not && identity(f.kind) && len(*f.of(from.Source)) > 0 {
				all = append(all, negated(f.kind, func(w *World) *sec.Source { return at(w).From[n].Source }))
			}
		}
	}
	for n, to := range rule.To {
		for _, f := range operationFields {
			list(f.field, form, *f.of(to.Operation), func(w *World) *[]string { return f.of(at(w).To[n].Operation) })
		}
	}
	for n, c := range rule.When {
		name, k := keyOf(c.Key)
		list(field{name, k, false}, form, c.Values, func(w *World) *[]string { return &at(w).When[n].Values })
		list(field{name, k, true}, form, c.NotValues, func(w *World) *[]string { return &at(w).When[n].NotValues })
		misread = misread || strings.Contains(c.Key, ".x[")
	}
	mark := func(when bool, c Construct, only func(bool, *rbac.Request) bool) {
		if when {
			all = append(all, occurrence{c, dropRule, only})
		}
	}
	tcp := func(http bool, _ *rbac.Request) bool { return !http }
	switch action {
	case sec.AuthorizationPolicy_ALLOW:
		if onlyHTTP {
			all = append(all, occurrence{httpOnTCPAllow, func(w *World) { stripHTTP(at(w)) }, tcp})
		}
		if unread {
			all = append(all, occurrence{construct: wrongValue, without: func(w *World) { stripWrong(at(w)) }})
		}
	case sec.AuthorizationPolicy_DENY:
		mark(onlyHTTP, httpOnTCPDeny, tcp)
		mark(unread, wrongValueDeny, nil)
	case sec.AuthorizationPolicy_CUSTOM:
		mark(onlyHTTP, httpOnTCPAsk, tcp)
	}
	if misread {
		all = append(all, occurrence{construct: wrongKey, without: func(w *World) {
			r := at(w)
			r.When = slices.DeleteFunc(r.When, func(c *sec.Condition) bool { return strings.Contains(c.Key, ".x[") })
			if action != sec.AuthorizationPolicy_ALLOW {
				dropRule(w)
			}
		}})
	}
	return all
}

// negated is a not-form as it applies to a request that has nothing of the kind: the form holds. It would not, if something were
// asked for.
func negated(k kind, of func(*World) *sec.Source) occurrence {
	something := []string{"*"}
	switch k {
	case principals, namespaces, serviceAccounts, trustDomains:
		without := func(w *World) {
			if s := of(w); s.Principals == nil {
				s.Principals = something
			}
		}
		return occurrence{noIdentity, without, func(_ bool, r *rbac.Request) bool { return r.Principal == "" }}
	default:
		without := func(w *World) {
			if s := of(w); s.RequestPrincipals == nil {
				s.RequestPrincipals = something
			}
		}
		return occurrence{noToken, without, func(http bool, r *rbac.Request) bool { return http && r.Claims == nil }}
	}
}

// stripHTTP takes from a rule what only HTTP requests have, so that the rest of it holds on TCP ports.
func stripHTTP(r *sec.Rule) {
	for _, from := range r.From {
		for _, f := range sourceFields {
			if isHTTP(f.kind) {
				*f.of(from.Source) = nil
			}
		}
	}
	for _, to := range r.To {
		for _, f := range operationFields {
			if isHTTP(f.kind) {
				*f.of(to.Operation) = nil
			}
		}
	}
	r.When = slices.DeleteFunc(r.When, func(c *sec.Condition) bool { _, k := keyOf(c.Key); return isHTTP(k) })
}

// stripWrong takes from a rule the values that cannot be read, and what is not understood.
func stripWrong(r *sec.Rule) {
	strip := func(k kind, list *[]string) {
		*list = slices.DeleteFunc(*list, func(v string) bool { return form(k, v) == "invalid" })
	}
	for _, from := range r.From {
		for _, f := range sourceFields {
			strip(f.kind, f.of(from.Source))
		}
	}
	for _, to := range r.To {
		for _, f := range operationFields {
			strip(f.kind, f.of(to.Operation))
		}
	}
	for _, c := range r.When {
		_, k := keyOf(c.Key)
		strip(k, &c.Values)
		strip(k, &c.NotValues)
	}
}

func isKey(name string) bool { return strings.Contains(name, ".") }

func isHTTP(k kind) bool {
	switch k {
	case requestPrincipals, audiences, presenters, claims, headers, methods, paths, hosts:
		return true
	}
	return false
}

// focus is what a construct is about, for the generator to aim at: fields, and values of a form.
type focus struct {
	fields []string
	kind   kind
	form   string
}

// Constructs are all that can occur in generated worlds, in order.
var Constructs = constructs()

func constructs() []Construct {
	list := []Construct{
		actionAllow, actionDeny, actionCustom, actionAudit, twoProviders, dryRunAllow, dryRunDeny, noRules, emptyRule,
		selector, emptySelector, ofGateway, ofOther, ofGatewayRoot, ofNone, rootPolicy, otherNamespace, aliases, httpOnTCPAllow, httpOnTCPDeny, httpOnTCPAsk,
		wrongValue, wrongValueDeny, wrongKey, noIdentity, noToken, noIssuers,
	}
	for _, f := range sourceFields {
		list = append(list, f.name)
	}
	for _, f := range operationFields {
		list = append(list, f.name)
	}
	for _, k := range keys {
		list = append(list, "when "+k.name, "when "+k.name+" notValues")
	}
	var forms []Construct
	for k, values := range pool {
		for _, v := range values {
			forms = append(forms, string(k)+" "+form(k, v))
		}
	}
	slices.Sort(forms)
	return append(list, slices.Compact(forms)...)
}

// focusOf reads a construct back.
func focusOf(c Construct) focus {
	if name, ok := strings.CutPrefix(c, "when "); ok {
		return focus{fields: []string{strings.TrimSuffix(name, " notValues")}}
	}
	for k := range pool {
		if f, ok := strings.CutPrefix(c, string(k)+" "); ok {
			return focus{fields: fieldsOf(k), kind: k, form: f}
		}
	}
	switch c {
	case httpOnTCPAllow, httpOnTCPDeny, httpOnTCPAsk:
		return focus{fields: []string{"methods", "ports"}}
	case wrongValue, wrongValueDeny:
		return focus{fields: []string{"ports", "ipBlocks"}}
	case wrongKey:
		return focus{fields: []string{"request.headers"}}
	case noIdentity:
		return focus{fields: []string{"notPrincipals"}}
	case noToken:
		return focus{fields: []string{"notRequestPrincipals"}}
	case noIssuers:
		return focus{fields: []string{"notRequestPrincipals", "requestPrincipals"}}
	case aliases:
		return focus{fields: []string{"principals"}}
	}
	for _, f := range sourceFields {
		if f.name == c {
			return focus{fields: []string{c}}
		}
	}
	for _, f := range operationFields {
		if f.name == c {
			return focus{fields: []string{c}}
		}
	}
	return focus{}
}

// fieldsOf are the fields of a kind, of which a world about the kind has the first.
func fieldsOf(k kind) []string {
	for _, f := range sourceFields {
		if f.kind == k {
			return []string{f.name}
		}
	}
	for _, f := range operationFields {
		if f.kind == k {
			return []string{f.name}
		}
	}
	for _, f := range keys {
		if f.kind == k {
			return []string{f.name}
		}
	}
	return nil
}

// has reports whether the construct is among the occurrences.
func has(all []occurrence, c Construct) bool {
	return slices.ContainsFunc(all, func(o occurrence) bool { return o.construct == c })
}
