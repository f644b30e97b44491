package live

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
)

// fault is what is wrong with some pods of a Service, told once for all of them.
type fault struct {
	rule     *diag.Rule
	workload *model.Workload
	what     string // behind the names of the pods
	help     string
}

// pods compares pods with the Services that they belong to, by the labels that policies know them by and by the Kubernetes Services
// that send them calls.
func (c *comparison) pods() {
	if len(c.snapshot.pods) == 0 {
		return
	}
	c.checked.Pods = true
	found := map[fault][]*pod{}
	for i := range c.snapshot.pods {
		p := &c.snapshot.pods[i]
		if p.Status.Phase == "Succeeded" || p.Status.Phase == "Failed" {
			continue // it has ended
		}
		mine := false
		for _, w := range c.workloads[p.Metadata.Namespace] {
			switch {
			case selects(selectorOf(w), p.Metadata.Labels):
				mine = true
				for _, f := range faults(w, p) {
					found[f] = append(found[f], p)
				}
			case c.answersFor(w, p):
				mine = true
				f := fault{
					otherLabels, w, "answers for it and lacks the labels " + labelsOf(w) + ", by which policies know its pods",
					"give its pods the labels, or say under selector which they have",
				}
				found[f] = append(found[f], p)
			}
		}
		if mine {
			continue
		}
		for _, w := range c.workloads[p.Metadata.Namespace] {
			if slices.Contains(w.Accounts, p.account()) {
				f := fault{
					borrowedIdentity, w, "is none of its pods and runs with its service account " + p.account() + ", so that it is let in wherever it is",
					"give those pods a service account of their own, and a document if they call anybody",
				}
				found[f] = append(found[f], p)
				break
			}
		}
	}
	for f, pods := range found {
		c.tell(f, pods)
	}
}

func (c *comparison) tell(f fault, pods []*pod) {
	slices.SortFunc(pods, func(a, b *pod) int { return cmp.Compare(a.key(), b.key()) })
	var names []string
	for _, p := range pods {
		names = append(names, p.Metadata.Name)
	}
	noun := "pod"
	if len(pods) > 1 {
		noun = "pods"
	}
	key := f.workload.Service.Key()
	c.add(f.rule, f.workload.Service.Doc.Metadata.Name.Span, "pods", diag.Finding{
		Message: fmt.Sprintf("%s in %s: %s %s %s", key, c.cluster.Name, noun, few(names), f.what),
		Help:    f.help,
		Related: []diag.Related{{Span: pods[0].at, Message: "pod " + pods[0].key()}},
		Items:   names,
	}, f.workload.Service.Object())
}

// answersFor reports whether a Kubernetes Service of the workload sends calls to the pod.
func (c *comparison) answersFor(w *model.Workload, p *pod) bool {
	return slices.ContainsFunc(w.Hosts, func(host string) bool {
		v := c.service(w.Service.Namespace.Name, host)
		return v != nil && selects(v.Spec.Selector, p.Metadata.Labels)
	})
}

func selectorOf(w *model.Workload) map[string]string {
	all := map[string]string{}
	for _, l := range w.Selector {
		all[l.Key] = l.Value
	}
	return all
}

func labelsOf(w *model.Workload) string {
	var all []string
	for _, l := range w.Selector {
		all = append(all, l.Key+"="+l.Value)
	}
	return strings.Join(all, ", ")
}

func (p *pod) account() string { return or(p.Spec.ServiceAccountName, "default") }

// sidecar reports whether the pod has Istio's proxy, which is a container or, where Kubernetes starts it first, an init container.
func (p *pod) sidecar() bool {
	return slices.ContainsFunc(slices.Concat(p.Spec.Containers, p.Spec.InitContainers), func(c container) bool { return c.Name == "istio-proxy" })
}

// faults are what is wrong with a pod of the workload.
func faults(w *model.Workload, p *pod) []fault {
	var all []fault
	if !slices.Contains(w.Accounts, p.account()) {
		all = append(all, fault{
			otherAccount, w, "runs with the service account " + p.account() + ", and its document says " + strings.Join(w.Accounts, ", "),
			"run it with an account of the document, or say this one under serviceAccounts",
		})
	}
	switch {
	case w.Stages.MTLS == model.MTLSNone: // nothing is enforced there, as its document says
	case !p.sidecar():
		all = append(all, fault{
			withoutSidecar, w, "has no sidecar: nothing is enforced there, and callers do not know it",
			"start it again where injection is on, or say stages: {mtls: none} until then",
		})
	default:
		if around := p.around(w); around != "" {
			all = append(all, fault{pastSidecar, w, around, "have all ports captured"})
		}
	}
	return all
}

// The annotations by which a pod has calls go past its sidecar: https://istio.io/latest/docs/reference/config/annotations/
const (
	interceptionMode = "sidecar.istio.io/interceptionMode"
	includedPorts    = "traffic.sidecar.istio.io/includeInboundPorts"
	excludedPorts    = "traffic.sidecar.istio.io/excludeInboundPorts"
)

// around is how calls to a port of the workload get past the sidecar, "" where none do.
func (p *pod) around(w *model.Workload) string {
	if p.Spec.HostNetwork {
		return "is in the network of its node, where no call is captured"
	}
	notes := p.Metadata.Annotations
	if notes[interceptionMode] == "NONE" {
		return "has " + interceptionMode + ": NONE, so that no call is captured"
	}
	included, said := notes[includedPorts]
	for _, e := range w.Service.Doc.Spec.Ports {
		port := strconv.Itoa(w.TargetPorts[e.Key.Value])
		if said && strings.TrimSpace(included) != "*" && !contains(included, port) {
			return fmt.Sprintf("has %s: %q, so that calls to its port %s are not captured", includedPorts, included, port)
		}
		if contains(notes[excludedPorts], port) {
			return fmt.Sprintf("has %s: %q, so that calls to its port %s are not captured", excludedPorts, notes[excludedPorts], port)
		}
	}
	return ""
}

func contains(list, port string) bool {
	for text := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(text) == port {
			return true
		}
	}
	return false
}
