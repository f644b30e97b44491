package check

import (
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/syntax"
)

var notEncrypted = &diag.Rule{
	Code: "PII-035", Name: "personal-data-in-plaintext", Effect: diag.Withhold,
	Title: "a workload with personal data takes calls without mutual TLS",
	Why:   "Encryption in transit is the first of the measures that the law names (GDPR Article 32(1)(a)). A permissive workload takes plaintext from anybody who finds it.",
}

var notEnforced = &diag.Rule{
	Code: "PII-036", Name: "personal-data-not-enforced", Effect: diag.Report,
	Title: "nothing enforces who reaches the personal data of a workload",
	Why:   "Access control is a measure of GDPR Article 32 only where it is enforced. It reports and withholds nothing: on the way into the mesh every Service passes here, and where nothing is enforced, nothing can be withheld.",
}

func runNotEncrypted(p *Pass) {
	p.eachExposedWorkload(func(w *model.Workload) bool {
		return w.Stages.Authz == model.AuthzEnforce && w.Stages.MTLS != model.MTLSStrict
	}, func(s *model.Service, ws []*model.Workload, what []string, accesses []*model.Access) {
		p.object(ws[0].Stages.MTLSBy, diag.Finding{
			Message: fmt.Sprintf("%s serves %s in %s at mtls: %s", s.Key(), listed(what), clusterNames(ws), ws[0].Stages.MTLS),
			Help:    "say mtls: strict once its callers have sidecars; an exception of the platform cannot hold for personal data",
			Items:   unique(strings.Split(clusterNames(ws), ", ")),
			Objects: []string{s.Object()}, Field: "stages.mtls",
		}, accesses...)
	})
}

func runNotEnforced(p *Pass) {
	p.eachExposedWorkload(func(w *model.Workload) bool { return w.Stages.Authz != model.AuthzEnforce },
		func(s *model.Service, ws []*model.Workload, what []string, _ []*model.Access) {
			p.object(ws[0].Stages.AuthzBy, diag.Finding{
				Message: fmt.Sprintf("%s serves %s in %s at authz: %s and mtls: %s: nothing keeps others out", s.Key(), listed(what), clusterNames(ws), ws[0].Stages.Authz, ws[0].Stages.MTLS),
				Help:    "go on to authz: enforce; until then every register says that its accesses are not enforced",
				Items:   unique(strings.Split(clusterNames(ws), ", ")),
				Objects: []string{s.Object()}, Field: "stages.authz",
			})
		})
}

// eachExposedWorkload visits the Services that are called for personal data and have faulty workloads, with what they serve and the
// accesses that come there.
func (p *Pass) eachExposedWorkload(faulty func(*model.Workload) bool, visit func(*model.Service, []*model.Workload, []string, []*model.Access)) {
	f := p.personal()
	if f == nil {
		return
	}
	what, accesses := map[*syntax.Service][]string{}, map[*syntax.Service][]*model.Access{}
	for _, m := range p.Estate.Meshes {
		for _, a := range m.Accesses {
			carried := f.Declared(a.Endpoint)
			if len(carried) == 0 || !slices.ContainsFunc(a.Callee().Workloads, func(w *model.Workload) bool { return !w.Retired && faulty(w) }) {
				continue
			}
			d := a.Callee().Doc
			what[d], accesses[d] = append(what[d], carried...), append(accesses[d], a)
		}
	}
	p.eachFaulty(func(w *model.Workload) bool { return !w.Retired && faulty(w) && accesses[w.Service.Doc] != nil },
		func(s *model.Service, ws []*model.Workload) { visit(s, ws, what[s.Doc], accesses[s.Doc]) })
}

var oneIdentityForTwo = &diag.Rule{
	Code: "PII-037", Name: "personal-data-for-a-shared-identity", Effect: diag.Withhold,
	Title: "a caller of personal data shares its service account",
	Why:   "The service account is all that the mesh sees of a caller (GDPR Article 32). What is opened to one Service for its activity is opened to whatever else runs under the account.",
}

func runOneIdentityForTwo(p *Pass) {
	f := p.personal()
	if f == nil {
		return
	}
	shared := p.sharers()
	what, accesses := map[*syntax.Service][]string{}, map[*syntax.Service][]*model.Access{}
	for _, m := range p.Estate.Meshes {
		for _, a := range m.Accesses {
			s := a.Caller.Service
			if s == nil || shared[s.Doc].with == "" || len(f.Declared(a.Endpoint)) == 0 {
				continue
			}
			what[s.Doc], accesses[s.Doc] = append(what[s.Doc], f.Declared(a.Endpoint)...), append(accesses[s.Doc], a)
		}
	}
	eachService(p.Estate, func(s *model.Service) {
		if len(accesses[s.Doc]) == 0 {
			return
		}
		with := shared[s.Doc]
		p.object(accountSpan(s, with.account), diag.Finding{
			Message: fmt.Sprintf("%s calls for %s under the service account %q, which is also %s", s.Key(), listed(what[s.Doc]), with.account, with.with),
			Help:    "give it a service account of its own (`serviceAccounts:`)",
			Items:   names(accesses[s.Doc]),
			Objects: []string{s.Object()}, Field: "spec.serviceAccounts[" + with.account + "]",
		}, accesses[s.Doc]...)
	})
}

// sharer is an account of a Service, and who else has it.
type sharer struct{ account, with string }

// sharers are the Services that do not have their service account for themselves. Under default runs every pod that names none.
func (p *Pass) sharers() map[*syntax.Service]sharer {
	all := map[*syntax.Service]sharer{}
	for _, m := range p.Estate.Meshes {
		for id, ws := range usersOf(m) {
			for _, w := range ws {
				if id.account == "default" {
					all[w.Service.Doc] = sharer{"default", "that of every pod of the namespace that names none"}
					continue
				}
				for _, v := range ws {
					if v.Service != w.Service && merged(v, w) {
						had, with := all[w.Service.Doc], sharer{id.account, "that of " + v.Service.Key()}
						if had.with == "" || with.with < had.with {
							all[w.Service.Doc] = with
						}
					}
				}
			}
		}
	}
	return all
}

var inTheURL = &diag.Rule{
	Code: "PII-070", Name: "personal-data-in-url", Effect: diag.Report,
	Title: "a path has a variable that is personal data by its name",
	Why:   "URLs end up in access logs and traces of every proxy on the way (GDPR Article 5(1)(f); istio/istio#49350), whoever may read the endpoint itself.",
}

var inTheSpans = &diag.Rule{
	Code: "PII-071", Name: "personal-data-in-traces", Effect: diag.Report, Level: diag.Notice,
	Title: "traces of a Service carry URLs with personal data",
	Why:   "Envoy's spans have the URL, which Istio cannot leave out (istio/istio#45031, envoyproxy/envoy#27614): whoever reads traces reads it (GDPR Articles 5(1)(f) and 25).",
}

// telling are words of variables whose value is about a person.
var telling = []string{"email", "bsn", "ssn", "phone", "iban", "passport", "dob", "name", "lat", "lon", "token"}

func runInTheURL(p *Pass) {
	f := p.personal()
	if f == nil {
		return
	}
	eachService(p.Estate, func(s *model.Service) {
		for _, e := range s.Endpoints {
			for _, t := range e.Doc.Paths.Items {
				word := tellingPart(t.Value)
				if word == "" || len(f.Declared(e)) == 0 {
					continue
				}
				p.object(t.Span, diag.Finding{
					Message: fmt.Sprintf("%s has %s in its path, which logs and traces keep", e, word),
					Help:    "take it in the body of a POST, or name the person by an id that means nothing elsewhere",
					Objects: []string{s.Object()}, Field: "spec.endpoints." + e.Name + ".paths[" + t.Value + "]",
				})
			}
		}
	})
}

func runInTheSpans(p *Pass) {
	f := p.personal()
	if f == nil {
		return
	}
	eachService(p.Estate, func(s *model.Service) {
		var paths []string
		for _, e := range s.Endpoints {
			for _, t := range e.Doc.Paths.Items {
				if tellingPart(t.Value) != "" && len(f.Declared(e)) > 0 {
					paths = append(paths, t.Value)
				}
			}
		}
		if len(paths) == 0 {
			return
		}
		p.object(s.Doc.Metadata.Name.Span, diag.Finding{
			Message: fmt.Sprintf("spans of %s carry what stands in %s", s.Key(), listed(paths)),
			Help:    "change the paths, or let the collector of traces take URLs out",
			Objects: []string{s.Object()}, Field: "spec.endpoints/traces",
		})
	})
}

// tellingPart is the variable of a path that is about a person: by its own name, or by the segment before it, as in /by-email/{value}.
// A segment alone, as in /customers/{id}/email, names what is asked for and has no data of anybody.
func tellingPart(path string) string {
	before := ""
	for segment := range strings.SplitSeq(path, "/") {
		name, variable := strings.CutPrefix(segment, "{")
		name = strings.TrimSuffix(strings.TrimSuffix(name, "}"), "...")
		if variable && (saysTelling(name) || saysTelling(before)) {
			return segment
		}
		before = ""
		if !variable {
			before = name
		}
	}
	return ""
}

func saysTelling(name string) bool {
	for word := range strings.FieldsFuncSeq(splitCamel(name), func(r rune) bool { return r == '-' || r == '_' || r == '.' || r == ' ' }) {
		if slices.Contains(telling, strings.ToLower(word)) {
			return true
		}
	}
	return false
}

// splitCamel puts a space before each capital that follows a small letter.
func splitCamel(s string) string {
	var b strings.Builder
	for i, r := range s {
		if i > 0 && r >= 'A' && r <= 'Z' && s[i-1] >= 'a' && s[i-1] <= 'z' {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}
