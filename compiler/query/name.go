package query

import (
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
)

// asker is who calls, in one mesh: a Service or an Outsider or, where it is neither, whoever has the identity, which is "" for
// plaintext.
type asker struct {
	caller   model.Caller
	identity string
	sharers  []string // the Services that have the identity, where there are several
}

func (a asker) known() bool { return a.caller.Service != nil || a.caller.Outsider != nil }

func (a asker) String() string {
	switch {
	case a.known():
		return a.caller.Key()
	case a.identity != "":
		return a.identity
	default:
		return "a peer without identity"
	}
}

// services finds the Services of every mesh that a word names: namespace/name, or a name that one namespace alone has.
func (x *Index) services(word string) ([]*model.Service, error) {
	var found []*model.Service
	names := map[string]bool{}
	var known []string
	for _, m := range x.checked.Estate().Meshes {
		for _, s := range m.Services {
			known = append(known, s.Key(), s.Name)
			if s.Key() == word || s.Name == word {
				found = append(found, s)
				names[s.Key()] = true
			}
		}
	}
	switch {
	case len(names) > 1:
		var all []string
		for name := range names {
			all = append(all, name)
		}
		return nil, fmt.Errorf("%q could be %s", word, strings.Join(unique(all), " or "))
	case len(found) == 0:
		return nil, fmt.Errorf("there is no Service %q%s", word, meant(word, known))
	}
	return found, nil
}

func meant(word string, known []string) string {
	if near := diag.Nearest(word, known); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	if _, last, ok := strings.Cut(word, "/"); ok {
		var same []string
		for _, k := range unique(known) {
			if strings.HasSuffix(k, "/"+last) {
				same = append(same, k)
			}
		}
		if len(same) == 1 {
			return fmt.Sprintf("; did you mean %q?", same[0])
		}
	}
	return ""
}

// askers are what a word on the command line names as a caller, by mesh: a Service, `outsider/<name>`, an identity, `plaintext`.
func (x *Index) askers(word string) (map[*model.Mesh]asker, error) {
	all := map[*model.Mesh]asker{}
	word = strings.TrimPrefix(word, "spiffe://") // as certificates, logs and findings of the proof have it
	name, outsider := strings.CutPrefix(word, "outsider/")
	switch {
	case word == "plaintext":
		for _, m := range x.checked.Estate().Meshes {
			all[m] = asker{}
		}
	case outsider && !x.isService(word):
		var known []string
		for _, m := range x.checked.Estate().Meshes {
			for _, o := range m.Outsiders {
				known = append(known, o.Name)
				if o.Name == name {
					all[m] = asker{caller: model.Caller{Outsider: o}}
				}
			}
		}
		if len(all) == 0 {
			return nil, fmt.Errorf("there is no Outsider %q%s", name, meant(name, known))
		}
	case strings.Count(word, "/") == 4:
		return x.bearer(word)
	default:
		services, err := x.services(word)
		if err != nil {
			return nil, err
		}
		for _, s := range services {
			all[s.Mesh] = asker{caller: model.Caller{Service: s}}
		}
	}
	return all, nil
}

func (x *Index) isService(word string) bool {
	return slices.ContainsFunc(x.checked.Estate().Meshes, func(m *model.Mesh) bool { return m.Service(word) != nil })
}

// bearer is whoever has the identity in each mesh: an Outsider, a Service, or nobody that is known.
func (x *Index) bearer(identity string) (map[*model.Mesh]asker, error) {
	parts := strings.Split(identity, "/")
	if parts[1] != "ns" || parts[3] != "sa" || slices.Contains(parts, "") {
		return nil, fmt.Errorf("%q is no identity; write <trust domain>/ns/<namespace>/sa/<account>", identity)
	}
	all := map[*model.Mesh]asker{}
	for _, m := range x.checked.Estate().Meshes {
		who := asker{identity: identity}
		for _, o := range m.Outsiders {
			if o.Doc.Spec.Identity.Value == identity {
				who.caller.Outsider = o
			}
		}
		for _, w := range x.users[account{m, parts[2], parts[4]}] {
			if w.Cluster.TrustDomain() == parts[0] && w.Stages.MTLS != model.MTLSNone {
				who.caller = model.Caller{Service: w.Service}
				who.sharers = append(who.sharers, w.Service.Key())
			}
		}
		if who.sharers = unique(who.sharers); len(who.sharers) > 1 {
			who.caller = model.Caller{} // whichever it is, policies see the identity
		} else {
			who.sharers = nil
		}
		all[m] = who
	}
	return all, nil
}

// endpoints are those of the Services with the name.
func endpoints(services []*model.Service, name string) (map[*model.Service]*model.Endpoint, error) {
	all := map[*model.Service]*model.Endpoint{}
	var known []string
	for _, s := range services {
		for _, e := range s.Endpoints {
			known = append(known, e.Name)
			if e.Name == name {
				all[s] = e
			}
		}
	}
	for s, e := range all {
		if e.Broken {
			return nil, fmt.Errorf("endpoint %q of %s cannot be read; `writ check` says why", name, s.Key())
		}
	}
	if len(all) == 0 {
		help := meant(name, known)
		if help == "" && len(known) > 0 {
			help = "; it offers " + strings.Join(unique(known), ", ")
		}
		return nil, fmt.Errorf("%s has no endpoint %q%s", services[0].Key(), name, help)
	}
	return all, nil
}
