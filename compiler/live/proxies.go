package live

import (
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/prove/authz"
	"writ.dev/writ/compiler/prove/envoy"
	"writ.dev/writ/compiler/prove/manifest"
)

// largestDump is far more than a sidecar has whose scope is the whole of a large mesh.
const largestDump = 1 << 30

// dumped is a proxy with the file that its dump lies in.
type dumped struct {
	*envoy.Proxy
	file string
}

// ReadProxies reads the dumps in a folder: its files that end in .json, each what one proxy answers to /config_dump. Whose proxy it
// is, the dump itself says. The error is an *envoy.Error, or that of the folder.
func (s *Snapshot) ReadProxies(folder fs.FS) error {
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return err
	}
	s.shown = true
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		p, err := readProxy(folder, e.Name())
		if err != nil {
			return err
		}
		s.proxies = append(s.proxies, dumped{p, e.Name()})
	}
	return nil
}

func readProxy(folder fs.FS, name string) (*envoy.Proxy, error) {
	f, err := folder.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return envoy.Read(name, io.LimitReader(f, largestDump))
}

// compared compares proxies with the policies of their pods as the cluster has them.
func (c *comparison) compared() {
	if !c.snapshot.shown {
		return
	}
	seen := map[*pod]bool{}
	found := map[fault][]*pod{}
	pods := make(map[string]*pod, len(c.snapshot.pods))
	for i := range slices.Backward(c.snapshot.pods) { // of two of a name, the first counts
		pods[c.snapshot.pods[i].key()] = &c.snapshot.pods[i]
	}
	for _, d := range c.snapshot.proxies {
		p, ok := pods[d.Namespace+"/"+d.Pod]
		if !ok {
			c.add(proxyWithoutPod, c.cluster.Doc.Metadata.Name.Span, "proxies["+d.Namespace+"/"+d.Pod+"]", diag.Finding{
				Message: fmt.Sprintf("%s is of the proxy of pod %s/%s, which is not in %s", d.file, d.Namespace, d.Pod, c.cluster.Name),
				Help:    "the pod is gone, or runs in another cluster: take the dumps and what kubectl prints at the same time",
			})
			continue
		}
		seen[p] = true
		for _, f := range c.lags(d.Proxy, p) {
			found[f] = append(found[f], p)
		}
	}
	for i := range c.snapshot.pods {
		p := &c.snapshot.pods[i]
		if p.sidecar() && !seen[p] && p.Status.Phase == "Running" {
			f := fault{
				proxyWithoutPod, c.workload(p), "has a sidecar that nobody asked for its /config_dump",
				"take its dump too: what it enforces is not known",
			}
			found[f] = append(found[f], p)
		}
	}
	for f, pods := range found {
		c.tellProxies(f, pods)
	}
}

// lags is what a proxy does otherwise than the policies of its pod.
func (c *comparison) lags(proxy *envoy.Proxy, p *pod) []fault {
	w := c.workload(p)
	switch {
	case len(proxy.Unknown) > 0:
		return []fault{{
			proxyUnread, w, "has in its proxy " + proxy.Unknown[0] + ", which nobody here has a meaning for",
			"look for the EnvoyFilter or WasmPlugin that puts it there, and take it out, or look at that proxy yourself",
		}}
	case !proxy.Reached():
		return []fault{{
			proxyOtherwise, w, "has a proxy that no istiod has reached, so that it refuses nobody or answers nobody",
			"look at the log of its istio-proxy, and at istioctl proxy-status",
		}}
	}
	var all []fault
	if proxy.Refused {
		all = append(all, fault{
			proxyOtherwise, w, "has a proxy that refused what istiod sent last, and goes on with what it had",
			"its dump says why, under error_state of the listener virtualInbound: an EnvoyFilter is the usual reason",
		})
	}
	if proxy.Waiting {
		all = append(all, fault{
			proxyOtherwise, w, "has a proxy that has not made active what istiod sent last",
			"it waits for something, like a certificate: look at warming_state of the listener virtualInbound in its dump",
		})
	}
	point, unmodelled := c.pointOf(p)
	if unmodelled != "" {
		return append(all, fault{
			proxyUnread, w, "has a policy whose meaning nobody here knows: " + unmodelled, "see what the proof says of it",
		})
	}
	differences, err := proxy.Compare(point)
	if err != nil {
		return append(all, fault{proxyUnread, w, "has a proxy that is too complex to compare: " + err.Error(), "let its policies have fewer patterns"})
	}
	for _, d := range differences {
		what := d.Setting
		if what == "" {
			what = answered(&d)
		}
		all = append(all, fault{
			proxyOtherwise, w, "has a proxy that " + what,
			"istiod has not reached it with the policies that the cluster has: look at istioctl proxy-status, and start the pod again if it stays so",
		})
	}
	return all
}

// answered says one request that a proxy answers otherwise than it should.
func answered(d *envoy.Difference) string {
	does := []string{authz.Allow: "lets", authz.Deny: "does not let", authz.Custom: "asks an external authorizer before it lets"}
	meant := []string{authz.Allow: "allow", authz.Deny: "refuse", authz.Custom: "leave to an external authorizer"}
	r := &d.Request
	who := "a caller without an identity"
	if r.Principal != "" {
		who = r.Principal
	}
	call := fmt.Sprintf("connect to port %d", r.Port)
	if r.HTTP {
		call = fmt.Sprintf("%s %s on port %d", r.Method, r.Path, r.Port)
	}
	said := fmt.Sprintf("%s %s %s, which the policies %s", does[d.Proxy], who, call, meant[d.Policies])
	if d.DryRun {
		return "counts otherwise in dry-run: it " + said
	}
	return said
}

// pointOf is the pod under the objects of the cluster, and a policy of it that has no meaning here.
func (c *comparison) pointOf(p *pod) (*authz.Point, string) {
	root := c.cluster.Mesh.RootNamespace
	at := authz.Pod{Namespace: p.Metadata.Namespace, Labels: p.Metadata.Labels}
	point := &authz.Point{
		Mesh: authz.Mesh{
			TrustDomain: c.cluster.TrustDomain(), RootNamespace: root, Normalization: c.cluster.Doc.Spec.PathNormalization.Value,
		},
		Namespace: at.Namespace, TLS: authz.TLSOf(c.snapshot.objects, at, root),
	}
	for _, a := range c.cluster.Doc.Spec.TrustDomainAliases.Items {
		point.Mesh.Aliases = append(point.Mesh.Aliases, a.Value)
	}
	for _, o := range c.snapshot.objects {
		near := o.PeerAuthentication != nil && (o.Namespace == at.Namespace || o.Namespace == root)
		if !near && !authz.Attaches(o, at, root) {
			continue
		}
		if unknown := slices.Concat(o.Unknown, authz.Unmodelled(o)); len(unknown) > 0 && o.Meaning() != manifest.Foreign {
			return nil, identify(o).String() + " has " + unknown[0].Field
		}
		switch {
		case o.AuthorizationPolicy != nil:
			point.Policies = append(point.Policies, o)
		case o.RequestAuthentication != nil:
			point.Issuers = append(point.Issuers, o.RequestAuthentication.Issuers...)
		}
	}
	return point, ""
}

func (c *comparison) tellProxies(f fault, pods []*pod) {
	if f.workload != nil {
		c.tell(f, pods)
		return
	}
	slices.SortFunc(pods, func(a, b *pod) int { return cmp.Compare(a.key(), b.key()) })
	for _, p := range pods {
		c.add(f.rule, p.at, "pods["+p.key()+"]", diag.Finding{
			Message: fmt.Sprintf("%s in %s: pod %s %s", p.Metadata.Namespace, c.cluster.Name, p.Metadata.Name, f.what),
			Help:    f.help, Items: []string{p.Metadata.Name},
		}, "Namespace "+p.Metadata.Namespace)
	}
}
