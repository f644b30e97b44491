// Package live holds what really runs in a cluster, as kubectl prints it, against what the documents say: the mesh's settings,
// Kubernetes Services, pods, and the objects that were to be synced. A proof of manifests takes most of that on trust.
package live

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v4"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/prove/manifest"
)

// Snapshot is what was read of a cluster. What was not in the text is not there, which says nothing of the cluster.
type Snapshot struct {
	objects  []*manifest.Object
	pods     []pod
	services map[string]*service // by namespace/name
	meshes   []meshConfig        // of all revisions of the control plane
	managers map[identity][]string
	proxies  []dumped
	shown    bool // whether dumps of proxies were given
}

// identity is what a cluster tells objects apart by.
type identity struct{ group, kind, namespace, name string }

func (i identity) String() string { return i.kind + " " + i.namespace + "/" + i.name }

func identify(o *manifest.Object) identity {
	group, _, _ := strings.Cut(o.APIVersion, "/")
	return identity{group, o.Kind, o.Namespace, o.Name}
}

// Read reads what kubectl prints with -o yaml or -o json: objects and Lists of them, with lines of "---" between. The error is a
// *manifest.Error.
func Read(name string, data []byte) (*Snapshot, error) {
	objects, err := manifest.Read(name, data)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{objects: objects, services: map[string]*service{}, managers: map[identity][]string{}}
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		panic(err) // no option is set that could be wrong
	}
	for {
		var root yaml.Node
		if err := loader.Load(&root); errors.Is(err, io.EOF) {
			return s, nil
		} else if err != nil {
			return nil, &manifest.Error{Path: name, Line: 1, Column: 1, Message: "this cannot be read: " + err.Error(), Help: "pass what kubectl prints with -o yaml"}
		}
		for _, item := range items(&root) {
			if err := s.add(name, item); err != nil {
				return nil, err
			}
		}
	}
}

// items are the objects of a document: those of a List, or the document itself.
func items(root *yaml.Node) []*yaml.Node {
	if root.Kind == yaml.DocumentNode {
		if len(root.Content) == 0 {
			return nil
		}
		root = root.Content[0]
	}
	for i := 0; i+1 < len(root.Content) && root.Kind == yaml.MappingNode; i += 2 {
		if root.Content[i].Value == "items" {
			return root.Content[i+1].Content
		}
	}
	return []*yaml.Node{root}
}

// object is what of every object is looked at.
type object struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct {
		Namespace, Name     string
		Labels, Annotations map[string]string
		ManagedFields       []struct {
			Manager, Time string
			FieldsV1      map[string]any `yaml:"fieldsV1"`
		} `yaml:"managedFields"`
	}
	at diag.Span
}

func (o *object) key() string { return o.Metadata.Namespace + "/" + o.Metadata.Name }

// service is a Kubernetes Service.
type service struct {
	object `yaml:",inline"`
	Spec   struct {
		Type     string
		Selector map[string]string
		Ports    []servicePort
	}
}

type servicePort struct {
	Name        string
	Port        int
	TargetPort  string `yaml:"targetPort"` // a number, or the name of a container's port
	AppProtocol string `yaml:"appProtocol"`
}

// pod is a pod.
type pod struct {
	object `yaml:",inline"`
	Spec   struct {
		ServiceAccountName string `yaml:"serviceAccountName"`
		HostNetwork        bool   `yaml:"hostNetwork"`
		Containers         []container
		InitContainers     []container `yaml:"initContainers"`
	}
	Status struct{ Phase string }
}

type container struct {
	Name  string
	Ports []containerPort
}

type containerPort struct {
	Name          string
	ContainerPort int `yaml:"containerPort"`
}

// meshConfig is the mesh's configuration in the ConfigMap that an istiod reads it from.
type meshConfig struct {
	object `yaml:",inline"`
	Data   struct{ Mesh string }
}

func (s *Snapshot) add(name string, n *yaml.Node) error {
	at := diag.At(max(n.Line, 1), max(n.Column, 1), 0)
	where := diag.Span{File: name, Start: at, End: at}
	decode := func(into any) error {
		if err := n.Decode(into); err != nil {
			return &manifest.Error{
				Path: name, Line: n.Line, Column: max(n.Column, 1), Message: "no API server would print this object: " + firstLine(err.Error()),
				Help: "pass what kubectl prints with -o yaml",
			}
		}
		return nil
	}
	var o object
	if err := decode(&o); err != nil {
		return err
	}
	switch o.APIVersion + " " + o.Kind {
	case "v1 Pod":
		p := pod{}
		if err := decode(&p); err != nil {
			return err
		}
		p.at = where
		s.pods = append(s.pods, p)
	case "v1 Service":
		v := service{}
		if err := decode(&v); err != nil {
			return err
		}
		v.at = where
		s.services[v.key()] = &v
	case "v1 ConfigMap":
		if o.Metadata.Name != "istio" && !strings.HasPrefix(o.Metadata.Name, "istio-") {
			return nil
		}
		m := meshConfig{}
		if err := decode(&m); err != nil {
			return err
		}
		if m.at = where; m.Data.Mesh != "" {
			s.meshes = append(s.meshes, m)
		}
	default:
		group, _, _ := strings.Cut(o.APIVersion, "/")
		k := identity{group, o.Kind, o.Metadata.Namespace, o.Metadata.Name}
		for _, m := range o.Metadata.ManagedFields {
			if _, wrote := m.FieldsV1["f:spec"]; wrote && !strings.HasPrefix(m.Manager, "argocd") {
				s.managers[k] = append(s.managers[k], strings.TrimSpace(fmt.Sprintf("%s %s", m.Manager, m.Time)))
			}
		}
	}
	return nil
}

func firstLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
