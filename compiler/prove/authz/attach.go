package authz

import (
	"cmp"
	"slices"
	"time"

	"writ.dev/writ/compiler/prove/manifest"
)

// gatewayName is the label by which istiod knows the pods of a Gateway API gateway.
const gatewayName = "gateway.networking.k8s.io/gateway-name"

// Pod is what decides which policies attach to a pod.
type Pod struct {
	Namespace string
	Labels    map[string]string
}

// Attaches reports whether an AuthorizationPolicy or a RequestAuthentication attaches to a pod, as istiod's ShouldAttachPolicy
// does for sidecars and for the gateways of the Gateway API. Waypoints are not covered. No other kind attaches.
func Attaches(policy *manifest.Object, pod Pod, rootNamespace string) bool {
	var selector map[string]string
	var targets []manifest.TargetRef
	switch {
	case policy.AuthorizationPolicy != nil:
		selector, targets = policy.AuthorizationPolicy.Selector, policy.AuthorizationPolicy.TargetRefs
	case policy.RequestAuthentication != nil:
		selector, targets = policy.RequestAuthentication.Selector, policy.RequestAuthentication.TargetRefs
	default:
		return false
	}
	if policy.Namespace != pod.Namespace && policy.Namespace != rootNamespace {
		return false
	}
	if len(targets) == 0 {
		return selects(selector, pod.Labels)
	}
	gateway, ok := pod.Labels[gatewayName]
	return ok && policy.Namespace == pod.Namespace && slices.ContainsFunc(targets, func(t manifest.TargetRef) bool {
		return t.Group == "gateway.networking.k8s.io" && t.Kind == "Gateway" && t.Name == gateway &&
			(t.Namespace == "" || t.Namespace == pod.Namespace)
	})
}

func selects(selector, labels map[string]string) bool {
	for key, value := range selector {
		if had, ok := labels[key]; !ok || had != value {
			return false
		}
	}
	return true
}

// The modes of mutual TLS.
const (
	strict     = "STRICT"
	permissive = "PERMISSIVE"
	disable    = "DISABLE"
)

// TLSOf is how a pod takes connections under the PeerAuthentications among the objects. The nearest one decides: of the pod, of
// its namespace, of the mesh; of those equally near, the oldest, and then the first by name and namespace. A mode that is not set
// is taken from the next one out, and without any it is PERMISSIVE. Ports count only where a selector stands beside them.
func TLSOf(all []*manifest.Object, pod Pod, rootNamespace string) *TLS {
	var mesh, namespace, workload *manifest.Object
	for _, o := range all {
		if o.PeerAuthentication == nil || !selects(o.PeerAuthentication.Selector, pod.Labels) {
			continue
		}
		switch whole := len(o.PeerAuthentication.Selector) == 0; {
		case whole && o.Namespace == rootNamespace:
			mesh = older(mesh, o)
		case whole && o.Namespace == pod.Namespace:
			namespace = older(namespace, o)
		case o.Namespace == pod.Namespace && o.Namespace != rootNamespace:
			workload = older(workload, o)
		}
	}
	t := &TLS{Mode: permissive}
	for _, o := range []*manifest.Object{mesh, namespace, workload} {
		if o != nil {
			t.Mode = set(o.PeerAuthentication.Mode, t.Mode)
		}
	}
	if workload != nil && len(workload.PeerAuthentication.Ports) > 0 {
		t.Ports = make(map[int]string, len(workload.PeerAuthentication.Ports))
		for port, mode := range workload.PeerAuthentication.Ports {
			t.Ports[port] = set(mode, t.Mode)
		}
	}
	return t
}

func set(mode, inherited string) string {
	if mode == "" || mode == "UNSET" {
		return inherited
	}
	return mode
}

// older is the PeerAuthentication that wins of two that are equally near.
func older(a, b *manifest.Object) *manifest.Object {
	if a == nil {
		return b
	}
	if c := cmp.Or(created(a).Compare(created(b)), cmp.Compare(a.Name, b.Name)); c > 0 {
		return b
	}
	return a
}

func created(o *manifest.Object) time.Time {
	t, err := time.Parse(time.RFC3339, o.PeerAuthentication.Created)
	if err != nil {
		return time.Time{}
	}
	return t
}

// mode is the mode of a port.
func (t *TLS) mode(port int) string {
	if t == nil {
		return permissive
	}
	if mode, ok := t.Ports[port]; ok {
		return mode
	}
	return t.Mode
}
