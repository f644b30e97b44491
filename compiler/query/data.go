package query

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy"
	"writ.dev/writ/compiler/privacy/vocabulary"
)

// DataAccess is one caller of an endpoint that carries personal data.
type DataAccess struct {
	Caller, CallerTeam, CallerContact string // the team is "" of the platform's
	Callee, CalleeTeam, CalleeContact string
	Endpoint                          string
	Requests                          []string // what the endpoint stands for, like GET /v1/orders/{id}
	Reads, Writes                     []string
	Activity                          string // "" where nobody says one
	Because, Consent                  string
	Meshes, Clusters, Enforced        []string // of the callee, as in Entry
	Asked, Agreed                     diag.Span
	Alike                             []string // whom policies cannot tell from the caller
}

// DataChannel is an end of a channel, which no mesh enforces.
type DataChannel struct {
	Channel, Service, Team string
	Sends, Receives        []string
	Party                  string // "" where there is none
	Country                string // of the party
	Activity               string
	At                     diag.Span
}

// Holder is a Service that processes personal data itself.
type Holder struct {
	Service, Team string
	Categories    []string
	Activity      string // "" where nobody says one that is known
	Stored        bool
	At            diag.Span
}

// DataUsers is the answer to who has to do with a category of personal data.
type DataUsers struct {
	Category string
	Holders  []Holder
	Accesses []DataAccess
	Channels []DataChannel
	// Open are the clusters in which somebody who offers such data refuses nobody.
	Open []string
	// Waiting and Withheld are accesses that are not there: for want of consent, and because a rule objects.
	Waiting, Withheld []string
	// Silent are Services that do not say what they process: whoever calls them may be missing in the answer.
	Silent []string
}

// WhoCanData answers who may read or write personal data of the category, of one below it, or of one above it, which may hold it. An
// error says that there is no such category.
func (x *Index) WhoCanData(category string) (*DataUsers, error) {
	words := x.checked.Estate().Privacy.Categories
	key, known := words.Current(category)
	if !known {
		return nil, fmt.Errorf("there is no data category %q%s", category, meantCategory(category, words.Keys()))
	}
	if !vocabulary.IsPersonal(key) {
		return nil, fmt.Errorf("%s is no personal data: nothing is known of who has it", key)
	}
	u := &DataUsers{Category: key}
	asked := func(c string) bool { return vocabulary.Overlap(c, key) }
	for _, m := range x.checked.Estate().Meshes {
		for _, s := range m.Services {
			if s.PersonalData == nil {
				u.Silent = append(u.Silent, s.Key())
			}
			u.Holders = append(u.Holders, x.holders(s, asked)...)
			u.Channels = append(u.Channels, x.channels(s, asked)...)
		}
		for _, a := range slices.Concat(m.Accesses, m.Pending) {
			d, withheld := x.dataAccess(a)
			d.Reads, d.Writes = keep(d.Reads, asked), keep(d.Writes, asked)
			switch {
			case len(d.Reads)+len(d.Writes) == 0:
				continue
			case a.Consent == model.NoConsent:
				u.Waiting = append(u.Waiting, a.String())
			case len(d.Clusters) > 0:
				u.Accesses = mergeData(u.Accesses, d)
			}
			u.Withheld = append(u.Withheld, withheld...)
			for _, w := range a.Callee().Workloads {
				if open(w) {
					u.Open = append(u.Open, w.Cluster.Name)
				}
			}
		}
	}
	u.Holders, u.Channels = eachOnce(u.Holders, byHolder), eachOnce(u.Channels, byChannel)
	slices.SortStableFunc(u.Accesses, byDataAccess)
	u.Open, u.Waiting, u.Withheld, u.Silent = unique(u.Open), unique(u.Waiting), unique(u.Withheld), unique(u.Silent)
	return u, nil
}

// meantCategory is the category that was probably meant: one that is spelt alike, or of which this is the last part.
func meantCategory(word string, known []string) string {
	if near := diag.Nearest(word, known); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	var same []string
	for _, k := range known {
		if strings.HasSuffix(k, "."+word) {
			same = append(same, k)
		}
	}
	if len(same) > 0 {
		return fmt.Sprintf("; did you mean %s?", strings.Join(same, " or "))
	}
	return "; keys are like user.contact.email"
}

// data is where personal data goes.
func (x *Index) data() *privacy.Flow { return x.checked.Flow() }

// dataAccess is the access as far as it holds, with how each part that does not is withheld.
func (x *Index) dataAccess(a *model.Access) (d DataAccess, withheld []string) {
	f := x.data()
	d = DataAccess{
		Caller: a.Caller.Key(), Callee: a.Callee().Key(), CalleeTeam: a.Callee().Team.Name, CalleeContact: a.Callee().Team.Doc.Spec.Contact.Line(),
		Endpoint: a.Endpoint.Name, Reads: f.Returns(a.Endpoint), Writes: f.Accepts(a.Endpoint),
		Because: a.Because(), Consent: a.Consent.String(), Meshes: []string{a.Callee().Mesh.Name}, Asked: a.Span(), Agreed: Agreed(a),
	}
	if !a.Endpoint.Broken {
		d.Requests = Offers(a.Endpoint)
	}
	if t := a.Caller.Team(); t != nil {
		d.CallerTeam, d.CallerContact = t.Name, t.Doc.Spec.Contact.Line()
	}
	if act := a.Activity(); act != nil {
		d.Activity = act.Name
	}
	if a.Consent == model.NoConsent {
		return d, nil
	}
	for leg := range a.Legs() {
		if rule := x.checked.WithheldBy(a, leg.From); rule != nil {
			withheld = append(withheld, fmt.Sprintf("%s (%s)", a, rule.Code))
			continue
		}
		d.Clusters = append(d.Clusters, leg.To.Cluster.Name)
		if !open(leg.To) {
			d.Enforced = append(d.Enforced, leg.To.Cluster.Name)
		}
	}
	d.Clusters, d.Enforced = unique(d.Clusters), unique(d.Enforced)
	if s := a.Caller.Service; s != nil {
		d.Alike = x.twins(s, a.Callee().Workloads)
	}
	return d, withheld
}

// Alike are callers that policies cannot tell from the Service where it calls the other one.
func (x *Index) Alike(caller, callee *model.Service) []string {
	return x.twins(caller, callee.Workloads)
}

func (x *Index) holders(s *model.Service, asked func(string) bool) []Holder {
	var all []Holder
	if s.PersonalData == nil {
		return nil
	}
	for _, p := range s.PersonalData.Processes {
		h := Holder{Service: s.Key(), Team: s.Team.Name, Categories: keep(privacy.Personal(p.Categories), asked), Stored: p.Doc.Stored.Value, At: p.Doc.Activity.Span}
		if p.Activity != nil {
			h.Activity = p.Activity.Name
		}
		if len(h.Categories) > 0 {
			all = append(all, h)
		}
	}
	return all
}

func (x *Index) channels(s *model.Service, asked func(string) bool) []DataChannel {
	var all []DataChannel
	if s.PersonalData == nil {
		return nil
	}
	for _, c := range s.PersonalData.Channels {
		d := DataChannel{Channel: c.Key, Service: s.Key(), Team: s.Team.Name, Sends: keep(x.data().Sends(c), asked), At: c.Doc.Name.Span}
		if c.Doc.Receives != nil {
			d.Receives = slices.Clone(c.Receives)
			for _, end := range x.data().Ends(c) {
				if end != c {
					d.Receives = append(d.Receives, x.data().Sends(end)...)
				}
			}
			d.Receives = keep(privacy.Personal(d.Receives), asked)
		}
		if len(d.Sends)+len(d.Receives) == 0 {
			continue
		}
		if c.Party != nil {
			d.Party, d.Country = c.Party.Doc.Spec.LegalName.Line(), c.Party.Doc.Spec.Country.Value
		}
		if c.Activity != nil {
			d.Activity = c.Activity.Name
		}
		all = append(all, d)
	}
	return all
}

func keep(all []string, is func(string) bool) []string {
	return slices.DeleteFunc(slices.Clone(all), func(c string) bool { return !is(c) })
}

// mergeData puts accesses together that rest on the same lines in several meshes.
func mergeData(all []DataAccess, d DataAccess) []DataAccess {
	i := slices.IndexFunc(all, func(o DataAccess) bool {
		return o.Caller == d.Caller && o.Callee == d.Callee && o.Endpoint == d.Endpoint && o.Asked == d.Asked && o.Agreed == d.Agreed
	})
	if i < 0 {
		return append(all, d)
	}
	o := &all[i]
	o.Meshes, o.Clusters = unique(append(o.Meshes, d.Meshes...)), unique(append(o.Clusters, d.Clusters...))
	o.Enforced, o.Alike = unique(append(o.Enforced, d.Enforced...)), unique(append(o.Alike, d.Alike...))
	o.Reads, o.Writes = vocabulary.Minimal(append(o.Reads, d.Reads...)), vocabulary.Minimal(append(o.Writes, d.Writes...))
	return all
}

// eachOnce sorts what a document says in several meshes, and leaves out the second of two that stand at the same place.
func eachOnce[T any](all []T, order func(a, b T) int) []T {
	slices.SortStableFunc(all, order)
	return slices.CompactFunc(all, func(a, b T) bool { return order(a, b) == 0 })
}

func byHolder(a, b Holder) int {
	return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Activity, b.Activity), bySpan(a.At, b.At))
}

func byChannel(a, b DataChannel) int {
	return cmp.Or(cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Service, b.Service), bySpan(a.At, b.At))
}

func byDataAccess(a, b DataAccess) int {
	return cmp.Or(cmp.Compare(a.Callee, b.Callee), cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.Caller, b.Caller), bySpan(a.Asked, b.Asked))
}
