package schema

import (
	"maps"
	"slices"
	"strings"
)

// Names are what an estate's documents are called.
type Names struct {
	Meshes, Clusters, Teams, Outsiders, Activities, Parties, Approvals []string
	// Categories, Uses and Subjects are the words for personal data, with the organisation's own.
	Categories, Uses, Subjects []string
	// Tests are by namespace/name, those of the platform by their names.
	Tests []string
	// Services are the names of endpoints by namespace/name.
	Services map[string][]string
}

// Estate is the bundle with an estate's names as enumerations: an editor then completes them across files and marks one that
// nobody bears. A kind of which there is no name yet keeps its form. Bare names are listed for every namespace, as a schema
// cannot see which namespace a document is of; the compiler decides that. The words for personal data are examples only: an editor
// proposes them, and leaves it to the compiler what to say of one that has moved.
func Estate(n Names) ([]byte, error) {
	doc, err := bundle()
	if err != nil {
		return nil, err
	}
	defs := doc["$defs"].(map[string]any)
	services := slices.Sorted(maps.Keys(n.Services))
	references := references(n.Services)
	restrict(defs["meshReference"], n.Meshes)
	restrict(defs["clusterReference"], n.Clusters)
	restrict(defs["teamReference"], n.Teams)
	restrict(defs["outsiderReference"], n.Outsiders)
	restrict(defs["activityReference"], n.Activities)
	restrict(defs["partyReference"], n.Parties)
	restrict(defs["approvalReference"], n.Approvals)
	propose(defs["dataCategory"], n.Categories)
	propose(defs["dataUse"], n.Uses)
	propose(defs["dataSubject"], n.Subjects)
	restrict(defs["qualifiedServiceReference"], services)
	restrict(defs["serviceReference"], slices.Collect(maps.Keys(references)))
	if len(references) > 0 {
		// Only a text is a reference: `from` may be a mapping too, which an enum beside it would refuse.
		for _, name := range []string{"from", "peer"} {
			from := defs[name].(map[string]any)
			delete(from, "pattern")
			from["if"] = map[string]any{"type": "string"}
			from["then"] = map[string]any{"$ref": "#/$defs/serviceReference"}
		}
		for _, name := range []string{"intent", "allowAssertion", "denyAssertion", "onlyAssertion"} {
			defs[name].(map[string]any)["allOf"] = endpointsByCallee(references)
		}
	}
	return encode(doc)
}

// references are the endpoints by every way to write a Service. Services of one name in two namespaces share the bare name,
// and so their endpoints.
func references(services map[string][]string) map[string][]string {
	refs := map[string][]string{}
	for name, endpoints := range services {
		_, bare, _ := strings.Cut(name, "/")
		refs[name] = append(refs[name], endpoints...)
		refs[bare] = append(refs[bare], endpoints...)
	}
	return refs
}

// restrict makes a definition the enumeration of the names. The form goes: one value should not be told wrong twice.
func restrict(def any, names []string) {
	if len(names) == 0 {
		return
	}
	d := def.(map[string]any)
	for _, keyword := range []string{"$ref", "pattern", "patternErrorMessage", "maxLength"} {
		delete(d, keyword)
	}
	d["type"] = "string"
	d["enum"] = sorted(names)
}

// propose makes the words the examples of a definition.
func propose(def any, words []string) {
	if len(words) > 0 {
		def.(map[string]any)["examples"] = sorted(words)
	}
}

// endpointsByCallee says, for each callee that an intent may name, which endpoints may follow. Callees with the same endpoints
// share one condition, which keeps the schema of a large estate small.
func endpointsByCallee(references map[string][]string) []any {
	callees := map[string][]string{}
	endpoints := map[string][]string{}
	for ref, names := range references {
		names = sorted(names)
		key := strings.Join(names, " ")
		callees[key] = append(callees[key], ref)
		endpoints[key] = names
	}
	all := []any{}
	for _, key := range slices.Sorted(maps.Keys(callees)) {
		all = append(all, map[string]any{
			"if":   map[string]any{"required": []string{"to"}, "properties": map[string]any{"to": map[string]any{"enum": sorted(callees[key])}}},
			"then": map[string]any{"properties": map[string]any{"endpoints": map[string]any{"items": oneOf(endpoints[key])}}},
		})
	}
	return all
}

// oneOf is the schema of the values. An enum of none is not allowed in a schema, and false says the same.
func oneOf(values []string) any {
	if len(values) == 0 {
		return false
	}
	return map[string]any{"enum": values}
}

func sorted(values []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(values)))
}
