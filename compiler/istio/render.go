// Package istio writes what a cluster must enforce as Istio manifests for the sidecar data plane, and asks Istio's own
// validation whether it accepts them.
package istio

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	networking "istio.io/api/networking/v1"
	security "istio.io/api/security/v1"
	telemetry "istio.io/api/telemetry/v1"
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
	// Overlay is the folder whose patches or files the object is made of in part or in whole; empty where none is.
	Overlay string
}

// kind is one line of the table of kinds: how objects of the kind are made and what Istio says about them.
type kind struct {
	name       string
	apiVersion string
	// manifests is nil for a kind that writ knows and does not render.
	manifests func(plan.Cluster) []manifest
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
	{
		name:       "DestinationRule",
		apiVersion: "networking.istio.io/v1",
		spec:       func() proto.Message { return new(networking.DestinationRule) },
		validate:   validation.ValidateDestinationRule,
	},
	{
		name:       "Gateway",
		apiVersion: "networking.istio.io/v1",
		spec:       func() proto.Message { return new(networking.Gateway) },
		validate:   validation.ValidateGateway,
	},
	{
		name:       "RequestAuthentication",
		apiVersion: "security.istio.io/v1",
		spec:       func() proto.Message { return new(security.RequestAuthentication) },
		validate:   validation.ValidateRequestAuthentication,
	},
	{
		name:       "ServiceEntry",
		apiVersion: "networking.istio.io/v1",
		spec:       func() proto.Message { return new(networking.ServiceEntry) },
		validate:   validation.ValidateServiceEntry,
	},
	{
		name:       "Telemetry",
		apiVersion: "telemetry.istio.io/v1",
		spec:       func() proto.Message { return new(telemetry.Telemetry) },
		validate:   validation.ValidateTelemetry,
	},
	{
		name:       "VirtualService",
		apiVersion: "networking.istio.io/v1",
		spec:       func() proto.Message { return new(networking.VirtualService) },
		validate:   validation.ValidateVirtualService,
	},
}

// Kinds are the kinds that Validate knows, with the apiVersion of each.
func Kinds() map[string]string {
	all := make(map[string]string, len(kinds))
	for _, k := range kinds {
		all[k.name] = k.apiVersion
	}
	return all
}

// Rendered are the kinds that Render writes, in the order of the table.
func Rendered() []string {
	var all []string
	for _, k := range kinds {
		if k.manifests != nil {
			all = append(all, k.name)
		}
	}
	return all
}

// Render writes every object of the cluster, sorted by path. The bytes depend on the plan alone. When the context
// ends, the result is worth nothing.
func Render(ctx context.Context, c plan.Cluster) []Object {
	parts := divide(c)
	rendered := make([][]Object, len(parts))
	err := parallel.Each(ctx, len(parts), runtime.GOMAXPROCS(0), func(i int) { rendered[i] = render(parts[i]) })
	if err != nil {
		return nil
	}
	objects := slices.Concat(rendered...)
	slices.SortFunc(objects, func(a, b Object) int { return cmp.Compare(a.Path, b.Path) })
	return objects
}

// divide makes clusters of a few workloads each, the first one with all that is no workload's. Their manifests, which take more
// room than their bytes, need not all be there at once.
func divide(c plan.Cluster) []plan.Cluster {
	const few = 64
	first := c
	first.Workloads = nil
	parts := []plan.Cluster{first}
	for some := range slices.Chunk(c.Workloads, few) {
		parts = append(parts, plan.Cluster{Name: c.Name, RootNamespace: c.RootNamespace, Workloads: some})
	}
	return parts
}

func render(c plan.Cluster) []Object {
	var objects []Object
	for _, k := range kinds {
		if k.manifests == nil {
			continue
		}
		for _, m := range k.manifests(c) {
			m.APIVersion, m.Kind = k.apiVersion, k.name
			objects = append(objects, Object{
				File:      emit.File{Path: PathOf(c.Name, m.Metadata.Namespace, m.Kind, m.Metadata.Name), Data: m.encode()},
				Kind:      m.Kind,
				Namespace: m.Metadata.Namespace,
				Name:      m.Metadata.Name,
				Origin:    m.origin,
			})
		}
	}
	return objects
}

// PathOf is where the object lies in out/.
func PathOf(cluster, namespace, kind, name string) string {
	return cluster + "/" + namespace + "/" + strings.ToLower(kind) + "-" + name + ".yaml"
}
