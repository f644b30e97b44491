package conformance

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mutants are mistakes that the evaluator could have, as edits of its source: in a file of compiler/prove/authz, the first place
// where a text stands, and what stands there instead.
var mutants = []struct{ name, file, old, mistake string }{
	// What is read.
	{"notPrincipals are not read", "read.go", "sourcePrincipal, s.Principals, s.NotPrincipals", "sourcePrincipal, s.Principals, nil"},
	{"principals are not read", "read.go", "sourcePrincipal, s.Principals, s.NotPrincipals", "sourcePrincipal, nil, s.NotPrincipals"},
	{"notRequestPrincipals are not read", "read.go", "s.RequestPrincipals, s.NotRequestPrincipals", "s.RequestPrincipals, nil"},
	{"requestPrincipals are not read", "read.go", "s.RequestPrincipals, s.NotRequestPrincipals", "nil, s.NotRequestPrincipals"},
	{"notNamespaces are not read", "read.go", "s.Namespaces, s.NotNamespaces", "s.Namespaces, nil"},
	{"namespaces are not read", "read.go", "s.Namespaces, s.NotNamespaces", "nil, s.NotNamespaces"},
	{"notServiceAccounts are not read", "read.go", "s.ServiceAccounts, s.NotServiceAccounts", "s.ServiceAccounts, nil"},
	{"serviceAccounts are not read", "read.go", "s.ServiceAccounts, s.NotServiceAccounts", "nil, s.NotServiceAccounts"},
	{"notTrustDomains are not read", "read.go", "s.TrustDomains, s.NotTrustDomains", "s.TrustDomains, nil"},
	{"trustDomains are not read", "read.go", "s.TrustDomains, s.NotTrustDomains", "nil, s.NotTrustDomains"},
	{"notIpBlocks are not read", "read.go", "sourceIP, s.IPBlocks, s.NotIPBlocks", "sourceIP, s.IPBlocks, nil"},
	{"ipBlocks are not read", "read.go", "sourceIP, s.IPBlocks, s.NotIPBlocks", "sourceIP, nil, s.NotIPBlocks"},
	{"notRemoteIpBlocks are not read", "read.go", "s.RemoteIPBlocks, s.NotRemoteIPBlocks", "s.RemoteIPBlocks, nil"},
	{"remoteIpBlocks are not read", "read.go", "s.RemoteIPBlocks, s.NotRemoteIPBlocks", "nil, s.NotRemoteIPBlocks"},
	{"ipBlocks are of the forwarded client", "read.go", "say(row, sourceIP", "say(row, remoteIP"},
	{"hosts are not read", "read.go", "o.Hosts, o.NotHosts", "nil, o.NotHosts"},
	{"notHosts are not read", "read.go", "o.Hosts, o.NotHosts", "o.Hosts, nil"},
	{"ports are not read", "read.go", "o.Ports, o.NotPorts", "nil, o.NotPorts"},
	{"notPorts are not read", "read.go", "o.Ports, o.NotPorts", "o.Ports, nil"},
	{"methods are not read", "read.go", "o.Methods, o.NotMethods", "nil, o.NotMethods"},
	{"notMethods are not read", "read.go", "o.Methods, o.NotMethods", "o.Methods, nil"},
	{"paths are not read", "read.go", "o.Paths, o.NotPaths", "nil, o.NotPaths"},
	{"notPaths are not read", "read.go", "o.Paths, o.NotPaths", "o.Paths, nil"},
	{"conditions are not read", "read.go", "when: r.When,", "when: nil,"},

	// Protocols, and what cannot be read.
	{"an ALLOW rule with HTTP attributes holds on TCP", "read.go", "!http && onlyHTTP(name) ||", "false ||"},
	{"HTTP attributes fail on TCP in DENY", "decide.go", "return true\n\t}\n\tillegible", "return false\n\t}\n\tillegible"},
	{"headers exist on TCP", "read.go", "requestPath, requestHost, requestHeaders,\n", "requestPath, requestHost,\n"},
	{"tokens exist on TCP", "read.go", "requestHeaders,\n\t\trequestPrincipal, ", "requestHeaders,\n\t\t"},
	{"a bad value leaves an ALLOW rule standing", "read.go", "slices.ContainsFunc(c.Values, illegible)", "false"},
	{"a bad notValue leaves an ALLOW rule standing", "read.go", "slices.ContainsFunc(c.NotValues, illegible)", "false"},
	{"a DENY rule with a bad value is dropped", "read.go", `if action != "ALLOW" {`, `if action == "" {`},
	{"any key in front of brackets is one", "read.go", `return strings.HasPrefix(detail, "[") && `, `return `},
	{"ports with a leading zero are octal", "read.go", "strconv.ParseUint(value, 10, 32)", "strconv.ParseUint(value, 0, 32)"},
	{
		"host bits of a range count", "read.go", "if strings.Contains(value, \"/\") {\n\t\tp, err := netip.ParsePrefix(value)\n\t\treturn p.Masked(), err == nil",
		"if strings.Contains(value, \"/\") {\n\t\tp, err := netip.ParsePrefix(value)\n\t\treturn p, err == nil && p == p.Masked()",
	},
	{"IPv4 in IPv6 is IPv4", "read.go", "return netip.PrefixFrom(a, a.BitLen())", "a = a.Unmap()\n\treturn netip.PrefixFrom(a, a.BitLen())"},

	// Identities.
	{"aliases do not count", "read.go", "return append([]string{own}, m.Aliases...)", "return []string{own}"},
	{"cluster.local is a trust domain like others", "read.go", `domain == "cluster.local" || `, ``},
	{"the trust domain of four segments is replaced", "read.go", `strings.Count(v, "/") != 4`, `strings.Count(v, "/") < 3`},
	{"wildcards within a trust domain do not count", "read.go", "d == domain || overlaps(domain, d) || overlaps(d, domain)", "d == domain || false && overlaps(d, domain)"},
	{"a suffix of a trust domain is replaced", "read.go", "ok && strings.HasSuffix(d, suffix) {", "ok && suffix == d {"},
	{"trustDomains have no aliases", "read.go", "all = append(all, domains...)", "all = append(all, v)"},
	{"peers without a certificate match", "decide.go", `return r.Principal != "" && slices`, `return slices`},
	{"a suffix of a principal is compared without the scheme", "decide.go", `&& (w.kind != ends || len(id) >= len("spiffe://")+len(w.value))`, ``},
	{"principals lack the scheme", "decide.go", `if w.kind == exactly || w.kind == begins {`, `if w.kind == begins {`},
	{"namespaces are compared with their segment alone", "decide.go", `glob("*/ns/"+v+"/*", id)`, `glob("*/ns/"+v+"/sa/*", id) && !strings.Contains(v, "*")`},
	{"an account without namespace is of any", "decide.go", "ns, account = namespace, value", "ns, account = strings.Split(id, \"/\")[4], value"},
	{"an account is compared by its prefix", "decide.go", `(after == "" || after[0] == '/' && len(after) > 1)`, `len(after) >= 0`},
	{"a trust domain is compared by its prefix", "decide.go", `return strings.HasPrefix(rest, value+"/")`, `return strings.HasPrefix(rest, value)`},

	// Tokens.
	{"tokens are seen without a RequestAuthentication", "decide.go", "!slices.Contains(p.Issuers, r.Token.Issuer)", "false"},
	{"a request principal splits at the first slash", "read.go", "strings.LastIndexByte(value, '/')", "strings.IndexByte(value, '/')"},
	{"a request principal asks for the issuer alone", "decide.go", "issuer.matches(t.Issuer) && subject.matches(t.Subject)", "issuer.matches(t.Issuer) && (true || subject.matches(t.Subject))"},
	{"a request principal asks for the subject alone", "decide.go", "issuer.matches(t.Issuer) && subject.matches(t.Subject)", "(true || issuer.matches(t.Issuer)) && subject.matches(t.Subject)"},
	{"audiences are the presenter", "decide.go", "claim = t.Audiences", "claim = []string{t.Presenter}"},
	{"the presenter is an audience", "decide.go", "claim = []string{t.Presenter}", "claim = t.Audiences"},
	{"claims are not seen", "decide.go", "claim = t.Claims[detail]", "claim = nil"},
	{"the claim iss is not the issuer", "decide.go", `case detail == "[iss]":`, `case detail == "[i]":`},
	{"the claim sub is not the subject", "decide.go", `case detail == "[sub]":`, `case detail == "[s]":`},

	// Strings.
	{"a prefix is exact", "decide.go", "return strings.HasPrefix(s, t.value)", "return s == t.value"},
	{"a suffix is exact", "decide.go", "return strings.HasSuffix(s, t.value)", "return s == t.value"},
	{"* matches the empty string", "decide.go", `return s != ""`, `return true`},
	{"an asterisk at the end counts first", "read.go", "if after, ok := strings.CutPrefix(value, \"*\"); ok {\n\t\treturn text{ends, after}\n\t}\n\t", ""},
	{"a header is present only with a value", "decide.go", "return present && slices.ContainsFunc(values, func(v string) bool { return v == \"*\" || ", "return present && slices.ContainsFunc(values, func(v string) bool { return "},
	{"an absent header is an empty one", "decide.go", "return present && slices", "return (present || true) && slices"},
	{"headers are compared by their spelling", "read.go", "return requestHeaders, strings.ToLower(detail), true", "return requestHeaders, detail, true"},
	{"hosts are compared by their spelling", "decide.go", "host := lower(r.Host)", "host := r.Host"},
	{"a host in capitals matches none", "decide.go", "wildcard(lower(v)).matches(host)", "wildcard(v).matches(host)"},
	{"methods are compared without their spelling", "decide.go", "wildcard(v).matches(r.Method)", "wildcard(lower(v)).matches(lower(r.Method))"},
	{"the server name is the host", "decide.go", "wildcard(v).matches(r.SNI)", "wildcard(v).matches(r.Host)"},
	{"the source is the destination", "decide.go", "q.Contains(r.Source)", "q.Contains(r.Destination)"},
	{"the forwarded client is the source", "decide.go", "q.Contains(r.Remote)", "q.Contains(r.Source)"},
	{"the destination is the source", "decide.go", "q.Contains(r.Destination)", "q.Contains(r.Source)"},
	{"ports differ by one", "decide.go", "n, _ := port(v); return n == r.Port", "n, _ := port(v); return n == r.Port || n == r.Port^1"},
	{"{*} may be empty", "decide.go", "i < len(path) && segment(path[i]); i++ {\n\t\t\tif template(after, path[i+1:]) {", "i <= len(path) && (i == 0 || segment(path[i-1])); i++ {\n\t\t\tif template(after, path[i:]) {"},
	{"{*} crosses slashes", "decide.go", "i < len(path) && segment(path[i]); i++ {", "i < len(path) && (path[i] == '/' || segment(path[i])); i++ {"},
	{"{**} stays in its segment", "decide.go", "path[i] != '/' && !segment(path[i])", "!segment(path[i])"},
	{"{**} is any string", "decide.go", "if i == len(path) || path[i] != '/' && !segment(path[i]) {", "if i == len(path) {"},
	{"= is no character of a segment", "decide.go", "-._~%!$&'()*+,;:@=", "-._~%!$&'()*+,;:@"},
	{"% is no character of a segment", "decide.go", "-._~%!$&'()*+,;:@=", "-._~!$&'()*+,;:@="},
	{"* is no character of a segment", "decide.go", "-._~%!$&'()*+,;:@=", "-._~%!$&'()+,;:@="},
	{"| is a character of a segment", "decide.go", "-._~%!$&'()*+,;:@=", "-._~%!$&'()*+,;:@=|"},

	// Rules and policies.
	{"one source too many is enough", "decide.go", "slices.ContainsFunc(rule.from, holds) &&", ""},
	{"operations are not asked", "decide.go", "slices.ContainsFunc(rule.to, holds) &&", ""},
	{"conditions are not asked", "decide.go", " && holds(rule.when)", ""},
	{"no ALLOW policy is none that allows", "decide.go", "if by != nil && rule < 0 {", "if rule < 0 {"},
	{"ALLOW policies let everything in", "decide.go", "if by != nil && rule < 0 {", "if by != nil && rule < -1 {"},
	{"DENY policies deny nothing", "decide.go", `p.first("DENY", &r); by != nil && rule >= 0`, `p.first("DENY", &r); by != nil && rule > 99`},
	{"AUDIT policies deny", "decide.go", `p.first("DENY", &r)`, `p.first("AUDIT", &r)`},
	{"CUSTOM policies ask nobody", "decide.go", `ask != nil && asked >= 0`, `ask != nil && asked > 99`},
	{"two providers are asked", "decide.go", "if disagree(p.decisive()) {", "if false {"},
	{"dry-run policies are enforced", "decide.go", "o.AuthorizationPolicy.DryRun != p.DryRun", "o.AuthorizationPolicy.DryRun && p.DryRun"},
	{"the action is ALLOW, whatever is written", "decide.go", `cmp.Or(o.AuthorizationPolicy.Action, "ALLOW")`, `"ALLOW"[:5+0*len(o.Kind)+0*cmp.Compare(1, 2)]`},

	// Attachment.
	{"selectors select everything", "attach.go", "had != value", "had == \"\" && value == \"\""},
	{"a selector of one label out of two selects", "attach.go", "!ok || had != value", "ok && had != value"},
	{"the root namespace is a namespace like others", "attach.go", "policy.Namespace != pod.Namespace && policy.Namespace != rootNamespace", "policy.Namespace != pod.Namespace"},
	{"every namespace is the root namespace", "attach.go", "policy.Namespace != pod.Namespace && policy.Namespace != rootNamespace", "false && rootNamespace == \"\""},
	{"targetRefs attach across namespaces", "attach.go", "return ok && policy.Namespace == pod.Namespace &&", "return ok &&"},
	{"targetRefs are not read", "attach.go", "if len(targets) == 0 {", "if len(targets) >= 0 {"},
	{"targetRefs attach to every gateway", "attach.go", "t.Name == gateway", "(t.Name == gateway || true)"},
	{"policies attach to gateways by targetRefs alone", "attach.go", "return selects(selector, pod.Labels)", "return pod.Labels[gatewayName] == \"\" && selects(selector, pod.Labels)"},
}

// TestMutantsDie plants one mistake after the other into the evaluator, and the corpus has to tell.
func TestMutantsDie(t *testing.T) {
	if os.Getenv("MUTANTS") == "" {
		t.Skip("MUTANTS is not set")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(root, "compiler", "prove", "authz", m.file)
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(source), m.old) {
				t.Fatalf("%s does not have %q any more", m.file, m.old)
			}
			dir := t.TempDir()
			mutated, overlay := filepath.Join(dir, m.file), filepath.Join(dir, "overlay.json")
			replace, err := json.Marshal(map[string]map[string]string{"Replace": {file: mutated}})
			if err != nil {
				t.Fatal(err)
			}
			write(t, mutated, strings.Replace(string(source), m.old, m.mistake, 1))
			write(t, overlay, string(replace))
			// Vet takes longer than the test.
			test := exec.Command("go", "test", "-vet=off", "-count=1", "-overlay", overlay, "-run", "^TestCorpus$", "./compiler/prove/authz")
			test.Dir = root
			said, err := test.CombinedOutput()
			switch {
			case err == nil:
				t.Error("it lives")
			case !strings.Contains(string(said), "--- FAIL: TestCorpus"):
				t.Errorf("it could not be asked: %s", said)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
