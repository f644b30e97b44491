package schema_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"writ.dev/writ/schema"
)

// compile checks a schema against the metaschema on its way.
func compile(t *testing.T, resources map[string][]byte, id string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat = true
	c.Formats["cidr"] = func(v any) bool {
		s, ok := v.(string)
		if !ok {
			return true
		}
		p, err := netip.ParsePrefix(s)
		return err == nil && p == p.Masked() && !p.Addr().Is4In6()
	}
	for url, data := range resources {
		if err := c.AddResource(url, bytes.NewReader(data)); err != nil {
			t.Fatalf("%s: %v", url, err)
		}
	}
	s, err := c.Compile(id)
	if err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	return s
}

func files(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	names, err := fs.Glob(schema.FS, "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := schema.FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[schema.ID(name)] = data
	}
	return all
}

func parse(t *testing.T, data []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// each visits every schema of a document that stands for a value, with its path.
func each(v any, path string, f func(path string, s map[string]any)) {
	m, ok := v.(map[string]any)
	if !ok {
		return
	}
	f(path, m)
	for _, keyword := range []string{"properties", "$defs", "dependentSchemas"} {
		children, _ := m[keyword].(map[string]any)
		for name, child := range children {
			each(child, path+"/"+keyword+"/"+name, f)
		}
	}
	for _, keyword := range []string{"items", "additionalProperties", "propertyNames", "if", "then", "else"} {
		each(m[keyword], path+"/"+keyword, f)
	}
	all, _ := m["allOf"].([]any)
	for _, child := range all {
		each(child, path+"/allOf", f)
	}
}

func TestSchemasSayWhoTheyAre(t *testing.T) {
	for id, data := range files(t) {
		doc := parse(t, data).(map[string]any)
		if doc["$id"] != nil {
			t.Errorf("%s sends its readers to %v for what lies beside it", id, doc["$id"])
		}
		if doc["$schema"] != "https://json-schema.org/draft/2020-12/schema" {
			t.Errorf("%s is of the draft %v", id, doc["$schema"])
		}
	}
}

// An editor shows the description of a field to whoever writes it.
func TestEveryFieldIsDescribed(t *testing.T) {
	for id, data := range files(t) {
		each(parse(t, data), id, func(path string, s map[string]any) {
			if strings.Contains(path, "/then") || strings.Contains(path, "/if") || strings.Contains(path, "/dependentSchemas") {
				return // says more about a property that is described elsewhere
			}
			properties, _ := s["properties"].(map[string]any)
			for name, p := range properties {
				description, _ := p.(map[string]any)["description"].(string)
				if len(description) < 20 {
					t.Errorf("%s/%s is described as %q", path, name, description)
				}
			}
		})
	}
}

// Unknown fields are refused everywhere, forms have words for a person, and no alternatives are tried whose errors nobody can read.
func TestSchemasAreStrict(t *testing.T) {
	for id, data := range files(t) {
		each(parse(t, data), id, func(path string, s map[string]any) {
			overlay := strings.Contains(path, "/then") || strings.Contains(path, "/if") || strings.Contains(path, "/dependentSchemas")
			if s["properties"] != nil && s["additionalProperties"] != false && !overlay && !strings.HasSuffix(id, "/writ.schema.json") {
				t.Errorf("%s takes unknown fields", path)
			}
			for _, keyword := range []string{"oneOf", "anyOf"} {
				if s[keyword] != nil {
					t.Errorf("%s has %s", path, keyword)
				}
			}
			for _, keyword := range []string{"pattern", "format"} {
				if s[keyword] != nil && (s["patternErrorMessage"] == nil || s["title"] == nil) {
					t.Errorf("%s has a %s without a title and words for it", path, keyword)
				}
			}
		})
	}
}

// Examples are what people copy.
func TestExamplesFitTheirSchemas(t *testing.T) {
	resources := files(t)
	n := 0
	for id, data := range resources {
		each(parse(t, data), id+"#", func(path string, s map[string]any) {
			examples, _ := s["examples"].([]any)
			if len(examples) == 0 {
				return
			}
			compiled := compile(t, resources, path)
			for _, example := range examples {
				n++
				if err := compiled.Validate(example); err != nil {
					t.Errorf("%s: %v: %v", path, example, err)
				}
			}
		})
	}
	if n < 40 {
		t.Errorf("found %d examples only", n)
	}
}

var documents = []struct {
	name string
	ok   bool
	text string
}{
	{"mesh", true, `{"apiVersion":"writ.dev/v1alpha1","kind":"Mesh","metadata":{"name":"prod"},"spec":{}}`},
	{"cluster", true, `{"apiVersion":"writ.dev/v1alpha1","kind":"Cluster","metadata":{"name":"eu-1","labels":{"env":"prod"}},
		"spec":{"mesh":"prod","trustDomain":"eu.example.org","istioVersion":"1.30","discovers":["eu-1"]}}`},
	{"team", true, `{"apiVersion":"writ.dev/v1alpha1","kind":"Team","metadata":{"name":"shop"},
		"spec":{"contact":"#shop","owners":["@a/b"],"namespaces":{"shop":{}}}}`},
	{"outsider", true, `{"apiVersion":"writ.dev/v1alpha1","kind":"Outsider","metadata":{"name":"lb"},
		"spec":{"cidrs":["10.0.0.0/8"],"because":"a","until":"2027-05-01","intents":[{"to":"shop/cart","endpoints":["read"],"because":"b"}]}}`},
	{"service", true, `{"apiVersion":"writ.dev/v1alpha1","kind":"Service","metadata":{"name":"cart","namespace":"shop"},
		"spec":{"intents":[{"to":"customers","endpoints":["read-address"],"because":"b"}],"grants":[{"from":{"team":"shop"},"endpoints":["x"]},{"from":"shop/cart","endpoints":["x"]}]}}`},
	{"unknown kind", false, `{"apiVersion":"writ.dev/v1alpha1","kind":"Servce","metadata":{"name":"cart","namespace":"shop"},"spec":{}}`},
	{"no kind", false, `{"apiVersion":"writ.dev/v1alpha1","metadata":{"name":"cart","namespace":"shop"},"spec":{}}`},
	{"unknown field", false, `{"apiVersion":"writ.dev/v1alpha1","kind":"Service","metadata":{"name":"cart","namespace":"shop"},"spec":{"personalData":{}}}`},
	{"field of another kind", false, `{"apiVersion":"writ.dev/v1alpha1","kind":"Mesh","metadata":{"name":"prod"},"spec":{"endpoints":{}}}`},
	{"other version", false, `{"apiVersion":"writ.dev/v2","kind":"Mesh","metadata":{"name":"prod"},"spec":{}}`},
	{"no such day", false, `{"apiVersion":"writ.dev/v1alpha1","kind":"Outsider","metadata":{"name":"lb"},
		"spec":{"cidrs":["10.0.0.0/8"],"because":"a","until":"2027-02-30"}}`},
	{"host bits", false, `{"apiVersion":"writ.dev/v1alpha1","kind":"Outsider","metadata":{"name":"lb"},
		"spec":{"cidrs":["10.0.0.1/8"],"because":"a","until":"2027-02-03"}}`},
}

// The bundle is for editors what the files are for the compiler.
func TestWritAndBundlePickByKind(t *testing.T) {
	bundle, err := schema.Bundle()
	if err != nil {
		t.Fatal(err)
	}
	const id = "https://example.org/bundle.json"
	for name, s := range map[string]*jsonschema.Schema{
		"writ.schema.json": compile(t, files(t), schema.ID("writ.schema.json")),
		"bundle":           compile(t, map[string][]byte{id: bundle}, id),
	} {
		for _, d := range documents {
			if err := s.Validate(parse(t, []byte(d.text))); (err == nil) != d.ok {
				t.Errorf("%s, %s: %v", name, d.name, err)
			}
		}
	}
}

func TestBundleStandsAlone(t *testing.T) {
	one, err := schema.Bundle()
	if err != nil {
		t.Fatal(err)
	}
	two, _ := schema.Bundle()
	if !bytes.Equal(one, two) {
		t.Error("the bytes of the bundle differ from call to call")
	}
	ids, refs := 0, 0
	each(parse(t, one), "", func(path string, s map[string]any) {
		if s["$id"] != nil {
			ids++
		}
		if ref, ok := s["$ref"].(string); ok {
			refs++
			if !strings.HasPrefix(ref, "#/$defs/") {
				t.Errorf("%s refers to %s", path, ref)
			}
		}
	})
	if ids != 1 || refs < 50 {
		t.Errorf("found %d ids, want the bundle's own; and %d references", ids, refs)
	}
	if bytes.Contains(one, []byte(`\u003c`)) {
		t.Error("descriptions are escaped for HTML")
	}
}

func TestEstateKnowsTheNames(t *testing.T) {
	names := schema.Names{
		Meshes: []string{"prod"}, Clusters: []string{"eu-2", "eu-1"}, Teams: []string{"shop"}, Outsiders: []string{"lb"},
		Categories: []string{"user.x_boutique.size", "user.name"},
		Services: map[string][]string{
			"shop/cart": {"read"}, "identity/customers": {"read-address", "health"}, "crm/customers": {"list"}, "shop/caller": nil,
		},
	}
	data, err := schema.Estate(names)
	if err != nil {
		t.Fatal(err)
	}
	const id = "https://example.org/estate.json"
	s := compile(t, map[string][]byte{id: data}, id)
	for _, d := range documents {
		if err := s.Validate(parse(t, []byte(d.text))); (err == nil) != d.ok {
			t.Errorf("%s: %v", d.name, err)
		}
	}
	service := func(spec string) string {
		return `{"apiVersion":"writ.dev/v1alpha1","kind":"Service","metadata":{"name":"new","namespace":"shop"},"spec":` + spec + `}`
	}
	for _, tt := range []struct {
		name, text string
		ok         bool
	}{
		{"full name", service(`{"intents":[{"to":"identity/customers","endpoints":["health","read-address"],"because":"b"}]}`), true},
		{"bare name", service(`{"intents":[{"to":"cart","endpoints":["read"],"because":"b"}]}`), true},
		{"bare name of two", service(`{"intents":[{"to":"customers","endpoints":["list","health"],"because":"b"}]}`), true},
		{"misspelt service", service(`{"intents":[{"to":"identity/custmers","endpoints":["health"],"because":"b"}]}`), false},
		{"misspelt endpoint", service(`{"intents":[{"to":"identity/customers","endpoints":["heath"],"because":"b"}]}`), false},
		{"endpoint of another", service(`{"intents":[{"to":"crm/customers","endpoints":["health"],"because":"b"}]}`), false},
		{"callee without endpoints", service(`{"intents":[{"to":"shop/caller","endpoints":["health"],"because":"b"}]}`), false},
		{"grant", service(`{"grants":[{"from":"shop/cart","endpoints":["x"]},{"from":{"outsider":"lb"},"endpoints":["x"]}]}`), true},
		{"grant to nobody", service(`{"grants":[{"from":"shop/crt","endpoints":["x"]}]}`), false},
		{"grant to no team", service(`{"grants":[{"from":{"team":"shp"},"endpoints":["x"]}]}`), false},
		{"grant to no outsider", service(`{"grants":[{"from":{"outsider":"bl"},"endpoints":["x"]}]}`), false},
		{"clusters", service(`{"clusters":["eu-1","eu-2"]}`), true},
		{"clusters by label", service(`{"clusters":{"env":"prod"}}`), true},
		{"no such cluster", service(`{"clusters":["eu-3"]}`), false},
		{"no such mesh", `{"apiVersion":"writ.dev/v1alpha1","kind":"Cluster","metadata":{"name":"new"},
			"spec":{"mesh":"prd","trustDomain":"a","istioVersion":"1.30"}}`, false},
		{"bare name in a mesh", `{"apiVersion":"writ.dev/v1alpha1","kind":"Mesh","metadata":{"name":"prod"},
			"spec":{"infrastructure":[{"name":"a","from":"cart","endpoints":["x"],"because":"b"}]}}`, false},
		{"infrastructure", `{"apiVersion":"writ.dev/v1alpha1","kind":"Mesh","metadata":{"name":"prod"},
			"spec":{"infrastructure":[{"name":"a","from":"shop/cart","endpoints":["x"],"teams":["shop"],"because":"b"}]}}`, true},
	} {
		if err := s.Validate(parse(t, []byte(tt.text))); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	assertions := func(spec string) string {
		return `{"apiVersion":"writ.dev/v1alpha1","kind":"Test","metadata":{"name":"new","namespace":"shop"},"spec":` + spec + `}`
	}
	for _, tt := range []struct {
		name, text string
		ok         bool
	}{
		{"allow", assertions(`{"allow":[{"from":"cart","to":"identity/customers","endpoints":["health"]}]}`), true},
		{"allow of nothing", assertions(`{"allow":[{"from":"cart","to":"identity/customers"}]}`), false},
		{"deny everything", assertions(`{"deny":[{"from":{"team":"shop"},"to":"identity/customers"}]}`), true},
		{"endpoint of another", assertions(`{"deny":[{"from":"cart","to":"identity/customers","endpoints":["list"]}]}`), false},
		{"no such caller", assertions(`{"only":[{"to":"cart","from":["crt"]}]}`), false},
		{"nobody", assertions(`{"only":[{"to":"cart","from":[]}]}`), true},
		{"endpoints and paths", assertions(`{"only":[{"to":"cart","from":[],"endpoints":["read"],"methods":["GET"],"paths":["/"]}]}`), false},
		{"paths of any method", assertions(`{"deny":[{"from":{"peer":"any"},"to":"cart","methods":"any","paths":["/{rest...}"]}]}`), true},
		{"paths without methods", assertions(`{"deny":[{"from":{"peer":"any"},"to":"cart","paths":["/{rest...}"]}]}`), false},
		{"two callers in one", assertions(`{"deny":[{"from":{"peer":"any","team":"shop"},"to":"cart"}]}`), false},
		{"nothing asserted", assertions(`{"enforced":true}`), false},
	} {
		if err := s.Validate(parse(t, []byte(tt.text))); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if !bytes.Contains(data, []byte(`"user.x_boutique.size"`)) || bytes.Contains(data, []byte(`"user.contact.email"`)) {
		t.Error("the words for personal data are not those of the estate")
	}
	tagged := `{"ports":{"http":{"port":80}},"endpoints":{"a":{"methods":["GET"],"paths":["/a"],"returns":["user.cookie_id"]}}}`
	if err := s.Validate(parse(t, []byte(service(tagged)))); err != nil {
		t.Errorf("a word that has moved is refused: %v", err)
	}
	slices.Reverse(names.Clusters)
	if again, _ := schema.Estate(names); !bytes.Equal(data, again) {
		t.Error("the bytes depend on the order of the names")
	}
}

// Before there are names, everything of the right form goes.
func TestEstateWithoutNames(t *testing.T) {
	data, err := schema.Estate(schema.Names{})
	if err != nil {
		t.Fatal(err)
	}
	const id = "https://example.org/estate.json"
	s := compile(t, map[string][]byte{id: data}, id)
	for _, d := range documents {
		if err := s.Validate(parse(t, []byte(d.text))); (err == nil) != d.ok {
			t.Errorf("%s: %v", d.name, err)
		}
	}
}
