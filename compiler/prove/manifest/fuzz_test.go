package manifest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"sigs.k8s.io/yaml"
)

// FuzzRead: whatever the bytes, Read returns, and twice the same; and what it takes, a cluster reads alike.
func FuzzRead(f *testing.F) {
	for _, pattern := range []string{"testdata/*.txtar", "testdata/kinds/*.txtar", "testdata/every.yaml", "../../../out/*/*/*writ.floor.yaml", "../../../out/eu-1/storefront/*.yaml"} {
		seeds, err := filepath.Glob(pattern)
		if err != nil || len(seeds) == 0 {
			f.Fatal(pattern, err)
		}
		for _, seed := range seeds {
			data, err := os.ReadFile(seed)
			if err != nil {
				f.Fatal(err)
			}
			for part := range strings.SplitSeq(string(data), "\n-- ") {
				_, part, _ = strings.Cut(part, "\n")
				f.Add([]byte(part))
			}
		}
	}
	f.Add([]byte(`{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a\u00e9\n"}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		objects, err := Read("a.yaml", data)
		again, errAgain := Read("a.yaml", data)
		if !reflect.DeepEqual(err, errAgain) || !cmp.Equal(objects, again, cmpopts.IgnoreUnexported(Object{})) {
			t.Fatal("read twice, it differs")
		}
		if err == nil {
			asACluster(t, data, objects)
		}
	})
}

// asACluster holds a file that was read against sigs.k8s.io/yaml and Istio's types.
func asACluster(t *testing.T, data []byte, objects []*Object) {
	t.Helper()
	var read []*Object
	for i, part := range strings.Split("\n"+string(data), "\n---") {
		if _, rest, cut := strings.Cut(part, "\n"); cut || i > 0 {
			part = rest // of the line itself there is nothing more to read
		}
		text, err := yaml.YAMLToJSONStrict([]byte(part))
		if err != nil {
			t.Fatalf("a cluster refuses it: %v", err)
		}
		if string(text) == "null" {
			continue
		}
		d := &document{data: []byte(part)}
		root, fault := d.parse()
		if root == nil || fault != nil {
			t.Fatal("a part of what was read is not", fault)
		}
		ours, err := json.Marshal(plain(root))
		if err != nil {
			t.Fatal(err)
		}
		if string(ours) != string(text) {
			t.Fatalf("a cluster reads\n%s\nand not\n%s", text, ours)
		}
		for _, item := range itemsOf(t, text) {
			if len(read) == len(objects) {
				t.Fatal("an object is missing")
			}
			o := objects[len(read)]
			read = append(read, o)
			if len(o.SHA256()) != 64 {
				t.Fatal("no digest")
			}
			asIstio(t, item, o)
		}
	}
	if len(read) != len(objects) {
		t.Fatal("an object too many")
	}
}

// fields of a JSON object. The decoder would take Spec for spec if it were given a struct.
func fieldsOf(t *testing.T, text []byte) map[string]json.RawMessage {
	t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

func stringOf(text json.RawMessage) (s string) {
	_ = json.Unmarshal(text, &s) // "" is of what is no string
	return s
}

func itemsOf(t *testing.T, text []byte) []json.RawMessage {
	t.Helper()
	fields := fieldsOf(t, text)
	if stringOf(fields["apiVersion"]) != "v1" || stringOf(fields["kind"]) != "List" {
		return []json.RawMessage{text}
	}
	var items []json.RawMessage
	if err := json.Unmarshal(fields["items"], &items); err != nil {
		t.Fatal(err)
	}
	return items
}

// asIstio decodes an object into Istio's type. What the reader has no Unknown in has to be there, and the same.
func asIstio(t *testing.T, text json.RawMessage, o *Object) {
	t.Helper()
	fields := fieldsOf(t, text)
	metadata := map[string]json.RawMessage{}
	if fields["metadata"] != nil && string(fields["metadata"]) != "null" {
		metadata = fieldsOf(t, fields["metadata"])
	}
	if o.Kind != stringOf(fields["kind"]) || o.Name != stringOf(metadata["name"]) || o.Namespace != stringOf(metadata["namespace"]) {
		t.Fatalf("read as %s %s/%s: %s", o.Kind, o.Namespace, o.Name, text)
	}
	empty, known := specs[o.Kind]
	if !known || o.Meaning() != Modelled || len(o.Unknown) > 0 {
		return
	}
	spec := empty.ProtoReflect().New().Interface()
	if fields["spec"] != nil {
		if err := protojson.Unmarshal(fields["spec"], spec); err != nil {
			if o.AuthorizationPolicy != nil || o.PeerAuthentication != nil {
				t.Fatalf("Istio refuses %s: %v", fields["spec"], err)
			}
			return // fields that change no access are not looked into
		}
	}
	same(t, spec, o)
}

func same(t interface {
	Helper()
	Fatalf(string, ...any)
}, spec proto.Message, o *Object,
) {
	t.Helper()
	if diff := cmp.Diff(asRead(spec), kindsOf(o), meant, cmpopts.IgnoreUnexported(Object{})); diff != "" {
		t.Fatalf("Istio reads otherwise:\n%s", diff)
	}
}
