package model

import (
	"testing"

	"pgregory.net/rapid"

	"writ.dev/writ/compiler/syntax"
)

func stagesOf(mtls, authz, outbound string) syntax.Stages {
	return syntax.Stages{MTLS: syntax.Text{Value: mtls}, Authz: syntax.Text{Value: authz}, Outbound: syntax.Text{Value: outbound}}
}

func values(s Stages) [3]int { return [3]int{int(s.MTLS), int(s.Authz), int(s.Outbound)} }

// TestStagesAreALattice: tightening takes the stricter of the two on every axis, loosening the looser, axes that are not
// written stay, and the order of documents makes no difference.
func TestStagesAreALattice(t *testing.T) {
	t.Parallel()
	draw := rapid.Custom(func(t *rapid.T) syntax.Stages {
		return stagesOf(
			rapid.SampledFrom(mtlsNames).Draw(t, "mtls"),
			rapid.SampledFrom(authzNames).Draw(t, "authz"),
			rapid.SampledFrom(outboundNames).Draw(t, "outbound"))
	})
	rapid.Check(t, func(t *rapid.T) {
		start, a, b := strictest.replace(draw.Draw(t, "mesh")), draw.Draw(t, "a"), draw.Draw(t, "b")
		tight, loose := values(start.tighten(a)), values(start.loosen(a))
		written := values(Stages{}.replace(a))
		for i, was := range values(start) {
			wantTight, wantLoose := max(was, written[i]), was
			if written[i] != 0 {
				wantLoose = min(was, written[i])
			}
			if tight[i] != wantTight || loose[i] != wantLoose {
				t.Fatalf("axis %d: from %d with %d: tightened %d, loosened %d", i, was, written[i], tight[i], loose[i])
			}
		}
		if values(start.tighten(a).tighten(b)) != values(start.tighten(b).tighten(a)) {
			t.Fatalf("the order of tightening makes a difference: %v %v", a, b)
		}
	})
}

// TestWhoDecidedAStage: a finding about a stage points at the text that decided it: at the nearest of those that say the same.
func TestWhoDecidedAStage(t *testing.T) {
	t.Parallel()
	say := func(file, mtls, authz, outbound string) syntax.Stages {
		d := stagesOf(mtls, authz, outbound)
		d.MTLS.Span.File, d.Authz.Span.File, d.Outbound.Span.File = file, file, file
		return d
	}
	by := func(s Stages) [3]string { return [3]string{s.MTLSBy.File, s.AuthzBy.File, s.OutboundBy.File} }
	loose, strict := say("mesh", "permissive", "shadow", "open"), say("mesh", "strict", "enforce", "scoped")
	for _, c := range []struct {
		name string
		got  Stages
		want string
	}{
		{"nobody", strictest.replace(syntax.Stages{}), ""},
		{"the mesh alone", strictest.replace(loose), "mesh"},
		{"a Service that is stricter", strictest.replace(loose).tighten(say("service", "strict", "enforce", "scoped")), "service"},
		{"a Service that says the same", strictest.replace(loose).tighten(say("service", "permissive", "shadow", "open")), "service"},
		{"a Service that would be looser", strictest.replace(strict).tighten(say("service", "none", "off", "open")), "mesh"},
		{"a Service that says nothing", strictest.replace(strict).tighten(say("service", "", "", "")), "mesh"},
		{"an exception that is looser", strictest.replace(strict).loosen(say("exception", "none", "off", "open")), "exception"},
		{"an exception that says the same", strictest.replace(loose).loosen(say("exception", "permissive", "shadow", "open")), "exception"},
		{"an exception that would be stricter", strictest.replace(loose).loosen(say("exception", "strict", "enforce", "scoped")), "mesh"},
	} {
		if got := by(c.got); got != [3]string{c.want, c.want, c.want} {
			t.Errorf("%s: decided by %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAMeshThatSaysNothingIsClosed(t *testing.T) {
	t.Parallel()
	got := strictest.replace(syntax.Stages{})
	if got.MTLS != MTLSStrict || got.Authz != AuthzEnforce || got.Outbound != OutboundScoped {
		t.Errorf("got %v", got)
	}
}

// TestTrustDomains is the table of reference measurements: who a policy admits and whose TLS handshake ends well, for two
// clusters of distinct domains without and with skip-validate, with aliases, and with one shared domain.
func TestTrustDomains(t *testing.T) {
	t.Parallel()
	cluster := func(domain string, skip bool, aliases ...string) *Cluster {
		c := &Cluster{Doc: &syntax.Cluster{}, trust: map[string]bool{domain: true}}
		c.Doc.Spec.TrustDomain.Value = domain
		c.Doc.Spec.SkipValidateTrustDomain.Value = skip
		for _, a := range aliases {
			c.trust[a] = true
		}
		return c
	}
	for _, c := range []struct {
		name             string
		callee           *Cluster
		named, peer      string
		accepted, admits bool
	}{
		{"distinct, no aliases", cluster("td-2", false), "td-1", "td-1", false, true},
		{"distinct, skip-validate", cluster("td-2", true), "td-1", "td-1", true, true},
		{"distinct, skip-validate, the namesake of the callee's own domain", cluster("td-2", true), "td-1", "td-2", true, false},
		{"an alias names the other: identities merge", cluster("td-2", false, "td-1"), "td-1", "td-2", true, true},
		{"an alias works from the own domain too", cluster("td-2", false, "td-1"), "td-2", "td-1", true, true},
		{"one shared domain", cluster("td-1", false), "td-1", "td-1", true, true},
		{"a third domain is no alias", cluster("td-2", true, "td-1"), "td-3", "td-1", true, false},
	} {
		if got := c.callee.Accepts(c.peer); got != c.accepted {
			t.Errorf("%s: accepts %v", c.name, got)
		}
		if got := c.callee.Admits(c.named, c.peer); got != c.admits {
			t.Errorf("%s: admits %v", c.name, got)
		}
	}
}
