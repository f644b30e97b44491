package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"

	"writ.dev/writ/compiler/conformance/e2e/parts"
	"writ.dev/writ/compiler/conformance/e2e/wire"
)

// bench is one cluster without the example's workloads, in which policies are tried: callees with a sidecar each, a place for each
// from which requests come, and external authorizers. It is in a mesh whose configuration can be changed.
type bench struct {
	*estate
	c      *cluster
	spots  []*spot
	issuer *issuer
	folder map[string]string // of each identity's certificate

	normalization string
	aliases       []string
	checks        int64        // how much of the authorizers' log was read
	next          atomic.Int64 // how many connections came from ports of their own
}

// spot is a callee in a namespace of its own, and where its callers are.
type spot struct {
	pod, sender *pod
	issuers     []string // whose tokens it accepts
	read        int64    // how much of its log was read
	there       []string // the commands that take away what a round has set up
}

// The ports of callees that Services have, by name, and others that applications listen on.
var (
	declared = []struct {
		name   string
		number int
	}{{"http", 8080}, {"grpc", 9090}, {"tcp", 6379}}
	undeclared = []int{80, 8443, 65534}
)

const (
	benchDomain = "eu.example"
	ownLabel    = "spot"
)

// tokenIssuers are those that the generator of policies knows.
var tokenIssuers = []string{"https://idp.example", "https://idp.example/realms/shop", "partners"}

// newBench starts it. Of its spots the last is a gateway's by its label, and the two before accept no tokens.
func newBench(ctx context.Context, box *sandbox, p *parts.Parts, repository, scratch string, spots int) (*bench, error) {
	b := &bench{estate: &estate{box: box, parts: p}, folder: map[string]string{}}
	if err := os.CopyFS(filepath.Join(scratch, "policies"), os.DirFS(filepath.Join(repository, "policies"))); err != nil {
		return nil, err
	}
	for _, name := range []string{"eu-1", "eu-2"} {
		path := filepath.Join(scratch, "policies/platform/clusters", name+".yaml")
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		data = regexp.MustCompile(`(?m)^  trustDomain: .*$`).ReplaceAll(data, []byte("  trustDomain: "+benchDomain))
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return nil, err
		}
	}
	var err error
	if b.model, b.meant, err = readEstate(ctx, os.DirFS(scratch)); err != nil {
		return nil, err
	}
	if err := b.startWith(ctx, b.adjust, "eu-1"); err != nil {
		return nil, err
	}
	b.c = b.clusters[0]
	if b.issuer, err = newIssuer(); err != nil {
		return nil, err
	}
	if err := b.startAuthorizers(ctx); err != nil {
		return nil, err
	}
	for i := range spots {
		s := &spot{issuers: tokenIssuers}
		ns := fmt.Sprintf("spot-%d", i)
		labels := map[string]string{"app": "orders", "tier": "web", ownLabel: ns}
		switch {
		case i == spots-1:
			labels["gateway.networking.k8s.io/gateway-name"] = "edge"
		case i >= spots-3:
			s.issuers = nil
		}
		s.pod = &pod{name: "orders", ns: ns, account: "orders", labels: labels, ports: slices.Clone(undeclared)}
		for _, port := range declared {
			s.pod.ports = append(s.pod.ports, port.number)
		}
		b.add(b.c, s.pod)
		s.sender = &pod{cluster: b.c, name: "sender", ns: ns, address: fmt.Sprintf("198.18.8.%d", i+1), bare: true, ports: []int{anyPort}}
		b.spots = append(b.spots, s)
	}
	if err := each(b.spots, 4, func(s *spot) error { return b.deploySpot(ctx, s) }); err != nil {
		return nil, err
	}
	return b, each(b.spots, 4, func(s *spot) error { return s.pod.run(ctx) })
}

// adjust is what the mesh has beyond what the document says.
func (b *bench) adjust(mesh object) {
	mesh["trustDomainAliases"] = b.aliases
	delete(mesh, "pathNormalization")
	if b.normalization != "" {
		mesh["pathNormalization"] = object{"normalization": b.normalization}
	}
	const shadow = `"http-allow":"%DYNAMIC_METADATA(envoy.filters.http.rbac:istio_dry_run_allow_shadow_engine_result)%",` +
		`"http-deny":"%DYNAMIC_METADATA(envoy.filters.http.rbac:istio_dry_run_deny_shadow_engine_result)%",` +
		`"tcp-allow":"%DYNAMIC_METADATA(envoy.filters.network.rbac:istio_dry_run_allow_shadow_engine_result)%",` +
		`"tcp-deny":"%DYNAMIC_METADATA(envoy.filters.network.rbac:istio_dry_run_deny_shadow_engine_result)%"`
	mesh["accessLogFormat"] = `{"case":"%REQ(X-WRIT-CASE)%","code":"%RESPONSE_CODE%","details":"%RESPONSE_CODE_DETAILS%",` +
		`"closed":"%CONNECTION_TERMINATION_DETAILS%","peer":"%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%","path":"%REQ(:PATH)%",` + shadow + `}`
	var providers []object
	for i, name := range authorizers {
		providers = append(providers, object{"name": name, "envoyExtAuthzGrpc": object{
			"service": fmt.Sprintf("authorizers/%s.authorizers.svc.%s", name, b.model.Clusters[0].Mesh.Domain), "port": 9000 + i,
		}})
	}
	mesh["extensionProviders"] = providers
}

// authorizers are the providers that CUSTOM policies name.
var authorizers = []string{"opa", "vault"}

// startAuthorizers starts them, where Services lead to.
func (b *bench) startAuthorizers(ctx context.Context) error {
	if err := b.agree(true); err != nil {
		return err
	}
	if err := b.box.write("", "authorizers", "log"); err != nil {
		return err
	}
	for _, ns := range []string{"authorizers", "identity"} { // the latter has policies that attach to nothing
		if err := b.c.namespace(ctx, ns); err != nil {
			return err
		}
	}
	args := []string{"authorize", b.box.path("authorizers", "mode"), b.box.path("authorizers", "log")}
	for i, name := range authorizers {
		port := 9000 + i
		args = append(args, fmt.Sprintf("%s=%s:%d", name, b.c.address, port))
		ports := []object{{"name": "grpc", "port": port, "protocol": "TCP", "appProtocol": "grpc"}}
		if err := b.service(ctx, "authorizers", name, ports, ports, object{"addresses": []string{b.c.address}, "conditions": object{"ready": true}}); err != nil {
			return err
		}
	}
	p, err := b.box.start("authorizers", command{path: b.parts.Programs["standin"], args: args})
	if err != nil {
		return err
	}
	for i := range authorizers {
		if err := listening(ctx, fmt.Sprintf("%s:%d", b.c.address, 9000+i), p); err != nil {
			return err
		}
	}
	return nil
}

// agree says what the authorizers answer from now on.
func (b *bench) agree(yes bool) error {
	return b.box.write(map[bool]string{true: "agree", false: "refuse"}[yes], "authorizers", "mode")
}

// service makes a Service with one endpoint.
func (b *bench) service(ctx context.Context, ns, name string, ports, targets []object, endpoint object) error {
	if err := b.c.apply(ctx, object{
		"apiVersion": "v1", "kind": "Service", "metadata": object{"name": name, "namespace": ns}, "spec": object{"ports": ports},
	}); err != nil {
		return err
	}
	return b.c.apply(ctx, object{
		"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
		"metadata": object{"name": name, "namespace": ns, "labels": object{"kubernetes.io/service-name": name}},
		"ports":    targets, "endpoints": []object{endpoint},
	})
}

func (b *bench) deploySpot(ctx context.Context, s *spot) error {
	if err := s.pod.deploy(ctx); err != nil {
		return err
	}
	if err := s.sender.network(); err != nil {
		return err
	}
	var ports []object
	for _, p := range declared {
		ports = append(ports, object{"name": p.name, "port": p.number, "protocol": "TCP", "appProtocol": p.name})
	}
	if err := b.service(ctx, s.pod.ns, s.pod.name, ports, ports, object{
		"addresses": []string{s.pod.address}, "conditions": object{"ready": true},
		"targetRef": object{"kind": "Pod", "name": s.pod.name, "namespace": s.pod.ns},
	}); err != nil {
		return err
	}
	if s.issuers == nil {
		return nil
	}
	var rules []object
	for _, name := range s.issuers {
		rules = append(rules, object{"issuer": name, "jwks": b.issuer.keys})
	}
	return b.c.apply(ctx, object{
		"apiVersion": "security.istio.io/v1", "kind": "RequestAuthentication", "metadata": object{"name": "tokens", "namespace": s.pod.ns},
		"spec": object{"jwtRules": rules},
	})
}

// configure changes how the mesh normalises paths and what its trust domain is called besides, and waits until istiod knows.
func (b *bench) configure(ctx context.Context, normalization string, aliases []string) error {
	b.normalization, b.aliases = normalization, aliases
	if err := b.c.configureMesh(ctx); err != nil {
		return err
	}
	return until(ctx, "mesh configuration", func() error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.c.debug()+"/debug/mesh", nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		var is struct {
			TrustDomainAliases []string
			PathNormalization  struct{ Normalization string }
		}
		data, err := io.ReadAll(res.Body)
		if err == nil {
			err = json.Unmarshal(data, &is)
		}
		if err != nil {
			return fmt.Errorf("%w: %s", err, data)
		}
		if !slices.Equal(is.TrustDomainAliases, aliases) || is.PathNormalization.Normalization != normalization {
			return fmt.Errorf("istiod has %+v", is)
		}
		return nil
	}, b.c.istiod)
}

// place gives the pods of a spot the addresses that requests come from and go to.
func (s *spot) place(sources, destinations []string) error {
	run := func(commands []string) error { return s.pod.cluster.box.shell(strings.Join(commands, "\n")) }
	if err := run(s.there); err != nil {
		return err
	}
	s.there = nil
	var set []string
	put := func(address string, has, other *pod) {
		commands := []string{
			fmt.Sprintf("ip -n %s addr %%s %s/32 dev eth0", has.netns(), address),
			fmt.Sprintf("ip -n %s route %%s %s/32 via %s dev eth0 onlink", other.netns(), address, has.address),
		}
		for _, c := range commands {
			set, s.there = append(set, fmt.Sprintf(c, "add")), append(s.there, fmt.Sprintf(c, "del"))
		}
	}
	for _, a := range sources {
		put(a, s.sender, s.pod)
	}
	for _, a := range destinations {
		put(a, s.pod, s.sender)
	}
	return run(set)
}

// has waits until the spot's Envoy has taken a configuration that names the policy, and uses it.
func (b *bench) has(ctx context.Context, s *spot, policy string) error {
	name := fmt.Sprintf("ns[%s]-policy[%s]-rule[0]", s.pod.ns, policy)
	err := until(ctx, "configuration of "+s.pod.id(), func() error {
		_, body, err := s.pod.inside(ctx, "http://127.0.0.1:15000/config_dump?resource=dynamic_listeners&name_regex=virtualInbound")
		if err != nil {
			return err
		}
		var dump struct {
			Configs []struct {
				Name    string
				Active  json.RawMessage `json:"active_state"`
				Warming json.RawMessage `json:"warming_state"`
			}
		}
		if err := json.Unmarshal([]byte(body), &dump); err != nil {
			return err
		}
		for _, l := range dump.Configs {
			if l.Name == "virtualInbound" && l.Warming == nil && strings.Contains(string(l.Active), name) {
				return nil
			}
		}
		return fmt.Errorf("no %s yet", name)
	}, s.pod.agent)
	if err != nil {
		return err
	}
	// That is what the main thread says. The worker, of which there is one, gets it as a message. It has read that one once it has answered
	// a request on a connection that came later.
	_, err = b.last(ctx, s, policy+"/begin")
	return err
}

// last sends a request behind all others, and returns what the sidecar has logged up to it.
func (b *bench) last(ctx context.Context, s *spot, name string) ([]spotLine, error) {
	id, err := b.identityOf(benchDomain + "/ns/last/sa/last")
	if err != nil {
		return nil, err
	}
	r := wire.Request{To: s.pod.address + ":8080", Host: "last", Proto: "http1", Method: "GET", Path: "/last", Identity: id, Case: name}
	if _, err := s.sender.call(ctx, []wire.Request{r}); err != nil {
		return nil, err
	}
	var all []spotLine
	return all, until(ctx, "log of "+s.pod.id(), func() error {
		lines, err := s.lines()
		if err != nil {
			return err
		}
		all = append(all, lines...)
		if !slices.ContainsFunc(lines, func(l spotLine) bool { return l.Case == name }) {
			return fmt.Errorf("no line of %s yet", name)
		}
		return nil
	}, s.pod.agent)
}

// spotLine is what a sidecar logs of a request, or of a connection.
type spotLine struct {
	Case, Details, Closed, Peer, Path string
	Code                              int
	HTTPAllow                         string `json:"http-allow"`
	HTTPDeny                          string `json:"http-deny"`
	TCPAllow                          string `json:"tcp-allow"`
	TCPDeny                           string `json:"tcp-deny"`
}

// lines are those that the sidecar has logged since they were last read.
func (s *spot) lines() ([]spotLine, error) {
	data, err := readFrom(s.pod.agent.log, &s.read)
	if err != nil {
		return nil, err
	}
	var all []spotLine
	for line := range strings.Lines(string(data)) {
		var l spotLine
		if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &l) == nil {
			all = append(all, l)
		}
	}
	return all, nil
}

// readFrom reads the whole lines that a file has had since it was last read.
func readFrom(path string, at *int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.NewSectionReader(f, *at, 1<<40))
	if err != nil {
		return nil, err
	}
	data = data[:strings.LastIndexByte(string(data), '\n')+1]
	*at += int64(len(data))
	return data, nil
}

// identityOf is the folder with the certificate of an identity.
func (b *bench) identityOf(name string) (string, error) {
	b.c.making.Lock()
	defer b.c.making.Unlock()
	if folder, ok := b.folder[name]; ok {
		return folder, nil
	}
	chain, key, err := b.c.authority.issue("spiffe://" + name)
	if err != nil {
		return "", err
	}
	n := fmt.Sprint(len(b.folder))
	for file, content := range map[string]string{"cert.pem": chain, "key.pem": key, "root.pem": b.c.root} {
		if err := b.box.write(content, "issued", n, file); err != nil {
			return "", err
		}
	}
	b.folder[name] = b.box.path("issued", n)
	return b.folder[name], nil
}
