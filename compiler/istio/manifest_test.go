package istio

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
	kubernetes "sigs.k8s.io/yaml"

	"writ.dev/writ/compiler/diag"
)

// scalars are strings that a reader of YAML 1.1, as Kubernetes is, takes for something else where they stand bare.
var scalars = []string{
	"", " ", "~", "null", "Null", "NULL", "true", "True", "false", "yes", "Yes", "YES", "no", "No", "on", "On", "off", "OFF", "y", "Y", "n", "N",
	"0", "1", "-1", "+1", "007", "0777", "0o777", "0x10", "0X10", "0b11", "-0x1", "1_000", "0x_1", "1e3", "1E3", "1e+3", "1.", ".5", "-.5", "1.5e-3",
	".inf", "-.inf", "+.INF", ".nan", ".NaN", "190:20:30", "190:20:30.15", "12:30", "1:1",
	"2001-12-14", "2001-1-1", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43", "8080",
	"=", "<<", "-", "--", "---", "...", "- a", "-a", "? a", "?", ": a", ":", "a: b", "a:", "a #b", "#a", "a#b", "&a", "*a", "!a", "!!str a", "|", ">", "%a", "@a", "`a",
	"'", "\"", "'a'", "\"a\"", "{}", "{*}", "{**}", "[a]", "[", "]", "{", "}", ",", "a, b", "/{*}/a", "\\", "a\\nb",
	" a", "a ", "\ta", "a\t", "a\tb", "\n", "a\n", "\na", "a\nb", "a\n\nb\n", " a\nb", "a\n b", "a \nb", "a\n\n", "\n\n", "a\r\nb", "a\rb", "# a\n# b",
	"\u0085", "a\u0085b", "\u2028", "a\u2028b\nc", "\u2029", "\ufeff", "\ufeffa", "\u00a0", "é", "日本語", "🙂", "\x00", "\x07", "\x1b[31m", "\x7f", "\ufffd", "\u200b",
}

func TestKubernetesReadsEveryStringBack(t *testing.T) {
	for _, s := range scalars {
		readsBack(t, s)
	}
	rapid.Check(t, func(t *rapid.T) {
		readsBack(t, rapid.String().Draw(t, "string"))
	})
}

type fataler interface {
	Helper()
	Errorf(string, ...any)
	Fatalf(string, ...any)
}

// readsBack puts the string wherever a manifest has strings: values of annotations, keys and values of labels, block and flow
// lists.
func readsBack(t fataler, s string) {
	t.Helper()
	spec := authorizationPolicy{
		Selector: &selector{map[string]string{s: s}},
		Rules:    []rule{{From: []from{{source{Principals: []string{s}}}}, To: []to{{operation{Ports: []string{s}, Methods: []string{s, s}, Paths: []string{s}}}}}},
	}
	m := newManifest("shop", "checkout", s, diag.Span{}, spec)
	m.APIVersion, m.Kind = "security.istio.io/v1", "AuthorizationPolicy"
	data := m.encode()
	var got any
	if err := kubernetes.UnmarshalStrict(data, &got); err != nil {
		t.Fatalf("%q: %v\n%s", s, err, data)
	}
	want := map[string]any{
		"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
		"metadata": map[string]any{
			"name": "checkout", "namespace": "shop",
			"labels":      map[string]any{"app.kubernetes.io/managed-by": "writ"},
			"annotations": map[string]any{"writ.dev/origin": s},
		},
		"spec": map[string]any{
			"selector": map[string]any{"matchLabels": map[string]any{s: s}},
			"rules": []any{map[string]any{
				"from": []any{map[string]any{"source": map[string]any{"principals": []any{s}}}},
				"to": []any{map[string]any{"operation": map[string]any{
					"ports": []any{s}, "methods": []any{s, s}, "paths": []any{s},
				}}},
			}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%q (-want +got):\n%s\n%s", s, diff, data)
	}
}

func TestSeveralIntentsStandOneToALine(t *testing.T) {
	m := newManifest("shop", "checkout", "Service shop/checkout", diag.Span{}, authorizationPolicy{}).
		forIntents([]string{"pay/payment charge", "shop/frontend place-order"})
	const want = "    writ.dev/intents: |-\n      pay/payment charge\n      shop/frontend place-order\n"
	if got := string(m.encode()); !strings.Contains(got, want) {
		t.Errorf("%s", got)
	}
}
