package istio

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"istio.io/istio/pkg/config"
	"sigs.k8s.io/yaml"

	"writ.dev/writ/compiler/diag"
)

// decode reads an object as Kubernetes reads YAML. A field that its type does not have, and a field written twice, is an
// error: an API server drops the first and takes the last of the second, and either can turn a narrow policy into a wide one.
func decode(data []byte) (*kind, config.Config, error) {
	var cfg config.Config
	object, plain := plainJSON(data)
	if !plain {
		var err error
		if object, err = yaml.YAMLToJSONStrict(data); err != nil {
			return nil, cfg, err
		}
	}
	top, err := fields(object, "", "apiVersion", "kind", "metadata", "spec")
	if err != nil {
		return nil, cfg, err
	}
	meta, err := fields(top["metadata"], "metadata", "name", "namespace", "labels", "annotations")
	if err != nil {
		return nil, cfg, err
	}
	var apiVersion, name string
	err = errors.Join(
		read(top, "apiVersion", &apiVersion), read(top, "kind", &name),
		read(meta, "name", &cfg.Name), read(meta, "namespace", &cfg.Namespace),
		read(meta, "labels", &cfg.Labels), read(meta, "annotations", &cfg.Annotations))
	if err != nil {
		return nil, cfg, err
	}
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name && k.apiVersion == apiVersion })
	if i < 0 {
		return nil, cfg, fmt.Errorf("unknown kind %q of %q", name, apiVersion)
	}
	spec := kinds[i].spec()
	cfg.Spec = spec
	return &kinds[i], cfg, readSpec(top["spec"], spec)
}

// fields splits the object at path into its fields. Unlike the decoder of encoding/json it does not take Spec for spec.
func fields(object json.RawMessage, path string, names ...string) (map[string]json.RawMessage, error) {
	if len(object) == 0 {
		return nil, fmt.Errorf("%s is missing", path)
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(object, &m); err != nil || m == nil {
		return nil, fmt.Errorf("%s is no mapping", cmp.Or(path, "the document"))
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(names, name) {
			return nil, unknownField(join(path, name), name, names)
		}
	}
	return m, nil
}

// read decodes a field, which may be missing.
func read[T any](m map[string]json.RawMessage, name string, into *T) error {
	raw, ok := m[name]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// readSpec decodes a specification into Istio's type for it.
func readSpec(raw json.RawMessage, spec proto.Message) error {
	if len(raw) == 0 {
		return errors.New("spec is missing")
	}
	refused := protojson.Unmarshal(raw, spec)
	if refused == nil && !bytes.ContainsRune(raw, '_') {
		return nil
	}
	// protojson tells an unknown field without its path, and takes match_labels for matchLabels, which a cluster does not know.
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return fmt.Errorf("spec: %w", err)
	}
	if err := known(tree, "spec", spec.ProtoReflect().Descriptor()); err != nil {
		return err
	}
	if refused == nil || istiodReads(raw, spec) {
		return nil
	}
	// The package writes a no-break space in some builds and a space in others, to keep people from relying on its messages:
	// https://github.com/protocolbuffers/protobuf-go/blob/master/internal/errors/errors.go
	return fmt.Errorf("spec: %s", strings.ReplaceAll(refused.Error(), "\u00a0", " "))
}

// istiodReads decodes with the method that istiod reads its objects by, which takes 1m for 60s. It passes over unknown fields.
// https://github.com/istio/api, *_json.gen.go
func istiodReads(raw json.RawMessage, spec proto.Message) bool {
	own, ok := spec.(json.Unmarshaler)
	if !ok {
		return false
	}
	proto.Reset(spec)
	return own.UnmarshalJSON(raw) == nil
}

// known reports the first field below path that the message type does not have. It knows fields by their JSON name alone, as
// the schemas of a cluster do. What has the wrong type is left to protojson.
func known(tree any, path string, message protoreflect.MessageDescriptor) error {
	object, ok := tree.(map[string]any)
	if !ok || message.ParentFile().Package() == "google.protobuf" {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		f := message.Fields().ByJSONName(name)
		if f == nil {
			return unknownField(join(path, name), name, jsonNames(message))
		}
		if err := knownBelow(object[name], join(path, name), f); err != nil {
			return err
		}
	}
	return nil
}

// knownBelow is known for the value of one field: a message, or a list or mapping of messages.
func knownBelow(value any, path string, f protoreflect.FieldDescriptor) error {
	message := f.Message()
	if f.IsMap() {
		message = f.MapValue().Message()
	}
	if message == nil {
		return nil
	}
	switch values := value.(type) {
	case []any:
		for i, v := range values {
			if err := known(v, fmt.Sprintf("%s[%d]", path, i), message); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		if !f.IsMap() {
			return known(value, path, message)
		}
		for _, key := range slices.Sorted(maps.Keys(values)) {
			if err := known(values[key], join(path, key), message); err != nil {
				return err
			}
		}
	}
	return nil
}

func jsonNames(message protoreflect.MessageDescriptor) []string {
	var names []string
	for i := range message.Fields().Len() {
		names = append(names, message.Fields().Get(i).JSONName())
	}
	return names
}

func unknownField(path, name string, candidates []string) error {
	if near := diag.Nearest(name, candidates); near != "" {
		return fmt.Errorf("unknown field %q; did you mean %q", path, near)
	}
	return fmt.Errorf("unknown field %q", path)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
