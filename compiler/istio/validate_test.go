package istio

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	security "istio.io/api/security/v1"
	"istio.io/istio/manifests"
	"istio.io/istio/pkg/config/crd"
	"pgregory.net/rapid"
	kubernetes "sigs.k8s.io/yaml"

	"writ.dev/writ/compiler/emit"
	"writ.dev/writ/compiler/plan"
)

// apiServer is as strict with Istio's kinds as the API server of a cluster with the schemas of this version of Istio.
var apiServer = sync.OnceValues(func() (*crd.Validator, error) {
	schemas, err := manifests.FS.ReadFile("charts/base/files/crd-all.gen.yaml")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "writ-crd")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "crd.yaml")
	if err := os.WriteFile(file, schemas, 0o600); err != nil {
		return nil, err
	}
	return crd.NewValidatorFromFilesWithOptions([]string{file}, crd.WithoutCRDValidation())
})

// accepted fails the test if Istio or an API server has anything against an object, warnings included.
func accepted(t fataler, objects []Object) {
	t.Helper()
	for _, r := range Validate(context.Background(), objects) {
		t.Errorf("%s: %s\n%s", r.Object.Path, r.Message, r.Object.Data)
	}
	server, err := apiServer()
	if err != nil {
		t.Fatalf("%v", err)
	}
	for _, o := range objects {
		if err := server.ValidateCustomResourceYAML(string(o.Data), nil); err != nil {
			t.Errorf("%s: %v\n%s", o.Path, err, o.Data)
		}
	}
}

func TestEveryPlanIsAccepted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		accepted(t, Render(t.Context(), clusters().Draw(t, "cluster")))
	})
}

func TestThePlanCanBeReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := clusters().Draw(t, "cluster")
		byPath := map[string]Object{}
		for _, o := range Render(t.Context(), c) {
			byPath[o.Path] = o
		}
		for _, w := range c.Workloads {
			for _, p := range w.Policies {
				o := byPath["eu-1/"+w.Namespace+"/authorizationpolicy-"+p.Name+".yaml"]
				spec := authorizationPolicySpec(t, o.Data)
				if diff := cmp.Diff(p.Rules, rulesOf(spec), nilIsEmpty); diff != "" {
					t.Fatalf("rules (-planned +read):\n%s\n%s", diff, o.Data)
				}
				if diff := cmp.Diff(w.Selector, selectorOf(spec)); diff != "" {
					t.Fatalf("selector (-planned +read):\n%s\n%s", diff, o.Data)
				}
			}
		}
	})
}

var nilIsEmpty = cmp.FilterValues(func(a, b []plan.Rule) bool { return len(a)+len(b) == 0 }, cmp.Ignore())

// authorizationPolicySpec decodes a manifest without any code of this package.
func authorizationPolicySpec(t fataler, data []byte) *security.AuthorizationPolicy {
	t.Helper()
	var object struct {
		Spec *security.AuthorizationPolicy `json:"spec"`
	}
	if err := kubernetes.Unmarshal(data, &object); err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	return object.Spec
}

func rulesOf(spec *security.AuthorizationPolicy) []plan.Rule {
	var rules []plan.Rule
	for _, r := range spec.Rules {
		var planned plan.Rule
		for _, f := range r.From {
			planned.Principals = append(planned.Principals, f.Source.Principals...)
			planned.CIDRs = append(planned.CIDRs, f.Source.IpBlocks...)
		}
		for _, to := range r.To {
			for _, port := range to.Operation.Ports {
				planned.Operations = append(planned.Operations, plan.Operation{
					Port: atoi(port), Methods: to.Operation.Methods, Paths: to.Operation.Paths,
				})
			}
		}
		rules = append(rules, planned)
	}
	return rules
}

func selectorOf(spec *security.AuthorizationPolicy) []plan.Label {
	var labels []plan.Label
	for key, value := range spec.Selector.MatchLabels {
		labels = append(labels, plan.Label{Key: key, Value: value})
	}
	slices.SortFunc(labels, func(a, b plan.Label) int { return strings.Compare(a.Key, b.Key) })
	return labels
}

// atoi reads a port as a person would: digits and nothing else.
func atoi(digits string) int {
	n := 0
	for _, d := range digits {
		n = n*10 + int(d-'0')
	}
	return n
}

func TestValidateRefuses(t *testing.T) {
	objects := Render(t.Context(), with(checkout(), func(w *plan.Workload) { w.PlaintextPorts = []int{8080} }))
	const policy, authentication, scope = 0, 1, 2
	for name, c := range map[string]struct {
		object   int
		old, new string
		message  string
		warning  bool
	}{
		"a field of the specification that does not exist": {
			policy, "paths:", "path:", `unknown field "spec.rules[0].to[0].operation.path"; did you mean "paths"`, false,
		},
		"a field in snake case": {
			policy, "matchLabels:", "match_labels:", `unknown field "spec.selector.match_labels"; did you mean "matchLabels"`, false,
		},
		"a field below a mapping": {
			authentication, "mode: PERMISSIVE", "Mode: PERMISSIVE", `unknown field "spec.portLevelMtls.8080.Mode"; did you mean "mode"`, false,
		},
		"a field in capitals":           {policy, "spec:", "Spec:", `unknown field "Spec"; did you mean "spec"`, false},
		"a field like no other":         {policy, "paths:", "wherever:", `unknown field "spec.rules[0].to[0].operation.wherever"`, false},
		"a field of the metadata":       {policy, "labels:", "lables:", `unknown field "metadata.lables"; did you mean "labels"`, false},
		"a field written twice":         {policy, "spec:", "spec: {}\nspec:", `key "spec" already set`, false},
		"no YAML":                       {policy, "spec:", "spec: [", "yaml: line", false},
		"another kind":                  {policy, "kind: AuthorizationPolicy", "kind: EnvoyFilter", `unknown kind "EnvoyFilter" of "security.istio.io/v1"`, false},
		"another version":               {policy, "security.istio.io/v1", "security.istio.io/v2", `unknown kind "AuthorizationPolicy" of "security.istio.io/v2"`, false},
		"another name than the index's": {policy, "name: checkout", "name: cart", "the file holds AuthorizationPolicy shop/cart in place of AuthorizationPolicy shop/checkout", false},
		"a label that is no string":     {policy, "managed-by: writ", "managed-by: 1", "labels: ", false},
		"a port out of range":           {policy, `"5050"`, `"70000"`, "bad port (70000)", false},
		"a port that is a number":       {policy, `"5050"`, `5050`, "invalid value for string field ports", false},
		"a path with {**} inside":       {policy, "/hipstershop.CheckoutService/", "/{**}/{*}/", "{**}", false},
		"a path with a star in a word":  {policy, "/hipstershop.CheckoutService/", "/{*}/a*/", "a*", false},
		"a principal of nobody":         {policy, "eu.example/ns/shop/sa/frontend", `""`, "empty value not allowed, found in Principals", false},
		"an action that does not exist": {policy, "action: ALLOW", "action: PERMIT", "PERMIT", false},
		"a dry run that is no bool":     {policy, "writ.dev/origin:", "istio.io/dry-run:", "istio.io/dry-run", false},
		"a selector without labels":     {policy, "matchLabels:\n      app: checkout", "matchLabels: {}", "without labels", true},
		"a mode that does not exist":    {authentication, "mode: STRICT", "mode: STERN", "STERN", false},
		"a port level port of 0":        {authentication, `"8080":`, `"0":`, "port must be in range 1..65535", false},
		"port levels without selector":  {authentication, "selector:\n    matchLabels:\n      app: checkout\n  ", "", "cannot have port level mTLS", false},
		"a host without namespace":      {scope, "pay/payment.pay", "payment.pay", "host must be of form namespace/dnsName", false},
		"a host named twice":            {scope, "identity/customers.identity", "pay/payment.pay", "duplicated egress host", true},
	} {
		t.Run(name, func(t *testing.T) {
			o := objects[c.object]
			text := strings.Replace(string(o.Data), c.old, c.new, 1)
			if text == string(o.Data) {
				t.Fatalf("%q does not occur in\n%s", c.old, text)
			}
			o.Data = []byte(text)
			got := Validate(t.Context(), []Object{o})
			if len(got) != 1 || !strings.Contains(got[0].Message, c.message) || got[0].Warning != c.warning {
				t.Errorf("got %+v, want %q, warning %v\n%s", got, c.message, c.warning, text)
			}
		})
	}
}

func TestValidateRefusesWhatIsNoObject(t *testing.T) {
	const head = "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
	for data, message := range map[string]string{
		"":                                      "the document is no mapping",
		"- a":                                   "the document is no mapping",
		head + "spec: {}":                       "metadata is missing",
		head + "metadata: a\nspec: {}":          "metadata is no mapping",
		head + "metadata: {name: 1}\nspec: {}":  "name: json: cannot unmarshal number into Go value of type string",
		head + "metadata: {name: a}":            "spec is missing",
		head + "metadata: {name: a}\nspec: [_]": "spec: ",
	} {
		got := Validate(t.Context(), []Object{{File: emit.File{Data: []byte(data)}, Kind: "PeerAuthentication", Name: "a"}})
		if len(got) != 1 || !strings.Contains(got[0].Message, message) {
			t.Errorf("%q: got %+v, want %q", data, got, message)
		}
	}
}

func TestValidateTellsEverythingInOrder(t *testing.T) {
	objects := Render(t.Context(), with(checkout()))
	objects[0].Data = []byte(strings.NewReplacer(`"5050"`, `"70000"`, "app: checkout", `app: "*"`).Replace(string(objects[0].Data)))
	objects[2].Data = []byte(strings.ReplaceAll(string(objects[2].Data), "pay/", ""))
	objects = append(objects, objects[1])
	var got []string
	for _, r := range Validate(t.Context(), objects) {
		got = append(got, filepath.Base(r.Object.Path))
	}
	want := []string{
		"authorizationpolicy-checkout.yaml", "authorizationpolicy-checkout.yaml", "sidecar-checkout.yaml", "peerauthentication-checkout.yaml",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// client-go and Istio's CRD package would make the binary half as heavy again.
func TestHeavyPackagesStayOut(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	if !slices.Contains(packages, "istio.io/istio/pkg/config/validation") {
		t.Fatal("the list of packages is not what it should be")
	}
	for _, p := range packages {
		if strings.HasPrefix(p, "k8s.io/client-go") || p == "istio.io/istio/pkg/config/crd" {
			t.Errorf("depends on %s", p)
		}
	}
}
