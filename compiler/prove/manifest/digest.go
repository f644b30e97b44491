package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"sync"

	"go.yaml.in/yaml/v4"
)

// document is a part of a file between lines of "---".
type document struct {
	data  []byte
	above int // how many lines of the file stand above it

	once    sync.Once
	digests []string
}

// SHA256 is the digest of what the object says to a cluster, in lower-case hexadecimal: its apiVersion, kind, namespace and name,
// all its fields but metadata and status, and of its labels and annotations those that matter. Comments, the order of
// fields, quotes, JSON for YAML, and the marks that tools leave on an object change nothing in it, so that an object has the same
// digest in a folder and read from a cluster. It is what a platform accepts an object by that the proof does not know.
//
// The digest is computed when it is first asked for, by reading the document again: few objects are ever asked.
func (o *Object) SHA256() string {
	if o.document == nil {
		return "" // it was not read
	}
	o.document.once.Do(o.document.digest)
	return o.document.digests[o.index]
}

func (d *document) digest() {
	root, fault := d.parse()
	if fault != nil {
		panic("manifest: a document that was read cannot be read: " + fault.Error())
	}
	items, _ := listed(root)
	for _, item := range items {
		text, err := json.Marshal(canonical(item))
		if err != nil {
			panic("manifest: a document that was read has no JSON: " + err.Error())
		}
		sum := sha256.Sum256(text)
		d.digests = append(d.digests, hex.EncodeToString(sum[:]))
	}
}

// canonical is what of an object its digest covers. encoding/json sorts the fields.
func canonical(n *yaml.Node) map[string]any {
	object, _ := plain(n).(map[string]any)
	metadata, _ := object["metadata"].(map[string]any)
	kept := map[string]any{"namespace": metadata["namespace"], "name": metadata["name"]}
	for _, field := range []string{"labels", "annotations"} {
		all, _ := metadata[field].(map[string]any)
		for key, v := range all {
			if matters(field, key) {
				kept[field+" "+key] = v
			}
		}
	}
	object["metadata"] = kept
	delete(object, "status")
	return object
}

// plain is a value as encoding/json has it.
func plain(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		all := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			all[n.Content[i].Value] = plain(n.Content[i+1])
		}
		return all
	case yaml.SequenceNode:
		all := make([]any, len(n.Content))
		for i, item := range n.Content {
			all[i] = plain(item)
		}
		return all
	}
	return scalar(n)
}
