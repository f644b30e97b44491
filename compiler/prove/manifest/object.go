package manifest

import (
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"
)

// kind reads the specification of one kind into an object.
type kind func(r *reader, spec *yaml.Node, o *Object)

// kinds are those that the proof sees into, by group and name. Versions of one group carry the same fields.
var kinds = map[string]struct {
	versions string
	read     kind
}{
	"security.istio.io/AuthorizationPolicy":   {"v1 v1beta1", authorizationPolicy},
	"security.istio.io/PeerAuthentication":    {"v1 v1beta1", peerAuthentication},
	"security.istio.io/RequestAuthentication": {"v1 v1beta1", requestAuthentication},
	"networking.istio.io/Sidecar":             {"v1 v1beta1 v1alpha3", sidecar},
	"networking.istio.io/DestinationRule":     {"v1 v1beta1 v1alpha3", destinationRule},
	"networking.istio.io/VirtualService":      {"v1 v1beta1 v1alpha3", virtualService},
	"networking.istio.io/ServiceEntry":        {"v1 v1beta1 v1alpha3", serviceEntry},
}

// kindOf is how to read an object of a kind; nil where the proof does not see into it.
func kindOf(apiVersion, name string) kind {
	group, version, _ := strings.Cut(apiVersion, "/")
	known := kinds[group+"/"+name]
	for v := range strings.FieldsSeq(known.versions) {
		if v == version {
			return known.read
		}
	}
	return nil
}

// Meaning is what the object has to do with access.
//
// Telemetry is harmless: it says what is logged, counted and traced of requests that others decide. So is what belongs neither
// to Istio nor to the Gateway API. A Deployment's labels, a Namespace's injection, a Service's ports do matter, but those are
// facts that a proof takes on trust, in the folder or not. A NetworkPolicy of Kubernetes refuses what policies allow.
func (o *Object) Meaning() Meaning {
	group, _, _ := strings.Cut(o.APIVersion, "/")
	switch {
	case o.AuthorizationPolicy != nil, o.PeerAuthentication != nil, o.RequestAuthentication != nil, o.Sidecar != nil, o.DestinationRule != nil:
		return Modelled
	case group == "telemetry.istio.io" && o.Kind == "Telemetry" && (strings.HasSuffix(o.APIVersion, "/v1") || strings.HasSuffix(o.APIVersion, "/v1alpha1")):
		return Harmless
	case istios(group), strings.HasPrefix(group, "gateway.networking."), group == "networking.k8s.io" && o.Kind == "NetworkPolicy":
		return Foreign
	}
	return Harmless
}

// istios reports whether a group of kinds, or the domain of a label, is Istio's.
func istios(domain string) bool {
	return domain == "istio.io" || strings.HasSuffix(domain, ".istio.io")
}

func (r *reader) object(n *yaml.Node) *Object {
	o := &Object{Line: r.line(n)}
	var metadata, spec *yaml.Node
	var others []*yaml.Node
	for field, v := range r.fields(n) {
		switch field {
		case "apiVersion":
			o.APIVersion = r.called(v)
		case "kind":
			o.Kind = r.called(v)
		case "metadata":
			metadata = v
		case "spec":
			spec = v
		case "items":
			// By this field alone: https://github.com/kubernetes/apimachinery/blob/master/pkg/apis/meta/v1/unstructured/unstructured.go
			r.fail(v, "whoever applies this takes it for a List, and applies its items in place of it", "write kind: List and apiVersion: v1")
		case "status": // what a controller wrote, and nobody reads for a decision
		default:
			others = append(others, v)
		}
	}
	switch {
	case r.fault != nil:
		return o
	case o.APIVersion == "" || o.Kind == "":
		r.fail(n, "this is no object of a cluster", "write its apiVersion and kind")
		return o
	}
	read := kindOf(o.APIVersion, o.Kind)
	created := ""
	if metadata != nil {
		created = r.metadata(metadata, o, read != nil)
	}
	if read == nil {
		if o.Meaning() == Foreign {
			r.named(n, o)
		}
		return o
	}
	r.named(n, o)
	if o.Namespace == "" {
		r.fail(n, "the object has no namespace, so that whoever applies it chooses one", "write metadata.namespace")
	}
	for _, v := range others {
		r.ignore(v)
	}
	if spec == nil {
		spec = &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column} // Istio reads a missing one as an empty one
	}
	read(r, spec, o)
	if o.PeerAuthentication != nil {
		o.PeerAuthentication.Created = created
	}
	if o.Sidecar != nil {
		o.Sidecar.Created = created
	}
	o.Unknown = r.unknowns()
	return o
}

// list looks at what a List has beside its items.
func (r *reader) list(n *yaml.Node) {
	var items *yaml.Node
	for field, v := range r.fields(n) {
		switch field {
		case "apiVersion", "kind", "metadata":
		case "items":
			items = v
			for _, item := range r.items(v) {
				if text(item, "kind") == "List" {
					r.fail(item, "a List stands in a List", "list its items in the outer one")
				}
			}
		default:
			r.fail(v, "a List has no such field", "leave it out")
		}
	}
	if items == nil {
		r.fail(n, "the List has no items", "write them, or [] for none")
	}
}

// named refuses an object that could be any.
func (r *reader) named(n *yaml.Node, o *Object) {
	if o.Name == "" {
		r.fail(n, "the object has no name", "write metadata.name")
	}
}

// called is a part of what people call an object, in one line that shows itself.
func (r *reader) called(n *yaml.Node) string {
	text := r.text(n)
	if strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) {
		r.fail(n, "no object is called by what does not show itself", "write letters")
	}
	return text
}

// metadata reads what identifies an object, and returns when it was created, where a cluster has written that. With strict,
// what Istio itself reads out of labels and annotations has to be known.
func (r *reader) metadata(n *yaml.Node, o *Object, strict bool) (created string) {
	for field, v := range r.fields(n) {
		switch field {
		case "name":
			o.Name = r.called(v)
		case "namespace":
			o.Namespace = r.called(v)
		case "labels", "annotations":
			if isNull(v) {
				continue // as some tools print none
			}
			all := r.dictionary(v)
			if field == "labels" {
				o.Labels = all
			} else {
				o.Annotations = all
			}
			if strict && r.fault == nil {
				r.reserved(v, field)
			}
		case "creationTimestamp":
			if !isNull(v) {
				created = r.text(v)
			}
		case "generateName", "uid", "resourceVersion", "generation", "managedFields", "ownerReferences", "finalizers", "selfLink",
			"deletionTimestamp", "deletionGracePeriodSeconds":
			// The API server's book-keeping. An object that is being deleted still counts.
		default:
			r.ignore(v)
		}
	}
	return created
}

// dryRun is the annotation that has a policy logged and not enforced.
// https://istio.io/latest/docs/reference/config/annotations/#IoIstioDryRun
const dryRun = "istio.io/dry-run"

// reserved notes the labels and annotations that may change what the object does, but for the one that is understood.
func (r *reader) reserved(n *yaml.Node, field string) {
	for key, v := range r.fields(n) {
		if field == "annotations" && key == dryRun {
			continue
		}
		if domain, _, _ := strings.Cut(key, "/"); domain == "operator.istio.io" || domain == "install.operator.istio.io" {
			continue // the installer's marks on what it made
		}
		if matters(field, key) {
			r.ignore(v)
		}
	}
}

// matters reports whether a label or an annotation may change what an object does, or whether it is in the cluster at all. With
// istio.io/rev, for one, it counts for one revision of the control plane only. A hook of Argo CD, which those of Helm are too, is
// applied for the time of a sync, or never. https://istio.io/latest/docs/reference/config/labels/
// https://argo-cd.readthedocs.io/en/stable/user-guide/resource_hooks/
func matters(field, key string) bool {
	domain, _, _ := strings.Cut(key, "/")
	return istios(domain) || field == "annotations" && (key == "argocd.argoproj.io/hook" || key == "helm.sh/hook")
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && scalar(n) == nil }
