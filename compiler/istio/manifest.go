package istio

import (
	"bytes"
	"fmt"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/emit"
	"writ.dev/writ/compiler/plan"
)

// manifest is an object before it becomes bytes. The fields stand in the order in which people read a manifest; there is no
// version, time or hash among them, so that a file changes only when what it says does.
type manifest struct {
	APIVersion string    `yaml:"apiVersion"`
	Kind       string    `yaml:"kind"`
	Metadata   metadata  `yaml:"metadata"`
	Spec       any       `yaml:"spec"`
	origin     diag.Span `yaml:"-"`
}

type metadata struct {
	Name        string            `yaml:"name"`
	Namespace   string            `yaml:"namespace"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

// ManagedByLabel is on every object that writ renders.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
const (
	ManagedByLabel = "app.kubernetes.io/managed-by"
	ManagedBy      = "writ"
)

// Annotations that writ gives its objects.
const (
	originAnnotation  = "writ.dev/origin"  // the document behind the object, like "Service shop/checkout"
	intentsAnnotation = "writ.dev/intents" // the intents behind it, one a line
	becauseAnnotation = "writ.dev/because" // why an exception stands
	untilAnnotation   = "writ.dev/until"   // and until when
)

// waveAnnotation orders the objects of one Argo CD sync, the lowest wave first; objects are pruned in the opposite order.
// https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/
//
// Allow policies and Sidecars carry no wave, which is wave 0: a set of allow policies admits in every mixture of old and new
// no more than the two together, so their order is free. Mutual TLS follows, then what refuses by default: a floor that
// arrived before the allow policies above it would cut off everyone whom they are about to admit. Waves order within one
// sync only. Nothing that must hold between two syncs, or between the Applications of two namespaces, may lean on them.
const (
	waveAnnotation = "argocd.argoproj.io/sync-wave"
	mtlsWave       = "1"
	floorWave      = "2"
)

// syncOptionsAnnotation with confirmRemoval has Argo CD ask somebody before it removes an object without which a namespace or
// a cluster would stand open. https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/#resource-pruning-with-confirmation
const (
	syncOptionsAnnotation = "argocd.argoproj.io/sync-options"
	confirmRemoval        = "Prune=confirm,Delete=confirm"
)

func newManifest(namespace, name, origin string, span diag.Span, spec any) manifest {
	return manifest{
		Metadata: metadata{
			Name:        name,
			Namespace:   namespace,
			Labels:      map[string]string{ManagedByLabel: ManagedBy},
			Annotations: map[string]string{originAnnotation: origin},
		},
		Spec:   spec,
		origin: span,
	}
}

// annotate sets an annotation, and returns the manifest for the next one.
func (m manifest) annotate(key, value string) manifest {
	m.Metadata.Annotations[key] = value
	return m
}

// forIntents names the intents behind the object.
func (m manifest) forIntents(intents []string) manifest {
	if len(intents) == 0 {
		return m
	}
	return m.annotate(intentsAnnotation, strings.Join(intents, "\n"))
}

// encode is the manifest's file.
func (m *manifest) encode() []byte {
	if data, ok := appendPlainly([]byte(emit.Header), m); ok {
		return bytes.Clone(data)
	}
	return append([]byte(emit.Header), Encode(m)...)
}

// labels is the selector of the workload's pods. A selector without labels would select every pod of the namespace, or in the
// root namespace of the cluster (https://istio.io/latest/docs/reference/config/type/workload-selector/), so none is ever
// written.
func labels(w *plan.Workload) map[string]string {
	if len(w.Selector) == 0 {
		panic(fmt.Sprintf("istio: workload %s/%s has no selector", w.Namespace, w.Name))
	}
	m := make(map[string]string, len(w.Selector))
	for _, l := range w.Selector {
		m[l.Key] = l.Value
	}
	return m
}

// selector picks pods in the kinds of security.istio.io.
type selector struct {
	MatchLabels map[string]string `yaml:"matchLabels"`
}
