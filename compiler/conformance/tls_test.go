package conformance

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	sec "istio.io/api/security/v1beta1"
	typepb "istio.io/api/type/v1beta1"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/security/authn"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/labels"
	"istio.io/istio/pkg/config/schema/gvk"
	"istio.io/istio/pkg/util/protomarshal"

	"writ.dev/writ/compiler/prove/authz"
	"writ.dev/writ/compiler/prove/manifest"
)

var modes = []sec.PeerAuthentication_MutualTLS_Mode{
	sec.PeerAuthentication_MutualTLS_UNSET, sec.PeerAuthentication_MutualTLS_STRICT,
	sec.PeerAuthentication_MutualTLS_PERMISSIVE, sec.PeerAuthentication_MutualTLS_DISABLE,
}

// TestModesOfMutualTLSAreIstios merges random PeerAuthentications as istiod does and as the evaluator does, of every scope and with
// every mode on every level, and compares the mode of each port. Of two with one scope the older one wins, in some of the worlds; in
// others all are of one age, as they are in a folder.
func TestModesOfMutualTLSAreIstios(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 0))
	decided := map[string]int{}
	for range 4000 {
		configs := peerAuthentications(r)
		pod := authz.Pod{Namespace: pick(r, []string{"shop", "shop", "identity", "istio-system"}), Labels: map[string]string{"app": "orders"}}
		want := merged(configs, pod)
		got := authz.TLSOf(objects(t, configs), pod, "istio-system")
		for _, port := range []uint32{8080, 9090, 7070} {
			if ours, istio := ofPort(got, port), modeOf(want, port); ours != istio {
				t.Fatalf("port %d of %v: istio %s, ours %s\n%v", port, pod, istio, ours, configs)
			}
			for i := range configs {
				if less := merged(slices.Delete(slices.Clone(configs), i, i+1), pod); modeOf(less, port) != modeOf(want, port) {
					decided[scope(&configs[i], port)]++
				}
			}
		}
	}
	for _, scope := range []string{"mesh", "namespace", "workload", "port"} {
		if t.Logf("%8d decided by a PeerAuthentication of a %s", decided[scope], scope); decided[scope] < 100 {
			t.Errorf("a PeerAuthentication of a %s decided %d modes only", scope, decided[scope])
		}
	}
}

func peerAuthentications(r *rand.Rand) []config.Config {
	var configs []config.Config
	aged := r.IntN(2) == 0
	for i := range 1 + r.IntN(4) {
		spec := &sec.PeerAuthentication{}
		if r.IntN(4) > 0 {
			spec.Mtls = &sec.PeerAuthentication_MutualTLS{Mode: pick(r, modes)}
		}
		switch r.IntN(6) {
		case 0, 1, 2:
			spec.Selector = &typepb.WorkloadSelector{MatchLabels: pick(r, []map[string]string{{"app": "orders"}, {"app": "orders"}, {"app": "cart"}, {}})}
		}
		if len(spec.Selector.GetMatchLabels()) > 0 && r.IntN(2) == 0 {
			spec.PortLevelMtls = map[uint32]*sec.PeerAuthentication_MutualTLS{}
			for _, port := range []uint32{8080, 9090} {
				if r.IntN(2) == 0 {
					spec.PortLevelMtls[port] = &sec.PeerAuthentication_MutualTLS{Mode: pick(r, modes)}
				}
			}
		}
		c := config.Config{Meta: config.Meta{
			GroupVersionKind: gvk.PeerAuthentication, Namespace: pick(r, []string{"shop", "shop", "istio-system", "identity"}), Name: fmt.Sprintf("p%d", i),
		}, Spec: spec}
		if aged {
			c.CreationTimestamp = time.Unix(int64(r.IntN(3))*1000, 0).UTC()
		}
		configs = append(configs, c)
	}
	return configs
}

// merged is what istiod makes of PeerAuthentications for a pod: of those that model.AuthenticationPolicies finds for it, in their
// order, what authn.ComposePeerAuthentication says.
func merged(configs []config.Config, pod authz.Pod) authn.MergedPeerAuthentication {
	// sortConfigByCreationTime, which is not exported: by age, then by name and namespace.
	sorted := slices.Clone(configs)
	slices.SortStableFunc(sorted, func(a, b config.Config) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Namespace, b.Namespace))
	})
	var attached []*config.Config
	for _, namespace := range slices.Compact([]string{pod.Namespace, "istio-system"}) {
		whole := false
		for i := range sorted {
			c := &sorted[i]
			match := c.Spec.(*sec.PeerAuthentication).GetSelector().GetMatchLabels()
			if c.Namespace != namespace || len(match) == 0 && whole || !labels.Instance(match).SubsetOf(pod.Labels) {
				continue
			}
			whole = whole || len(match) == 0
			attached = append(attached, c)
		}
	}
	return authn.ComposePeerAuthentication("istio-system", attached)
}

func modeOf(m authn.MergedPeerAuthentication, port uint32) model.MutualTLSMode {
	if mode, ok := m.PerPort[port]; ok {
		return mode
	}
	return m.Mode
}

func ofPort(t *authz.TLS, port uint32) model.MutualTLSMode {
	mode := t.Mode
	if own, ok := t.Ports[int(port)]; ok {
		mode = own
	}
	return model.ConvertToMutualTLSMode(sec.PeerAuthentication_MutualTLS_Mode(sec.PeerAuthentication_MutualTLS_Mode_value[mode]))
}

func scope(c *config.Config, port uint32) string {
	spec := c.Spec.(*sec.PeerAuthentication)
	switch _, own := spec.PortLevelMtls[port]; {
	case own:
		return "port"
	case len(spec.GetSelector().GetMatchLabels()) > 0:
		return "workload"
	case c.Namespace == "istio-system":
		return "mesh"
	default:
		return "namespace"
	}
}

// objects reads the configurations back from bytes.
func objects(t *testing.T, configs []config.Config) []*manifest.Object {
	t.Helper()
	var all []*manifest.Object
	for i := range configs {
		c := &configs[i]
		spec, err := protomarshal.Marshal(c.Spec.(*sec.PeerAuthentication))
		if err != nil {
			t.Fatal(err)
		}
		metadata := map[string]any{"name": c.Name, "namespace": c.Namespace}
		if !c.CreationTimestamp.IsZero() {
			metadata["creationTimestamp"] = c.CreationTimestamp.Format(time.RFC3339)
		}
		object := map[string]any{
			"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication", "metadata": metadata, "spec": json.RawMessage(spec),
		}
		data, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		read, err := manifest.Read("peers.yaml", data)
		if err != nil {
			t.Fatalf("%v\n%s", err, data)
		}
		all = append(all, read...)
	}
	return all
}
