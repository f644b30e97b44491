package istio

import (
	"fmt"
	"strconv"

	"writ.dev/writ/compiler/plan"
)

// rootPolicyName is the name that Istio's documentation gives the policy of a whole mesh. Of two policies without a selector
// the older one wins, so writ's must take the place of one that is already there rather than stand beside it.
const rootPolicyName = "default"

// peerAuthentication is the part of Istio's PeerAuthentication that writ uses.
// https://istio.io/latest/docs/reference/config/security/peer_authentication/
type peerAuthentication struct {
	Selector *selector `yaml:"selector,omitempty"`
	MTLS     mtls      `yaml:"mtls"`
	// PortLevelMTLS goes by container port, and Istio takes it with a selector only.
	PortLevelMTLS map[string]mtls `yaml:"portLevelMtls,omitempty"`
}

type mtls struct {
	Mode string `yaml:"mode"`
}

var (
	permissive = mtls{"PERMISSIVE"}
	strict     = mtls{"STRICT"}
)

func peerAuthentications(c plan.Cluster) []manifest {
	var ms []manifest
	if c.Strict != nil {
		ms = append(ms, rootStrict(c))
	}
	for i := range c.Workloads {
		w := &c.Workloads[i]
		if w.MTLS == plan.NoMTLS {
			continue
		}
		m := newManifest(w.Namespace, w.Name, w.Origin, w.Span, peerAuthenticationOf(w)).annotate(waveAnnotation, mtlsWave)
		ms = append(ms, m)
	}
	return ms
}

// rootStrict asks every workload of the cluster for mutual TLS, those that writ was never told of included.
func rootStrict(c plan.Cluster) manifest {
	return newManifest(c.RootNamespace, rootPolicyName, c.Strict.Origin, c.Strict.Span, peerAuthentication{MTLS: strict}).
		annotate(syncOptionsAnnotation, confirmRemoval).
		annotate(waveAnnotation, floorWave)
}

func peerAuthenticationOf(w *plan.Workload) peerAuthentication {
	spec := peerAuthentication{Selector: &selector{labels(w)}}
	switch w.MTLS {
	case plan.PermissiveMTLS:
		spec.MTLS = permissive
	case plan.StrictMTLS:
		spec.MTLS = strict
		spec.PortLevelMTLS = plaintextPorts(w.PlaintextPorts)
	default:
		panic(fmt.Sprintf("istio: workload %s/%s has no mtls stage", w.Namespace, w.Name))
	}
	return spec
}

func plaintextPorts(ports []int) map[string]mtls {
	m := make(map[string]mtls, len(ports))
	for _, p := range ports {
		m[strconv.Itoa(p)] = permissive
	}
	return m
}
