package diff

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy"
	"writ.dev/writ/compiler/privacy/vocabulary"
)

// Disclosure is a category of personal data that a recipient gets at one revision and does not get at the other, from anybody: a
// Service or an Outsider that reads it, one that it is written to, one that takes it from a channel, or a Party that a channel leads
// to.
type Disclosure struct {
	Recipient string // namespace/name, `outsider <name>` or `party <name>`
	Category  string
	// Places are the countries where the recipient gets it: of the clusters that it runs in, or of the Party. They are empty where
	// nobody says.
	Places []string
	// From are the endpoints and channels by which it comes.
	From []string
}

// Outside are the places that are not in the EEA.
func (d *Disclosure) Outside() []string {
	return slices.DeleteFunc(slices.Clone(d.Places), vocabulary.InEEA)
}

// recipient is somebody in one country: who gets data in a country more is told.
type recipient struct{ name, place string }

// disclosed is what each recipient gets, with the ways by which it comes.
type disclosed map[recipient]map[string][]string

// disclosures are what the recipients of an estate get.
func disclosures(s Side) disclosed {
	all := disclosed{}
	flow := s.Flow
	for _, m := range s.Estate.Meshes {
		for _, a := range m.Accesses {
			all.access(s, flow, a)
		}
		for _, service := range m.Services {
			if service.PersonalData == nil {
				continue
			}
			for _, c := range service.PersonalData.Channels {
				all.channel(flow, c)
			}
		}
	}
	return all
}

// access adds what the access moves: to the caller what the endpoint returns, to the callee what it accepts.
func (d disclosed) access(s Side, flow *privacy.Flow, a *model.Access) {
	returns, accepts := flow.Returns(a.Endpoint), flow.Accepts(a.Endpoint)
	if len(returns)+len(accepts) == 0 {
		return
	}
	for leg := range a.Legs() {
		if !s.Holds(a, leg.From) {
			continue
		}
		place := ""
		if leg.From != nil {
			place = country(leg.From.Cluster)
		}
		d.add(recipient{a.Caller.Key(), place}, returns, a.Endpoint.String())
		d.add(recipient{a.Callee().Key(), country(leg.To.Cluster)}, accepts, a.Endpoint.String())
	}
}

func (d disclosed) channel(flow *privacy.Flow, c *model.Channel) {
	from := "channel " + c.Key
	if c.Party != nil {
		d.add(recipient{"party " + c.Party.Name, c.Party.Doc.Spec.Country.Value}, flow.Sends(c), from)
	}
	if c.Doc.Receives == nil {
		return
	}
	takes := c.Receives
	for _, end := range flow.Ends(c) {
		takes = slices.Concat(takes, flow.Sends(end))
	}
	for _, w := range c.Service.Workloads {
		d.add(recipient{c.Service.Key(), country(w.Cluster)}, privacy.Personal(takes), from)
	}
}

func country(c *model.Cluster) string { return c.Doc.Spec.Country.Value }

func (d disclosed) add(to recipient, categories []string, from string) {
	for _, c := range categories {
		if d[to] == nil {
			d[to] = map[string][]string{}
		}
		if !slices.Contains(d[to][c], from) {
			d[to][c] = append(d[to][c], from)
		}
	}
}

// beyond is what recipients get here and not there, even as a part of something wider. A recipient in several countries is one.
func (d disclosed) beyond(there disclosed) []Disclosure {
	type key struct{ name, category string }
	gathered := map[key]*Disclosure{}
	for to, categories := range d {
		for _, c := range vocabulary.CoveredBy(slices.Collect(maps.Keys(categories)), slices.Collect(maps.Keys(there[to]))) {
			k := key{to.name, c}
			if gathered[k] == nil {
				gathered[k] = &Disclosure{Recipient: to.name, Category: c}
			}
			if to.place != "" {
				gathered[k].Places = append(gathered[k].Places, to.place)
			}
			gathered[k].From = append(gathered[k].From, categories[c]...)
		}
	}
	var all []Disclosure
	for _, g := range gathered {
		slices.Sort(g.Places)
		slices.Sort(g.From)
		g.From = slices.Compact(g.From)
		all = append(all, *g)
	}
	slices.SortFunc(all, func(a, b Disclosure) int {
		return cmp.Or(-cmp.Compare(len(a.Outside()), len(b.Outside())), cmp.Compare(a.Category, b.Category), cmp.Compare(a.Recipient, b.Recipient))
	})
	return all
}

// Words are the disclosure on one line.
func (d *Disclosure) Words() string {
	where := ""
	if len(d.Places) > 0 {
		where = " in " + strings.Join(d.Places, ", ")
	}
	if outside := d.Outside(); len(outside) > 0 {
		where += " (" + strings.Join(outside, ", ") + ": outside the EEA)"
	}
	return fmt.Sprintf("%s gets %s%s, from %s", d.Recipient, d.Category, where, strings.Join(d.From, ", "))
}

// Lead is what the change does to personal data in one sentence, "" where it does nothing.
func (d *Difference) Lead() string {
	var parts []string
	for _, side := range []struct {
		all    []Disclosure
		phrase string
	}{{d.Disclosed, "lets %d more %s get %s"}, {d.Withdrawn, "lets %d fewer %s get %s"}} {
		recipients := map[string]map[string]bool{}
		for _, x := range side.all {
			if recipients[x.Category] == nil {
				recipients[x.Category] = map[string]bool{}
			}
			recipients[x.Category][x.Recipient] = true
		}
		for _, c := range slices.Sorted(maps.Keys(recipients)) {
			noun := "recipients"
			if len(recipients[c]) == 1 {
				noun = "recipient"
			}
			parts = append(parts, fmt.Sprintf(side.phrase, len(recipients[c]), noun, c))
		}
	}
	outside := map[string]bool{}
	for _, x := range d.Disclosed {
		if len(x.Outside()) > 0 {
			outside[x.Recipient] = true
		}
	}
	if len(outside) == 1 {
		parts = append(parts, "1 recipient outside the EEA gets more")
	} else if len(outside) > 1 {
		parts = append(parts, fmt.Sprintf("%d recipients outside the EEA get more", len(outside)))
	}
	const most = 6
	if len(parts) > most {
		parts = append(parts[:most-1], fmt.Sprintf("and %d more", len(parts)-most+1))
	}
	if len(parts) == 0 {
		return ""
	}
	return "this change " + strings.Join(parts, "; ")
}
