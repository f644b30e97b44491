package syntax

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writ.dev/writ/schema"
)

// Whatever a schema lets in, a struct takes up, and the other way round.
func TestStructsHaveTheFieldsOfTheSchemas(t *testing.T) {
	metadata := map[string]bool{}
	for _, k := range Kinds {
		root := schemas().text[schema.ID(k.Schema)].(map[string]any)
		for _, name := range schemaText(root).schemaAt(t, "metadata").fields() {
			metadata[name] = true
		}
		match(t, k.Name, reflect.TypeOf(newDocument(k.Name)).Elem(), root)
	}
	// The one struct that kinds share while each allows a part of it.
	var fields []string
	for _, f := range fieldsOf(reflect.TypeFor[Metadata]()) {
		fields = append(fields, f.key)
	}
	slices.Sort(fields)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(metadata)), fields); diff != "" {
		t.Errorf("metadata (-schemas +struct)\n%s", diff)
	}
}

// schemaAt is the schema of a property, behind its reference.
func (s schemaText) schemaAt(t *testing.T, name string) schemaText {
	t.Helper()
	return follow(s.schema("properties").schema(name))
}

func follow(s schemaText) schemaText {
	for s.text("$ref") != "" {
		s = schemas().resolve(s.text("$ref"))
	}
	return s
}

// match compares a Go type with a schema, all the way down.
func match(t *testing.T, path string, typ reflect.Type, s schemaText) {
	t.Helper()
	s = follow(s)
	types := strings.Join(s.strings("type"), ",")
	switch {
	case typ == reflect.TypeFor[Metadata]():
	case typ == reflect.TypeFor[Text]():
		if types != "string" && s["enum"] == nil && s["const"] == nil {
			t.Errorf("%s is a Text, and %q in the schema", path, types)
		}
	case typ == reflect.TypeFor[Int]():
		wantType(t, path, types, "integer")
	case typ == reflect.TypeFor[Bool]():
		wantType(t, path, types, "boolean")
	case typ == reflect.TypeFor[Selection]():
		wantType(t, path, types, "array,object")
	case typ.Kind() == reflect.Pointer:
		match(t, path, typ.Elem(), s)
	case typ == reflect.TypeFor[Categories]():
		wantType(t, path, types, "array,string,object")
	case typ == reflect.TypeFor[From](), typ == reflect.TypeFor[Peer]():
		wantType(t, path, types, "string,object")
	case strings.HasPrefix(typ.Name(), "List["):
		if types != "array" && types != "array,string" {
			t.Errorf("%s is a List, and %q in the schema", path, types)
		}
		match(t, path+"[]", typ.Field(0).Type.Elem(), s.schema("items"))
	case typ.Kind() == reflect.Slice:
		wantType(t, path, types, "object")
		value, _ := typ.Elem().FieldByName("Value")
		match(t, path+"{}", value.Type, s.schema("additionalProperties"))
	case typ.Kind() == reflect.Struct:
		wantType(t, path, types, "object")
		matchStruct(t, path, typ, s)
	default:
		t.Errorf("%s: no schema is like %s", path, typ)
	}
}

func matchStruct(t *testing.T, path string, typ reflect.Type, s schemaText) {
	t.Helper()
	if s["additionalProperties"] != false {
		t.Errorf("%s takes unknown fields", path)
	}
	properties := s.schema("properties")
	seen := map[string]bool{}
	for _, f := range fieldsOf(typ) {
		seen[f.key] = true
		if properties[f.key] == nil {
			t.Errorf("%s.%s has no property in the schema", path, f.key)
			continue
		}
		match(t, path+"."+f.key, typ.FieldByIndex(f.index).Type, properties.schema(f.key))
	}
	for name := range properties {
		if !seen[name] {
			t.Errorf("%s.%s is in the schema and in no struct", path, name)
		}
	}
}

func wantType(t *testing.T, path, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %q in the schema, want %q", path, got, want)
	}
}

// Every keyword that can break has words.
func TestEveryKeywordOfTheSchemasIsRanked(t *testing.T) {
	silent := []string{
		"$schema", "$id", "$ref", "$defs", "title", "description", "examples", "default", "patternErrorMessage",
		"errorMessage", "helpMessage", "properties", "propertyNames", "items", "if", "then", "else", "allOf", "dependentSchemas",
	}
	var walk func(v any, names bool)
	walk = func(v any, names bool) {
		m, ok := v.(map[string]any)
		if !ok {
			return
		}
		for key, child := range m {
			if !names && !slices.Contains(silent, key) && !slices.Contains(ranked, key) {
				t.Errorf("the keyword %q has no words in a finding", key)
			}
			if !slices.Contains([]string{"examples", "default", "const", "dependentRequired"}, key) || names {
				walk(child, !names && slices.Contains([]string{"properties", "$defs", "dependentSchemas"}, key))
			}
		}
		for _, child := range m {
			list, _ := child.([]any)
			for _, item := range list {
				if _, isSchema := item.(map[string]any); isSchema && m["allOf"] != nil {
					walk(item, false)
				}
			}
		}
	}
	for _, doc := range schemas().text {
		walk(doc, false)
	}
}

func TestDecode(t *testing.T) {
	tree, diags := parseOne(`apiVersion: writ.dev/v1alpha1
kind: Service
metadata: {name: customers, namespace: identity}
spec:
  clusters: {env: prod, region: eu}
  selector: {app.kubernetes.io/name: customers}
  serviceAccounts: [customers, customers-green]
  hosts: [customers]
  ports:
    http: {port: 80, targetPort: 8080}
    tcp:
      port: 5432
      protocol: tcp
  endpoints:
    read-address:
      port: http
      methods: [GET]
      paths: ["/v1/customers/{id}/address"]
    health: {methods: any, paths: [/healthz], audience: mesh}
    call: {grpc: [a.B/C]}
  grants:
    - from: shop/checkout
      endpoints: [read-address]
      until: 2027-05-01
    - {from: {team: shop}, endpoints: [health], because: 'they ask'}
    - {from: {outsider: lb}, endpoints: [health]}
  intents:
    - {to: db, endpoints: [read, write], because: "rows"}
  stages: {mtls: strict, authz: off}
  per:
    - clusters: [us-1]
      serviceAccounts: [customers-us]
      targetPorts: {http: 8081}
`)
	if len(diags) > 0 || len(tree.Services) != 1 {
		t.Fatalf("got %d services and\n%s", len(tree.Services), render(diags))
	}
	s := tree.Services[0]
	if s.File != "policies/a.yaml" {
		t.Errorf("file is %q", s.File)
	}
	want := `{"APIVersion":"writ.dev/v1alpha1","Kind":"Service","Metadata":{"Name":"customers","Namespace":"identity"},` +
		`"Spec":{"Clusters":{"Labels":{"env":"prod","region":"eu"}},"Selector":{"app.kubernetes.io/name":"customers"},` +
		`"ServiceAccounts":["customers","customers-green"],"Hosts":["customers"],` +
		`"Ports":{"http":{"Port":80,"TargetPort":8080},"tcp":{"Port":5432,"Protocol":"tcp"}},` +
		`"Endpoints":{"call":{"GRPC":["a.B/C"]},"health":{"Audience":"mesh","Methods":["any"],"Paths":["/healthz"]},` +
		`"read-address":{"Methods":["GET"],"Paths":["/v1/customers/{id}/address"],"Port":"http"}},` +
		`"Grants":[{"Endpoints":["read-address"],"From":{"Service":"shop/checkout"},"Until":"2027-05-01"},` +
		`{"Because":"they ask","Endpoints":["health"],"From":{"Team":"shop"}},{"Endpoints":["health"],"From":{"Outsider":"lb"}}],` +
		`"Intents":[{"Because":"rows","Endpoints":["read","write"],"To":"db"}],"Stages":{"Authz":"off","MTLS":"strict"},` +
		`"Per":[{"Clusters":{"Names":["us-1"]},"ServiceAccounts":["customers-us"],"TargetPorts":{"http":8081}}]}}`
	var wanted any
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wanted, plain(reflect.ValueOf(*s))); diff != "" {
		t.Errorf("service (-want +got)\n%s", diff)
	}
}

// plain is a decoded value without its places, as JSON would be read; nil where nothing was written.
func plain(v reflect.Value) any {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	switch x := v.Interface().(type) {
	case Text:
		if x.Span.IsZero() {
			return nil
		}
		return x.Value
	case Int:
		if x.Span.IsZero() {
			return nil
		}
		return float64(x.Value)
	case Bool:
		if x.Span.IsZero() {
			return nil
		}
		return x.Value
	}
	if v.Kind() == reflect.Slice {
		return plainSlice(v)
	}
	if items := v.FieldByName("Items"); items.IsValid() {
		return plainSlice(items)
	}
	m := map[string]any{}
	for _, f := range reflect.VisibleFields(v.Type()) {
		if f.Anonymous || f.Name == "Span" || f.Name == "File" {
			continue
		}
		if value := plain(v.FieldByIndex(f.Index)); value != nil {
			m[f.Name] = value
		}
	}
	if len(m) == 0 {
		return nil
	}
	return m
}

func plainSlice(v reflect.Value) any {
	if v.Len() == 0 {
		return nil
	}
	if v.Type().Elem().NumField() == 2 && v.Type().Elem().Field(0).Name == "Key" {
		m := map[string]any{}
		for i := range v.Len() {
			m[v.Index(i).Field(0).Interface().(Text).Value] = plain(v.Index(i).Field(1))
		}
		return m
	}
	var list []any
	for i := range v.Len() {
		list = append(list, plain(v.Index(i)))
	}
	return list
}

// Later stages append to lists and mappings where they end.
func TestSpansAreWhereEditsAppend(t *testing.T) {
	text := service + `spec:
  clusters: [a]
  grants:
    - from: x/y
      endpoints: [b, c] # why
    - {from: {team: z}, endpoints: [d]}
  intents: [{to: e, endpoints: [f], because: g}]
`
	tree, diags := parseOne(text)
	if len(diags) > 0 {
		t.Fatal(render(diags))
	}
	spec := tree.Services[0].Spec
	for _, tt := range []struct{ name, got, want string }{
		{"block list", cut(text, spec.Grants.Span), "- from: x/y\n      endpoints: [b, c] # why\n    - {from: {team: z}, endpoints: [d]}"},
		{"flow list", cut(text, spec.Intents.Span), "{to: e, endpoints: [f], because: g}"},
		{"block item", cut(text, spec.Grants.Items[0].Span), "from: x/y\n      endpoints: [b, c]"},
		{"flow item", cut(text, spec.Grants.Items[1].Span), "from: {team: z}, endpoints: [d]"},
		{"names", cut(text, spec.Grants.Items[0].Endpoints.Span), "b, c"},
		{"from", cut(text, spec.Grants.Items[1].From.Span), "{team: z}"},
		{"selection", cut(text, spec.Clusters.Span), "[a]"},
		{"spec", cut(text, spec.Span), strings.TrimSuffix(text[len(service)+len("spec:\n  "):], "]\n") + "]"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s covers %q, want %q", tt.name, tt.got, tt.want)
		}
	}
	if spec.Grants.Flow || !spec.Intents.Flow {
		t.Error("the grants stand in a block and the intents in brackets")
	}
}

// `gateways: []` says that a cluster has none, which is more than to say nothing.
func TestAnEmptyListIsWritten(t *testing.T) {
	tree, diags := parseOne(cluster + "spec: {mesh: p, trustDomain: a, istioVersion: \"1.30\", gateways: []}\n")
	if len(diags) > 0 {
		t.Fatal(render(diags))
	}
	gateways := tree.Clusters[0].Spec.Gateways
	if gateways.Span.IsZero() || len(gateways.Items) != 0 || gateways.Span.Start != gateways.Span.End || gateways.Span.Start.Column() != 66 {
		t.Errorf("gateways are %+v", gateways)
	}
	if !tree.Clusters[0].Spec.TrustDomainAliases.Span.IsZero() {
		t.Error("a list that is not written has a place")
	}
}

func TestLowerCamel(t *testing.T) {
	for name, want := range map[string]string{
		"Name": "name", "APIVersion": "apiVersion", "TargetPort": "targetPort", "ServiceCIDR": "serviceCIDR", "MTLS": "mtls", "A": "a",
	} {
		if got := lowerCamel(name); got != want {
			t.Errorf("lowerCamel(%q) is %q, want %q", name, got, want)
		}
	}
}
