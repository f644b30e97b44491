// Package conformance holds the evaluator of compiler/prove/authz against Istio's own compiler of policies: random sets of policies
// go to both, as bytes to ours and as objects to Istio's, whose filters the package rbac interprets, and every class of requests
// that the filters tell apart must come out alike. It is a module of its own, so that writ needs nothing of what it needs.
package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	meshconfig "istio.io/api/mesh/v1alpha1"
	sec "istio.io/api/security/v1beta1"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/security/authz/builder"
	"istio.io/istio/pilot/pkg/security/trustdomain"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/host"
	"istio.io/istio/pkg/config/labels"
	"istio.io/istio/pkg/config/schema/gvk"
	"istio.io/istio/pkg/config/validation"
	"istio.io/istio/pkg/log"
	"istio.io/istio/pkg/util/protomarshal"

	"google.golang.org/protobuf/proto"

	"writ.dev/writ/compiler/conformance/rbac"
)

// World is all that decides about a request: the mesh, one pod, and policies of which some attach to it.
type World struct {
	TrustDomain string
	Aliases     []string
	Root        string // the root namespace
	Namespace   string // the pod's
	Labels      map[string]string
	Policies    []Policy
	// Issuers are those of the pod's RequestAuthentication.
	Issuers []string
}

// Policy is an AuthorizationPolicy.
type Policy struct {
	Namespace, Name string
	DryRun          string // the annotation's value, "" for none
	Spec            *sec.AuthorizationPolicy
}

// Clone copies the world, policies and all.
func (w *World) Clone() *World {
	c := *w
	c.Aliases = slices.Clone(w.Aliases)
	c.Labels = maps.Clone(w.Labels)
	c.Policies = slices.Clone(w.Policies)
	for i := range c.Policies {
		c.Policies[i].Spec = proto.Clone(c.Policies[i].Spec).(*sec.AuthorizationPolicy)
	}
	c.Issuers = slices.Clone(w.Issuers)
	return &c
}

const dryRun = "istio.io/dry-run"

func (p *Policy) annotations() map[string]string {
	if p.DryRun == "" {
		return nil
	}
	return map[string]string{dryRun: p.DryRun}
}

// Objects are the policies as Kubernetes objects in JSON, one each.
func (w *World) Objects() ([]json.RawMessage, error) {
	var objects []json.RawMessage
	for i := range w.Policies {
		p := &w.Policies[i]
		spec, err := protomarshal.Marshal(p.Spec)
		if err != nil {
			return nil, err
		}
		metadata := map[string]any{"name": p.Name, "namespace": p.Namespace}
		if annotations := p.annotations(); annotations != nil {
			metadata["annotations"] = annotations
		}
		object, err := json.Marshal(map[string]any{
			"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": metadata, "spec": json.RawMessage(spec),
		})
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	return objects, nil
}

// Valid reports whether Istio's validation takes every policy. What it only warns about, it takes.
func (w *World) Valid() bool {
	for i := range w.Policies {
		p := &w.Policies[i]
		_, err := validation.ValidateAuthorizationPolicy(config.Config{
			Meta: config.Meta{
				GroupVersionKind: gvk.AuthorizationPolicy, Name: p.Name, Namespace: p.Namespace, Annotations: p.annotations(),
			},
			Spec: p.Spec,
		})
		if err != nil {
			return false
		}
	}
	return true
}

// Chains are the filters that a pod gets: those of its HTTP ports and those of its TCP ports.
type Chains struct{ HTTP, TCP *rbac.Chain }

// providers are the external authorizers of the mesh. Both speak gRPC: one that speaks HTTP is not asked on TCP ports, and which
// one a provider does is no part of a policy.
var providers = []string{"opa", "vault"}

func init() {
	// The compiler logs what it leaves out, which is most of what is generated here.
	for _, scope := range log.Scopes() {
		scope.SetOutputLevel(log.NoneLevel)
	}
}

// context is as much of istiod's state as its compiler asks for external authorizers.
var context = func() *model.PushContext {
	push := &model.PushContext{Mesh: &meshconfig.MeshConfig{}}
	push.ServiceIndex.HostnameAndNamespace = map[host.Name]map[string]*model.Service{}
	for _, name := range providers {
		hostname := host.Name(name + ".authorizers.svc.cluster.local")
		push.ServiceIndex.HostnameAndNamespace[hostname] = map[string]*model.Service{"authorizers": {Hostname: hostname}}
		push.Mesh.ExtensionProviders = append(push.Mesh.ExtensionProviders, &meshconfig.MeshConfig_ExtensionProvider{
			Name: name,
			Provider: &meshconfig.MeshConfig_ExtensionProvider_EnvoyExtAuthzGrpc{
				EnvoyExtAuthzGrpc: &meshconfig.MeshConfig_ExtensionProvider_EnvoyExternalAuthorizationGrpcProvider{
					Service: "authorizers/" + string(hostname), Port: 9000,
				},
			},
		})
	}
	return push
}()

// Compile has Istio write the filters of the world's pod.
func (w *World) Compile() (*Chains, error) {
	http, tcp := w.filters()
	var chains Chains
	var err error
	if chains.HTTP, err = rbac.ReadHTTP(http); err != nil {
		return nil, fmt.Errorf("http: %w", err)
	}
	if chains.TCP, err = rbac.ReadTCP(tcp); err != nil {
		return nil, fmt.Errorf("tcp: %w", err)
	}
	return &chains, nil
}

// filters are those of HTTP ports and those of TCP ports.
func (w *World) filters() ([]*hcm.HttpFilter, []*listener.Filter) {
	all := &model.AuthorizationPolicies{NamespaceToPolicies: map[string][]model.AuthorizationPolicy{}, RootNamespace: w.Root}
	for i := range w.Policies {
		p := &w.Policies[i]
		all.NamespaceToPolicies[p.Namespace] = append(all.NamespaceToPolicies[p.Namespace], model.AuthorizationPolicy{
			Name: p.Name, Namespace: p.Namespace, Annotations: p.annotations(), Spec: p.Spec,
		})
	}
	pod := model.PolicyMatcherFor(w.Namespace, labels.Instance(w.Labels), false).WithRootNamespace(w.Root)
	attached := all.ListAuthorizationPolicies(pod)
	bundle := trustdomain.NewBundle(w.TrustDomain, w.Aliases)
	// istiod puts external authorizers first: pilot/pkg/networking/core/listener_builder.go.
	ask := builder.New(bundle, context, attached, builder.Option{IsCustomBuilder: true})
	rest := builder.New(bundle, context, attached, builder.Option{})
	return append(built(ask, builder.Builder.BuildHTTP), built(rest, builder.Builder.BuildHTTP)...),
		append(built(ask, builder.Builder.BuildTCP), built(rest, builder.Builder.BuildTCP)...)
}

// built is no filters where no policy attaches: then there is no builder.
func built[T any](b *builder.Builder, build func(builder.Builder) []T) []T {
	if b == nil {
		return nil
	}
	return build(*b)
}
