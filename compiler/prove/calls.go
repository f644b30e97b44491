package prove

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/prove/manifest"
)

// calls compares what the pods of a workload may call: the hosts that their Sidecar imports, and whether it lets anything else
// out. Of the Sidecars that could decide, whichever is the oldest does.
func (r *prover) calls(p *point) []difference {
	want := r.Meaning.outbound(p.meant.workload)
	near := p.sidecars
	for i := range near { // the nearest decides alone
		if len(near[i]) > 0 {
			near = [3][]*manifest.Object{near[i]}
			break
		}
	}
	ways := choices(near, func(o *manifest.Object) string { return o.Sidecar.Created })
	if ways == nil {
		return []difference{{rule: tooComplex, point: p, key: "calls", message: "too many Sidecars could decide for " + r.pods(p)}}
	}
	for _, way := range ways {
		var sidecar *manifest.Object
		if len(way) > 0 {
			sidecar = way[0]
		}
		if all := r.callsThrough(p, want, sidecar); len(all) > 0 {
			return all
		}
	}
	return nil
}

func (r *prover) callsThrough(p *point, want outbound, sidecar *manifest.Object) []difference {
	reached := imports{everything: true} // without a Sidecar, and with one that has no egress
	registryOnly := false
	if sidecar != nil {
		registryOnly = sidecar.Sidecar.Outbound == "REGISTRY_ONLY"
		if len(sidecar.Sidecar.Egress) > 0 {
			reached = importsOf(sidecar, p.pod.Namespace)
		}
	}
	c := &callsCheck{r: r, p: p, sidecar: sidecar}
	if !want.scoped {
		if registryOnly {
			c.add(false, "outside", sidecar.Line, "%s may call nothing outside the mesh in %s, though their outbound stage is open", r.pods(p), r.Cluster.Name)
		}
		if !reached.everything {
			c.add(false, "inside", sidecar.Line, "%s may call a part of the mesh only in %s, though their outbound stage is open", r.pods(p), r.Cluster.Name)
		}
		return c.all
	}
	if sidecar == nil {
		c.add(true, "sidecar", 0, "%s may call every host in %s, in the mesh and outside, as no Sidecar selects them", r.pods(p), r.Cluster.Name)
		return c.all
	}
	if !registryOnly {
		c.add(true, "outside", sidecar.Line, "%s may call hosts outside the mesh in %s, as their Sidecar lets unknown hosts pass (outboundTrafficPolicy)", r.pods(p), r.Cluster.Name)
	}
	c.hosts(want, reached)
	return c.all
}

// callsCheck gathers what is wrong with a Sidecar.
type callsCheck struct {
	r       *prover
	p       *point
	sidecar *manifest.Object
	all     []difference
}

func (c *callsCheck) add(wider bool, key string, line int, format string, args ...any) *difference {
	d := difference{rule: widerThanMeant, point: c.p, by: c.sidecar, key: "calls " + key, message: fmt.Sprintf(format, args...)}
	if !wider {
		d.rule = narrowerThanMeant
	}
	if c.sidecar != nil {
		d.related = append(d.related, diag.Related{Span: spanAt(c.sidecar.Path, line, 1), Message: nameOf(c.sidecar) + " decides"})
	}
	c.all = append(c.all, d)
	return &c.all[len(c.all)-1]
}

// hosts compares a finite set of names with what is imported: whatever is imported by a wildcard is more than any such set.
func (c *callsCheck) hosts(want outbound, reached imports) {
	pods, cluster := c.r.pods(c.p), c.r.Cluster.Name
	if reached.everything {
		c.add(true, "inside", c.sidecar.Line, "%s may call every host of the mesh in %s", pods, cluster)
		return
	}
	for _, pattern := range slices.Sorted(maps.Keys(reached.patterns)) {
		if _, ok := want.hosts[pattern]; ok {
			continue
		}
		c.add(true, pattern, reached.patterns[pattern], "%s may call %s in %s, which no intent of theirs asks for", pods, spoken(pattern), cluster)
	}
	for _, host := range slices.Sorted(maps.Keys(want.hosts)) {
		if reached.has(host) {
			continue
		}
		d := c.add(false, host, c.sidecar.Line, "%s may not call %s in %s", pods, spoken(host), cluster)
		if a := want.hosts[host]; a != nil {
			d.message += ", which an intent of theirs asks for"
			d.related = append(d.related, diag.Related{Span: a.Span(), Message: "the intent"})
		} else {
			d.message += ", which the Mesh document lets everybody reach"
		}
	}
}

// spoken is a host of a Sidecar as people say it.
func spoken(pattern string) string {
	namespace, host, _ := strings.Cut(pattern, "/")
	switch {
	case pattern == "*/*":
		return "every host of the mesh"
	case host == "*":
		return "every host of namespace " + namespace
	case namespace == "*":
		return host + " of any namespace"
	default:
		return host
	}
}

// imports are the hosts that a Sidecar imports, as namespace/host with the line of each. A namespace may be `*`, and a host may
// begin with `*`. The namespace `.` is the pods' own.
type imports struct {
	everything bool
	patterns   map[string]int
}

func importsOf(sidecar *manifest.Object, own string) imports {
	i := imports{patterns: map[string]int{}}
	for _, e := range sidecar.Sidecar.Egress {
		for _, h := range e.Hosts {
			namespace, host, _ := strings.Cut(h, "/")
			switch namespace {
			case noNamespace:
				continue
			case ".":
				namespace = own
			}
			if namespace == "*" && host == "*" {
				i.everything = true
			}
			i.patterns[namespace+"/"+host] = e.Line
		}
	}
	return i
}

// has reports whether a host is imported.
func (i imports) has(host string) bool {
	namespace, name, _ := strings.Cut(host, "/")
	for _, ns := range []string{namespace, "*"} {
		if _, ok := i.patterns[ns+"/"+name]; ok {
			return true
		}
	}
	for pattern := range i.patterns {
		ns, h, _ := strings.Cut(pattern, "/")
		if suffix, wild := strings.CutPrefix(h, "*"); wild && (ns == "*" || ns == namespace) && strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}
