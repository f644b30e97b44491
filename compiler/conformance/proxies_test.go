package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	admin "github.com/envoyproxy/go-control-plane/envoy/admin/v3"
	bootstrap "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	jwt "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tls "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"writ.dev/writ/compiler/conformance/rbac"
	"writ.dev/writ/compiler/prove/authz"
	"writ.dev/writ/compiler/prove/envoy"
)

// dump is what the proxy of the world's pod would answer to /config_dump: the filters are Istio's, and Envoy prints messages as
// protojson does with the names of fields as they are written.
func (w *World) dump(t *testing.T) []byte {
	t.Helper()
	http, tcp := w.filters()
	if w.Issuers != nil {
		providers := map[string]*jwt.JwtProvider{}
		for i, issuer := range w.Issuers {
			providers[fmt.Sprintf("origins-%d", i)] = &jwt.JwtProvider{Issuer: issuer}
		}
		http = append(http, &hcm.HttpFilter{Name: "jwt", ConfigType: &hcm.HttpFilter_TypedConfig{
			TypedConfig: packed(t, &jwt.JwtAuthentication{Providers: providers}),
		}})
	}
	manager := &hcm.HttpConnectionManager{
		HttpFilters: http, NormalizePath: wrapperspb.Bool(true),
		RouteSpecifier: &hcm.HttpConnectionManager_RouteConfig{RouteConfig: &route.RouteConfiguration{Name: "inbound"}},
	}
	l := &listener.Listener{Name: "virtualInbound", TrafficDirection: core.TrafficDirection_INBOUND}
	for _, mutual := range []bool{true, false} {
		for _, filters := range [][]*listener.Filter{
			tcp, {{Name: "http", ConfigType: &listener.Filter_TypedConfig{TypedConfig: packed(t, manager)}}},
		} {
			c := &listener.FilterChain{FilterChainMatch: &listener.FilterChainMatch{TransportProtocol: "raw_buffer"}, Filters: filters}
			if mutual {
				c.FilterChainMatch.TransportProtocol = "tls"
				c.TransportSocket = &core.TransportSocket{Name: "tls", ConfigType: &core.TransportSocket_TypedConfig{
					TypedConfig: packed(t, &tls.DownstreamTlsContext{RequireClientCertificate: wrapperspb.Bool(true)}),
				}}
			}
			l.FilterChains = append(l.FilterChains, c)
		}
	}
	metadata, err := structpb.NewStruct(map[string]any{"NAME": "pod", "NAMESPACE": w.Namespace})
	if err != nil {
		t.Fatal(err)
	}
	node := &core.Node{Id: "sidecar~10.0.0.1~pod.ns~ns.svc.cluster.local", Metadata: metadata}
	all := &admin.ConfigDump{Configs: []*anypb.Any{
		packed(t, &admin.BootstrapConfigDump{Bootstrap: &bootstrap.Bootstrap{Node: node}}),
		packed(t, &admin.ListenersConfigDump{DynamicListeners: []*admin.ListenersConfigDump_DynamicListener{{
			Name: l.Name, ActiveState: &admin.ListenersConfigDump_DynamicListenerState{Listener: packed(t, l)},
		}}}),
	}}
	printed, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return printed
}

func packed(t *testing.T, m proto.Message) *anypb.Any {
	t.Helper()
	a, err := anypb.New(m)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// proxy is how writ reads the world's proxy.
func (w *World) proxy(t *testing.T) *envoy.Proxy {
	t.Helper()
	p, err := envoy.Read("dump", bytes.NewReader(w.dump(t)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// tooComplex reports whether nothing was decided, as there was too much of it: some worlds compare a dozen claims.
func tooComplex(err error) bool {
	var e *authz.TooComplexError
	return errors.As(err, &e)
}

// TestProxiesMeanTheirPolicies draws worlds and holds the filters that Istio writes for them, read back from a dump, against the
// policies themselves: there is no difference. Then something is taken out of the world, and its proxy is held against the policies
// that the world had before: what is told must be so, and something must be told where any class of requests is decided otherwise.
func TestProxiesMeanTheirPolicies(t *testing.T) {
	t.Parallel()
	worlds := int(number(t, "WORLDS", 400))
	seed := seeded(t)
	t.Logf("SEED=%d WORLDS=%d", seed, worlds)
	compared, tangled, lags, differing, told := 0, 0, 0, 0, 0
	for i := 0; compared < worlds; i++ {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		aim := Constructs[i%len(Constructs)]
		w := generate(r, aim)
		point, unread, err := w.Point()
		if err != nil || len(unread) > 0 || !w.Valid() {
			continue
		}
		proxy := w.proxy(t)
		if len(proxy.Unknown) > 0 {
			t.Fatalf("world %d: %v\n%s", i, proxy.Unknown, (&Divergence{World: w}).String())
		}
		found, err := proxy.Compare(point)
		if tooComplex(err) {
			tangled++
			continue
		}
		if err != nil {
			t.Fatalf("world %d: %v", i, err)
		}
		if compared++; len(found) > 0 {
			t.Fatalf("world %d: %+v\n%s\n%s", i, found, (&Divergence{World: w}).String(), w.dump(t))
		}
		all := occurrences(w)
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, o := range all[:min(3, len(all))] {
			less := w.Clone()
			o.without(less)
			otherwise, err := decidesOtherwise(r, w, less)
			if err != nil {
				continue // too many classes
			}
			found, err := less.proxy(t).Compare(point)
			if tooComplex(err) {
				continue
			}
			if lags++; err != nil {
				t.Fatalf("world %d: %v", i, err)
			}
			if otherwise {
				differing++
			}
			if otherwise && len(found) == 0 {
				t.Fatalf("world %d without %s is decided otherwise, and nothing is told\n%s", i, o.construct, (&Divergence{World: w}).String())
			}
			older, unread, err := less.Point()
			if err != nil || len(unread) > 0 {
				continue
			}
			for _, d := range found {
				if told++; d.Setting != "" {
					continue
				}
				before, now := *older, *point
				before.DryRun, now.DryRun = d.DryRun, d.DryRun
				if a, b := before.Decide(d.Request).Answer, now.Decide(d.Request).Answer; a != d.Proxy || b != d.Policies {
					t.Fatalf("world %d without %s: %+v, and they decide %v and %v\n%s", i, o.construct, d, a, b, (&Divergence{World: w}).String())
				}
			}
		}
	}
	t.Logf("%d proxies mean what their policies say; %d lag, %d of them decide otherwise, with %d differences told", compared, lags, differing, told)
	if tangled > worlds/40 {
		t.Errorf("%d worlds are too complex", tangled)
	}
	if differing < worlds/4 {
		t.Errorf("only %d proxies decide otherwise", differing)
	}
}

// decidesOtherwise reports whether Istio's filters of two worlds decide any class of requests differently that the first one's tell
// apart.
func decidesOtherwise(r *rand.Rand, w, less *World) (bool, error) {
	chains, err := w.Compile()
	if err != nil {
		return false, err
	}
	others, err := less.Compile()
	if err != nil {
		return false, err
	}
	all := splits(r, w, chains)
	if all[0].size()+all[1].size() > most {
		return false, fmt.Errorf("too many classes")
	}
	word := func(o Outcome) string { name, _, _ := strings.Cut(string(o), " "); return name }
	for _, s := range all {
		chain, other := chains.TCP, others.TCP
		if s.http {
			chain, other = chains.HTTP, others.HTTP
		}
		var answers []string
		product(chain, s.dimensions, func(_ *Request, facts rbac.Facts) {
			answers = append(answers, word(istio(chain, facts))+chain.Shadow(facts).String())
		})
		n, differs := 0, false
		product(other, s.asSeenBy(other, less.Issuers != nil), func(q *Request, facts rbac.Facts) {
			// Nobody calls port 0, whatever a policy says of it.
			differs = differs || q.Ours.Port > 0 && answers[n] != word(istio(other, facts))+other.Shadow(facts).String()
			n++
		})
		if differs {
			return true, nil
		}
	}
	return false, nil
}
