package estate

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// categories are what Services keep about people.
var categories = []string{
	"user.contact.email", "user.contact.address", "user.name", "user.behavior.purchase_history", "user.device.ip_address",
	"user.unique_id",
}

// tagged is how many in a hundred Services, of those that enforce who calls them, keep personal data of their own.
const tagged = 30

// tag says of every endpoint which personal data it has, and of every Service which it processes: what it keeps itself and what it
// reads from others or writes to them. It draws from numbers of its own, so that the estate is the same otherwise.
func (e *estate) tag() {
	r := rand.New(rand.NewPCG(e.Seed, 0x70657273))
	for _, s := range e.services {
		s.processes = map[string]bool{}
		if s.popular || s.namespace.stages == shadowing || s == e.prometheus() || r.IntN(100) >= tagged {
			continue
		}
		keeps := []string{categories[r.IntN(len(categories))], categories[r.IntN(len(categories))]}
		for i := range s.endpoints {
			s.endpoints[i].data = keeps[i%2]
			s.processes[keeps[i%2]] = true
		}
	}
	for _, s := range e.services {
		for _, in := range s.intents {
			for _, name := range in.endpoints {
				if data := in.to.endpoint(name).data; data != "" {
					s.processes[data] = true
				}
			}
		}
	}
}

func (s *service) endpoint(name string) *endpoint {
	return &s.endpoints[slices.IndexFunc(s.endpoints, func(e endpoint) bool { return e.name == name })]
}

// reads reports whether callers read the endpoint's data; they write it otherwise.
func (e *endpoint) reads() bool {
	return slices.Contains([]string{"list", "read", "get", "watch", "data", "files"}, e.name)
}

// tags are what the endpoint says in its document, where its Service processes anything.
func (e *endpoint) tags(s *service) string {
	const none = "{none: nothing about a person}"
	switch {
	case len(s.processes) == 0:
		return ""
	case e.data == "":
		return ", returns: " + none + ", accepts: " + none
	case e.reads():
		return ", returns: [" + e.data + "], accepts: " + none
	default:
		return ", returns: " + none + ", accepts: [" + e.data + "]"
	}
}

// personalData is what the Service says that it processes.
func (s *service) personalData() string {
	switch {
	case s.processes == nil:
		return ""
	case len(s.processes) == 0:
		return "  personalData: {none: nothing about a person comes here}\n"
	}
	return fmt.Sprintf("  personalData:\n    processes:\n      - {activity: %s, categories: [%s], stored: %v}\n",
		s.activity(), strings.Join(slices.Sorted(maps.Keys(s.processes)), ", "), s.protocol == tcp)
}

func (s *service) activity() string {
	name, _, _ := strings.Cut(s.team.name, "-")
	return name
}

// activity is what the intent is for, where an endpoint of it has personal data.
func (i intent) activity(from *service) string {
	for _, name := range i.endpoints {
		if from.processes != nil && i.to.endpoint(name).data != "" {
			return "      activity: " + from.activity() + "\n"
		}
	}
	return ""
}

const privacy = `  controller: example
  owners: ["@example/privacy"]
  plainPaths: [/metrics]
`

const party = `  legalName: Example B.V.
  country: NL
  role: own
  contact: privacy@example.com
  protectionOfficer: dpo@example.com
  reviewed: 2026-11-01
`

// record are the documents of the privacy team, by path.
func (e *estate) record() map[string]string {
	if !e.Personal {
		return nil
	}
	all := map[string]string{
		"privacy/privacy.yaml": head("Privacy", "name: privacy") + privacy,
		"privacy/example.yaml": head("Party", "name: example") + party,
	}
	for _, domain := range domains {
		all["privacy/activities/"+domain+".yaml"] = head("Activity", "name: "+domain) + fmt.Sprintf(`  title: %s
  purpose: essential.service.operations
  description: What customers ask for is done, and they are told.
  subjects: [customer]
  categories: [%s]
  legalBasis: {code: contract}
  retention: {period: P2Y, from: the last order}
  assessment: {required: false, reference: PRIV-1}
  security: [encrypted at rest]
  reviewed: 2026-11-01
`, title(domain), strings.Join(categories, ", "))
	}
	return all
}
