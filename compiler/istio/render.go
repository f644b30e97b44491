// Package istio writes what a cluster must enforce as Istio manifests for the sidecar data plane, and asks Istio's own
// validation whether it accepts them.
package istio

import (
	"cmp"
	"runtime"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	networking "istio.io/api/networking/v1"
	security "istio.io/api/security/v1"
	"istio.io/istio/pkg/config/validation"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/emit"
	"writ.dev/writ/compiler/parallel"
	"writ.dev/writ/compiler/plan"
)

// Object is one Kubernetes object in its file.
type Object struct {
	emit.File
	Kind, Namespace, Name string
	// Origin is the text that asked for the object.
	Origin diag.Span
}

// kind is one line of the table of kinds: how objects of the kind are made and what Istio says about them.
type kind struct {
	name       string
	apiVersion string
	manifests  func(plan.Cluster) []manifest
	// spec is Istio's type of the kind's specification, empty.
	spec     func() proto.Message
	validate validation.ValidateFunc
}

var kinds = []kind{
	{
		name:       "AuthorizationPolicy",
		apiVersion: "security.istio.io/v1",
		manifests:  authorizationPolicies,
		spec:       func() proto.Message { return new(security.AuthorizationPolicy) },
		validate:   validation.ValidateAuthorizationPolicy,
	},
	{
		name:       "PeerAuthentication",
		apiVersion: "security.istio.io/v1",
		manifests:  peerAuthentications,
		spec:       func() proto.Message { return new(security.PeerAuthentication) },
		validate:   validation.ValidatePeerAuthentication,
	},
	{
		name:       "Sidecar",
		apiVersion: "networking.istio.io/v1",
		manifests:  sidecars,
		spec:       func() proto.Message { return new(networking.Sidecar) },
		validate:   validation.ValidateSidecar,
	},
}

// Render writes every object of the cluster, sorted by path. The bytes depend on the plan alone.
func Render(c plan.Cluster) []Object {
	var manifests []manifest
	for _, k := range kinds {
		for _, m := range k.manifests(c) {
			m.APIVersion, m.Kind = k.apiVersion, k.name
			manifests = append(manifests, m)
		}
	}
	objects := make([]Object, len(manifests))
	parallel.Each(len(manifests), runtime.GOMAXPROCS(0), func(i int) {
		m := &manifests[i]
		objects[i] = Object{
			File:      emit.File{Path: pathOf(c.Name, m), Data: m.encode()},
			Kind:      m.Kind,
			Namespace: m.Metadata.Namespace,
			Name:      m.Metadata.Name,
			Origin:    m.origin,
		}
	})
	slices.SortFunc(objects, func(a, b Object) int { return cmp.Compare(a.Path, b.Path) })
	return objects
}

func pathOf(cluster string, m *manifest) string {
	return cluster + "/" + m.Metadata.Namespace + "/" + strings.ToLower(m.Kind) + "-" + m.Metadata.Name + ".yaml"
}
