package manifest

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"istio.io/istio/manifests"
	"istio.io/istio/pkg/config/crd"
	"pgregory.net/rapid"
)

// apiServer is as strict with Istio's kinds as the API server of a cluster with the schemas of this version of Istio.
func apiServer(t *testing.T) *crd.Validator {
	t.Helper()
	schemas, err := manifests.FS.ReadFile("charts/base/files/crd-all.gen.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "crd.yaml")
	if err := os.WriteFile(file, schemas, 0o600); err != nil {
		t.Fatal(err)
	}
	server, err := crd.NewValidatorFromFilesWithOptions([]string{file}, crd.WithoutCRDValidation())
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// TestWhatAnAPIServerRefusesIsNotRead breaks good policies at random. What an API server then refuses Read refuses too, or finds
// something unknown in it. The other kinds have fields that change no access, which are not looked into.
func TestWhatAnAPIServerRefusesIsNotRead(t *testing.T) {
	server := apiServer(t)
	for _, kind := range []string{"AuthorizationPolicy", "PeerAuthentication"} {
		t.Run(kind, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				message := specs[kind].ProtoReflect().New().Interface()
				draw(t, message)
				raw, err := protojson.Marshal(message)
				if err != nil {
					t.Fatal(err)
				}
				var spec any
				if err := json.Unmarshal(raw, &spec); err != nil {
					t.Fatal(err)
				}
				spec = broken(t, spec, 0)
				data, err := json.Marshal(map[string]any{
					"apiVersion": "security.istio.io/v1", "kind": kind, "metadata": map[string]any{"name": "a", "namespace": "b"}, "spec": spec,
				})
				if err != nil {
					t.Fatal(err)
				}
				objects, err := Read("a.yaml", data)
				if err != nil || len(objects[0].Unknown) > 0 {
					return
				}
				if err := server.ValidateCustomResourceYAML(string(data), nil); err != nil {
					t.Fatalf("an API server refuses %s:\n%v", data, err)
				}
			})
		})
	}
}

// odd are values of every type, and such as a schema has limits for.
var odd = []any{nil, 1, -1.5, true, "", "a", "*", strings.Repeat("a", 400), []any{}, []any{nil}, []any{"a", 1}, map[string]any{}, map[string]any{"a": "b"}}

// broken is a value with one thing in it changed: itself, a field's name, or something below.
func broken(t *rapid.T, v any, depth int) any {
	below := rapid.IntRange(0, 4).Draw(t, "below") > 0 || depth == 0
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 || !below {
			break
		}
		key := rapid.SampledFrom(slices.Sorted(maps.Keys(v))).Draw(t, "field")
		switch rapid.IntRange(0, 8).Draw(t, "how") {
		case 0:
			delete(v, key)
		case 1:
			v[key+"x"] = v[key]
		case 2:
			v[rapid.SampledFrom([]string{"selector", "targetRef", "namespaces", "serviceAccounts", "a", ""}).Draw(t, "name")] = v[key]
		default:
			v[key] = broken(t, v[key], depth+1)
		}
		return v
	case []any:
		if len(v) == 0 || !below {
			break
		}
		i := rapid.IntRange(0, len(v)-1).Draw(t, "item")
		v[i] = broken(t, v[i], depth+1)
		return v
	}
	return rapid.SampledFrom(odd).Draw(t, "odd")
}
