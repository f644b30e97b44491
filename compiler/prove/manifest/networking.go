package manifest

import (
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// The kinds of networking.istio.io.

func sidecar(r *reader, spec *yaml.Node, o *Object) {
	s := &Sidecar{}
	o.Sidecar = s
	for field, v := range r.fields(spec) {
		switch field {
		case "workloadSelector":
			s.Selector = map[string]string{} // an empty one is for all pods too, but counts as a selector's
			if labels := r.only(v, "labels"); labels != nil {
				if read := r.dictionary(labels); read != nil {
					s.Selector = read
				}
				r.labels(labels)
			}
		case "ingress":
			s.Ingress = len(r.items(v)) > 0
		case "egress":
			for _, item := range r.items(v) {
				s.Egress = append(s.Egress, r.egress(item))
			}
		case "outboundTrafficPolicy":
			s.Outbound = "REGISTRY_ONLY" // which is the mode that is not written
			if mode := r.only(v, "mode"); mode != nil {
				s.Outbound = r.one(mode, "REGISTRY_ONLY", "ALLOW_ANY")
			}
		case "inboundConnectionPool": // how many at a time, not who
		default:
			r.ignore(v)
		}
	}
}

func (r *reader) egress(n *yaml.Node) Egress {
	e := Egress{Line: r.line(n)}
	for field, v := range r.fields(n) {
		switch field {
		case "hosts":
			e.Hosts = r.texts(v)
		case "port":
			for field, v := range r.fields(v) {
				switch field {
				case "number":
					e.Port = r.count(v)
				case "protocol", "name": // how the listener is read and called, not what it reaches
					r.text(v)
				default:
					r.ignore(v)
				}
			}
		case "bind":
			e.Bind = r.text(v)
		case "captureMode":
			// With NONE nothing reaches the listener but what is sent to it by address.
			if r.one(v, "DEFAULT", "IPTABLES", "NONE") == "NONE" {
				r.ignore(v)
			}
		default:
			r.ignore(v)
		}
	}
	if e.Hosts == nil {
		r.fail(n, "the listener has no hosts, and a cluster refuses it", `write them, or "~/*" for none`)
	}
	return e
}

func destinationRule(r *reader, spec *yaml.Node, o *Object) {
	d := &DestinationRule{}
	o.DestinationRule = d
	for field, v := range r.fields(spec) {
		switch field {
		case "host":
			d.Host = r.text(v)
		case "trafficPolicy":
			r.trafficPolicy(v, d)
		case "subsets":
			for _, item := range r.items(v) {
				r.subset(item, d)
			}
		case "exportTo", "workloadSelector": // who sees the rule; it is held for visible to all
		default:
			r.ignore(v)
		}
	}
	if d.Host == "" {
		r.fail(spec, "the rule has no host, and a cluster refuses it", "write spec.host")
	}
}

// subset reads what a subset changes once calls go to it. That they do takes a VirtualService, and so do its labels matter.
func (r *reader) subset(n *yaml.Node, d *DestinationRule) {
	for field, v := range r.fields(n) {
		switch field {
		case "name", "labels":
		case "trafficPolicy":
			r.trafficPolicy(v, d)
		default:
			r.ignore(v)
		}
	}
}

// trafficPolicy reads the policy of a host, of a subset, or of one port in either. How often, how fast and at which of the
// endpoints of one service a call is tried changes neither who calls nor whom. A tunnel and the PROXY protocol do.
func (r *reader) trafficPolicy(n *yaml.Node, d *DestinationRule) {
	for field, v := range r.fields(n) {
		switch field {
		case "connectionPool", "outlierDetection", "retryBudget", "port":
		case "loadBalancer":
			// With PASSTHROUGH the caller chooses the address, and with it the callee.
			for field, v := range r.fields(v) {
				if field == "simple" && r.text(v) == "PASSTHROUGH" {
					r.ignore(v)
				}
			}
		case "portLevelSettings":
			for _, item := range r.items(v) {
				r.trafficPolicy(item, d)
			}
		case "tls":
			r.clientTLS(v, d)
		default:
			r.ignore(v)
		}
	}
}

func (r *reader) clientTLS(n *yaml.Node, d *DestinationRule) {
	tls := TLSMode{Line: r.line(n), Mode: "DISABLE"}
	for field, v := range r.fields(n) {
		if field == "mode" {
			tls.Mode, tls.Line = r.one(v, "DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"), r.line(v)
		}
	}
	d.TLSModes = append(d.TLSModes, tls)
	if tls.Mode == "SIMPLE" || tls.Mode == "MUTUAL" {
		return // the call leaves with an identity that is not the mesh's, whatever the rest says
	}
	for field, v := range r.fields(n) {
		if field != "mode" {
			r.ignore(v) // names that the callee must have, for one
		}
	}
}

func virtualService(r *reader, spec *yaml.Node, o *Object) {
	vs := &VirtualService{}
	o.VirtualService = vs
	for field, v := range r.fields(spec) {
		switch field {
		case "hosts":
			vs.Hosts = r.texts(v)
		case "gateways":
			vs.Gateways = r.texts(v)
		}
	}
}

func serviceEntry(r *reader, spec *yaml.Node, o *Object) {
	se := &ServiceEntry{}
	o.ServiceEntry = se
	for field, v := range r.fields(spec) {
		switch field {
		case "hosts":
			se.Hosts = r.texts(v)
		case "addresses":
			se.Addresses = r.texts(v)
		case "workloadSelector":
			se.Selector = map[string]string{}
			if labels := r.only(v, "labels"); labels != nil {
				maps.Copy(se.Selector, r.dictionary(labels))
			}
		case "ports":
			for _, item := range r.items(v) {
				se.Ports = append(se.Ports, r.entryPort(item))
			}
		}
	}
}

func (r *reader) entryPort(n *yaml.Node) EntryPort {
	p := EntryPort{Line: r.line(n)}
	for field, v := range r.fields(n) {
		switch field {
		case "number":
			p.Number = r.count(v)
		case "protocol":
			// https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/
			p.HTTP = slices.Contains([]string{"http", "http2", "grpc", "grpc-web"}, strings.ToLower(r.text(v)))
		}
	}
	return p
}
