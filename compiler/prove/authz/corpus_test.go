package authz

import (
	"encoding/json"
	"net/netip"
	"os"
	"testing"

	"writ.dev/writ/compiler/prove/manifest"
)

// entry is one world of a corpus: what Istio's own compiler and an interpreter of its filters say to a few requests. The module
// compiler/conformance writes testdata/corpus.json; testdata/found.json is written by hand, a world for each mistake that was found.
type entry struct {
	Decides, TrustDomain, RootNamespace, Namespace string
	TrustDomainAliases, Issuers                    []string
	Labels                                         map[string]string
	Objects                                        []json.RawMessage
	Cases                                          []struct {
		Answer, DryRun              string
		HTTP                        bool
		Principal                   string
		Port                        int
		Method, Path, Host, SNI     string
		Headers                     map[string]string
		Source, Remote, Destination netip.Addr
		Token                       *struct {
			Iss, Sub string
			Aud      []string
			Azp      string
			Claims   map[string][]string
		}
	}
}

func TestCorpus(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"testdata/corpus.json", "testdata/found.json"} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var entries []entry
		if err := json.Unmarshal(data, &entries); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for i := range entries {
			entries[i].hold(t, path)
		}
	}
}

// hold asks the evaluator about each case.
func (e *entry) hold(t *testing.T, path string) {
	t.Helper()
	p := Point{
		Mesh:      Mesh{TrustDomain: e.TrustDomain, Aliases: e.TrustDomainAliases, RootNamespace: e.RootNamespace},
		Namespace: e.Namespace, Issuers: e.Issuers,
	}
	for _, object := range e.Objects {
		read, err := manifest.Read(path, object)
		if err != nil {
			t.Fatalf("%s: %s: %v", path, e.Decides, err)
		}
		for _, o := range read {
			if Attaches(o, Pod{e.Namespace, e.Labels}, e.RootNamespace) {
				p.Policies = append(p.Policies, o)
			}
		}
	}
	for _, c := range e.Cases {
		r := Request{
			HTTP: c.HTTP, Principal: c.Principal, Port: c.Port, Method: c.Method, Path: c.Path, Host: c.Host, Headers: c.Headers,
			Source: c.Source, Remote: c.Remote, Destination: c.Destination, SNI: c.SNI,
		}
		if k := c.Token; k != nil {
			r.Token = &Token{Issuer: k.Iss, Subject: k.Sub, Audiences: k.Aud, Presenter: k.Azp, Claims: k.Claims}
		}
		enforced, dry := p, p
		dry.DryRun = true
		if got := enforced.Decide(r).said(); got != c.Answer {
			t.Errorf("%s: %s: %+v: %s, and Istio says %s", path, e.Decides, c, got, c.Answer)
		}
		if got := dry.Decide(r).said(); got != c.DryRun {
			t.Errorf("%s: %s: %+v: in dry-run %s, and Istio says %s", path, e.Decides, c, got, c.DryRun)
		}
	}
}

func (d Decision) said() string {
	switch d.Answer {
	case Deny:
		return "deny"
	case Allow:
		return "allow"
	default:
		return "ask " + d.Provider
	}
}
