package istio

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writ.dev/writ/compiler/emit"
)

// written are hand-written objects of the kinds that writ does not render: one that Istio takes, and one that it refuses for
// the reason that follows.
var written = map[string]struct{ good, bad, reason string }{
	"DestinationRule": {
		"{host: a.b.svc.cluster.local, trafficPolicy: {outlierDetection: {baseEjectionTime: 1m, consecutive5xxErrors: 5}}}",
		"{host: a.b.svc.cluster.local, trafficPolicy: {outlierDetection: {baseEjectionTime: 10us}}}", "greater than 1ms",
	},
	"Gateway": {
		"{selector: {app: ingress}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [shop.example.com]}]}",
		"{selector: {app: ingress}, servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: [shop.example.com]}]}", "TLS",
	},
	"RequestAuthentication": {
		"{selector: {matchLabels: {app: a}}, jwtRules: [{issuer: https://id.example.com, jwksUri: https://id.example.com/keys}]}",
		"{jwtRules: [{issuer: https://id.example.com, fromHeaders: [{name: \"\"}]}]}", "header",
	},
	"ServiceEntry": {
		"{hosts: [tax.example.com], ports: [{number: 443, name: tls, protocol: TLS}], resolution: DNS, location: MESH_EXTERNAL}",
		"{hosts: [], ports: [{number: 443, name: tls, protocol: TLS}], resolution: DNS}", "host",
	},
	"Telemetry": {
		"{tracing: [{randomSamplingPercentage: 0.5}]}",
		"{tracing: [{randomSamplingPercentage: 101}]}", "randomSamplingPercentage",
	},
	"VirtualService": {
		"{hosts: [a.b.svc.cluster.local], http: [{timeout: 1h30m, route: [{destination: {host: a.b.svc.cluster.local}}]}]}",
		"{hosts: [a.b.svc.cluster.local], http: [{route: []}]}", "HTTP route",
	},
}

func TestHandWrittenKindsAreJudged(t *testing.T) {
	var kindsOfOthers []string
	for _, k := range kinds {
		if k.manifests == nil {
			kindsOfOthers = append(kindsOfOthers, k.name)
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(written)), kindsOfOthers); diff != "" {
		t.Fatalf("kinds without an example: %s", diff)
	}
	for name, w := range written {
		t.Run(name, func(t *testing.T) {
			accepted(t, []Object{handWritten(name, w.good)})
			if got := refused(t, handWritten(name, w.bad)); !strings.Contains(got, w.reason) {
				t.Errorf("refused for %q, not for the %s", got, w.reason)
			}
			if got := refused(t, handWritten(name, "{colour: red}")); !strings.Contains(got, `unknown field "spec.colour"`) {
				t.Errorf("refused for %q, not for the unknown field", got)
			}
		})
	}
}

func handWritten(kind, spec string) Object {
	return Object{
		File: emit.File{
			Path: PathOf("eu-1", "shop", kind, "a"),
			Data: []byte("apiVersion: " + Kinds()[kind] + "\nkind: " + kind + "\nmetadata: {name: a, namespace: shop}\nspec: " + spec + "\n"),
		},
		Kind: kind, Namespace: "shop", Name: "a",
	}
}

func refused(t *testing.T, o Object) string {
	t.Helper()
	var all []string
	for _, r := range Validate(t.Context(), []Object{o}) {
		if !r.Warning {
			all = append(all, r.Message)
		}
	}
	return strings.Join(all, "; ")
}
