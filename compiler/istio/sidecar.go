package istio

import "writ.dev/writ/compiler/plan"

// noHosts is how a Sidecar says that it reaches nothing; an empty list is not accepted.
const noHosts = "~/*"

// sidecar is the part of Istio's Sidecar that writ uses. https://istio.io/latest/docs/reference/config/networking/sidecar/
type sidecar struct {
	WorkloadSelector      workloadSelector      `yaml:"workloadSelector"`
	OutboundTrafficPolicy outboundTrafficPolicy `yaml:"outboundTrafficPolicy"`
	Egress                []egress              `yaml:"egress"`
}

// workloadSelector picks pods in the kinds of networking.istio.io, where the field is labels and not matchLabels.
type workloadSelector struct {
	Labels map[string]string `yaml:"labels"`
}

type outboundTrafficPolicy struct {
	Mode string `yaml:"mode"`
}

type egress struct {
	Hosts []string `yaml:"hosts"`
}

func sidecars(c plan.Cluster) []manifest {
	var ms []manifest
	for i := range c.Workloads {
		w := &c.Workloads[i]
		if w.Outbound == nil {
			continue
		}
		hosts := w.Outbound.Hosts
		if len(hosts) == 0 {
			hosts = []string{noHosts}
		}
		spec := sidecar{
			WorkloadSelector:      workloadSelector{labels(w)},
			OutboundTrafficPolicy: outboundTrafficPolicy{"REGISTRY_ONLY"},
			Egress:                []egress{{hosts}},
		}
		ms = append(ms, newManifest(w.Namespace, w.Name, w.Origin, w.Span, spec).forIntents(w.Outbound.Intents))
	}
	return ms
}
