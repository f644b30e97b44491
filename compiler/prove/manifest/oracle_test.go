package manifest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	networking "istio.io/api/networking/v1alpha3"
	security "istio.io/api/security/v1beta1"
	selector "istio.io/api/type/v1beta1"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"
)

// The tests here hold the reader against what a cluster does with the same bytes: sigs.k8s.io/yaml makes JSON of them, and
// Istio's own types are decoded from that.

// specs are the kinds that Istio's types are compared for, with an empty message of each.
var specs = map[string]proto.Message{
	"AuthorizationPolicy":   (*security.AuthorizationPolicy)(nil),
	"PeerAuthentication":    (*security.PeerAuthentication)(nil),
	"RequestAuthentication": (*security.RequestAuthentication)(nil),
	"Sidecar":               (*networking.Sidecar)(nil),
	"DestinationRule":       (*networking.DestinationRule)(nil),
}

// asRead is what the reader should make of a specification: the object, but for what stands beside the specification.
func asRead(spec proto.Message) *Object {
	o := &Object{}
	switch spec := spec.(type) {
	case *security.AuthorizationPolicy:
		p := &AuthorizationPolicy{Action: spec.GetAction().String(), Provider: spec.GetProvider().GetName()}
		p.Selector, p.TargetRefs = labelsOf(spec.GetSelector()), refsOf(spec.GetTargetRef(), spec.GetTargetRefs())
		for _, rule := range spec.GetRules() {
			p.Rules = append(p.Rules, ruleOf(rule))
		}
		o.AuthorizationPolicy = p
	case *security.PeerAuthentication:
		p := &PeerAuthentication{Selector: labelsOf(spec.GetSelector()), Mode: modeOf(spec.GetMtls())}
		for port, tls := range spec.GetPortLevelMtls() {
			if p.Ports == nil {
				p.Ports = map[int]string{}
			}
			p.Ports[int(port)] = modeOf(tls)
		}
		o.PeerAuthentication = p
	case *security.RequestAuthentication:
		p := &RequestAuthentication{Selector: labelsOf(spec.GetSelector()), TargetRefs: refsOf(spec.GetTargetRef(), spec.GetTargetRefs())}
		for _, rule := range spec.GetJwtRules() {
			p.Issuers = append(p.Issuers, rule.GetIssuer())
		}
		o.RequestAuthentication = p
	case *networking.Sidecar:
		o.Sidecar = sidecarOf(spec)
	case *networking.DestinationRule:
		o.DestinationRule = &DestinationRule{Host: spec.GetHost(), TLSModes: tlsOf(spec.GetTrafficPolicy())}
		for _, subset := range spec.GetSubsets() {
			o.DestinationRule.TLSModes = append(o.DestinationRule.TLSModes, tlsOf(subset.GetTrafficPolicy())...)
		}
	}
	return o
}

func ruleOf(rule *security.Rule) Rule {
	var r Rule
	for _, from := range rule.GetFrom() {
		s := from.GetSource()
		r.From = append(r.From, Source{
			Principals: s.GetPrincipals(), NotPrincipals: s.GetNotPrincipals(),
			RequestPrincipals: s.GetRequestPrincipals(), NotRequestPrincipals: s.GetNotRequestPrincipals(),
			Namespaces: s.GetNamespaces(), NotNamespaces: s.GetNotNamespaces(),
			ServiceAccounts: s.GetServiceAccounts(), NotServiceAccounts: s.GetNotServiceAccounts(),
			TrustDomains: s.GetTrustDomains(), NotTrustDomains: s.GetNotTrustDomains(),
			IPBlocks: s.GetIpBlocks(), NotIPBlocks: s.GetNotIpBlocks(),
			RemoteIPBlocks: s.GetRemoteIpBlocks(), NotRemoteIPBlocks: s.GetNotRemoteIpBlocks(),
		})
	}
	for _, to := range rule.GetTo() {
		op := to.GetOperation()
		r.To = append(r.To, Operation{
			Hosts: op.GetHosts(), NotHosts: op.GetNotHosts(), Ports: op.GetPorts(), NotPorts: op.GetNotPorts(),
			Methods: op.GetMethods(), NotMethods: op.GetNotMethods(), Paths: op.GetPaths(), NotPaths: op.GetNotPaths(),
		})
	}
	for _, when := range rule.GetWhen() {
		r.When = append(r.When, Condition{Key: when.GetKey(), Values: when.GetValues(), NotValues: when.GetNotValues()})
	}
	return r
}

func labelsOf(s *selector.WorkloadSelector) map[string]string { return s.GetMatchLabels() }

func refsOf(one *selector.PolicyTargetReference, more []*selector.PolicyTargetReference) []TargetRef {
	var refs []TargetRef
	if one != nil {
		more = append([]*selector.PolicyTargetReference{one}, more...)
	}
	for _, ref := range more {
		refs = append(refs, TargetRef{Group: ref.GetGroup(), Kind: ref.GetKind(), Namespace: ref.GetNamespace(), Name: ref.GetName()})
	}
	return refs
}

func modeOf(tls *security.PeerAuthentication_MutualTLS) string {
	if mode := tls.GetMode().String(); mode != "UNSET" {
		return mode
	}
	return ""
}

func sidecarOf(spec *networking.Sidecar) *Sidecar {
	s := &Sidecar{Ingress: len(spec.GetIngress()) > 0}
	if w := spec.GetWorkloadSelector(); w != nil {
		s.Selector = map[string]string{}
		maps.Copy(s.Selector, w.GetLabels())
	}
	if out := spec.GetOutboundTrafficPolicy(); out != nil {
		s.Outbound = out.GetMode().String()
	}
	for _, e := range spec.GetEgress() {
		s.Egress = append(s.Egress, Egress{Hosts: e.GetHosts(), Port: int(e.GetPort().GetNumber()), Bind: e.GetBind()})
	}
	return s
}

// tlsOf are the modes of a policy, its own first.
func tlsOf(policy *networking.TrafficPolicy) []TLSMode {
	var modes []TLSMode
	if policy.GetTls() != nil {
		modes = append(modes, TLSMode{Mode: policy.GetTls().GetMode().String()})
	}
	for _, port := range policy.GetPortLevelSettings() {
		if port.GetTls() != nil {
			modes = append(modes, TLSMode{Mode: port.GetTls().GetMode().String()})
		}
	}
	return modes
}

// meant compares what the kinds say, without lines and without the order in which modes of TLS stand.
var meant = cmp.Options{
	cmpopts.EquateEmpty(),
	cmpopts.IgnoreFields(Rule{}, "Line"), cmpopts.IgnoreFields(Source{}, "Line"), cmpopts.IgnoreFields(Operation{}, "Line"),
	cmpopts.IgnoreFields(Condition{}, "Line"), cmpopts.IgnoreFields(Egress{}, "Line"), cmpopts.IgnoreFields(TLSMode{}, "Line"),
	cmpopts.IgnoreFields(AuthorizationPolicy{}, "DryRun"),
	cmpopts.IgnoreFields(PeerAuthentication{}, "Created"), cmpopts.IgnoreFields(Sidecar{}, "Created"),
	cmpopts.SortSlices(func(a, b TLSMode) bool { return a.Mode < b.Mode }),
}

func kindsOf(o *Object) *Object {
	return &Object{
		AuthorizationPolicy: o.AuthorizationPolicy, PeerAuthentication: o.PeerAuthentication,
		RequestAuthentication: o.RequestAuthentication, Sidecar: o.Sidecar, DestinationRule: o.DestinationRule,
	}
}

func TestWhatIstioDecodesIsReadAlike(t *testing.T) {
	for name, empty := range specs {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				spec := empty.ProtoReflect().New().Interface()
				draw(t, spec)
				metadata := map[string]any{"name": drawName(t, "name"), "namespace": drawName(t, "namespace")}
				if all := dictionary(t, "annotations"); all != nil {
					metadata["annotations"] = all
				}
				raw, err := protojson.Marshal(spec)
				if err != nil {
					t.Fatal(err)
				}
				group := "security.istio.io/v1"
				if strings.HasPrefix(string(spec.ProtoReflect().Descriptor().FullName()), "istio.networking") {
					group = "networking.istio.io/v1beta1"
				}
				object := map[string]any{"apiVersion": group, "kind": name, "metadata": metadata, "spec": json.RawMessage(raw)}
				asJSON, err := json.Marshal(object)
				if err != nil {
					t.Fatal(err)
				}
				asYAML, err := yaml.JSONToYAML(asJSON)
				if err != nil {
					t.Fatal(err)
				}
				data := asYAML
				if rapid.Bool().Draw(t, "JSON") {
					data = asJSON
				}
				objects, err := Read("a.yaml", data)
				if err != nil || len(objects) != 1 {
					t.Fatalf("%d objects, %v of\n%s", len(objects), err, data)
				}
				o := objects[0]
				same(t, spec, o)
				if o.Name != metadata["name"] || o.Namespace != metadata["namespace"] {
					t.Fatalf("named %q of %q", o.Name, o.Namespace)
				}
				if want, _ := metadata["annotations"].(map[string]string); !maps.Equal(want, o.Annotations) {
					t.Fatalf("annotations %v, not %v", o.Annotations, want)
				}
				if len(o.Unknown) > 0 {
					t.Fatalf("unknown %v in\n%s", o.Unknown, data)
				}
			})
		})
	}
}

// words are what YAML is apt to take for something else.
var words = []string{
	"a", "*", "a*", "*a", "", "yes", "no", "on", "y", "N", "true", "~", "null", "8080", "0x1F", "0o17", "017", "1_000", "1e3", ".5", "+1", "-0",
	".inf", "2024-01-01", "2024-01-01T00:00:00Z", "12:30:45", "<<", "=", "!t", "&a", "{", "[a]", "@", "`", "%", "-", "---", "...", "? a", ": a",
	"a: b", "a #b", "#", " a", "a ", "a\nb", "a\n---\nb", "\n", "\t", "'", `"`, `\`, "é", "😀", "/v1/{*}/address", "/v1/{**}", "10.0.0.0/8", "::1",
	"cluster.local/ns/shop/sa/checkout", "request.headers[x-a]", "with a rather long text of many words, so long that it has to be folded in two",
}

func drawText(t *rapid.T, label string, shortest int) string {
	if rapid.IntRange(0, 4).Draw(t, label+" odd") == 0 {
		return rapid.StringMatching(`[ -~éß\n]{`+fmt.Sprint(shortest)+`,12}`).Draw(t, label)
	}
	return rapid.SampledFrom(words).Filter(func(s string) bool {
		// sigs.k8s.io/yaml writes "<<" without quotes as the name of a field too.
		return len(s) >= shortest && (s != "<<" || !strings.HasSuffix(label, "key"))
	}).Draw(t, label)
}

// drawName is a text in one line, which is all that is asked of a name.
func drawName(t *rapid.T, label string) string {
	return strings.NewReplacer("\n", "-", "\t", "-").Replace(drawText(t, label, 1))
}

// drawLabel is a text that a cluster takes for a label.
func drawLabel(t *rapid.T, label string) string {
	text := strings.ReplaceAll(drawText(t, label, 1), "*", "s")
	return text[:min(len(text), 63)]
}

func dictionary(t *rapid.T, label string) map[string]string {
	var all map[string]string
	for range rapid.IntRange(0, 2).Draw(t, label) {
		if all == nil {
			all = map[string]string{}
		}
		all[drawText(t, label+" key", 1)] = drawText(t, label+" value", 0)
	}
	return all
}

// undrawn are fields that the reader is to call unknown, or to refuse in a combination that drawing makes too often.
var undrawn = []protoreflect.FullName{
	"istio.networking.v1alpha3.OutboundTrafficPolicy.egress_proxy", "istio.networking.v1alpha3.SidecarPort.target_port",
	"istio.networking.v1alpha3.TrafficPolicy.tunnel", "istio.networking.v1alpha3.TrafficPolicy.proxy_protocol",
	"istio.security.v1beta1.PeerAuthentication.selector",
	"istio.security.v1beta1.AuthorizationPolicy.targetRef", "istio.security.v1beta1.RequestAuthentication.targetRef",
}

// due are fields without which a cluster refuses the message.
var due = []string{"key", "hosts", "host", "kind", "name", "issuer"}

// draw fills a message at random, so that a cluster takes it and the proof knows all of it.
func draw(t *rapid.T, m proto.Message) {
	drawMessage(t, m.ProtoReflect(), 0)
	switch m := m.(type) {
	case *security.AuthorizationPolicy:
		m.Selector, m.TargetRefs, m.TargetRef = attached(t)
	case *security.RequestAuthentication:
		m.Selector, m.TargetRefs, m.TargetRef = attached(t)
	case *security.PeerAuthentication:
		if m.GetPortLevelMtls() != nil || rapid.Bool().Draw(t, "selected") {
			m.Selector = &selector.WorkloadSelector{MatchLabels: map[string]string{"app": drawLabel(t, "app")}}
		}
	}
}

func attached(t *rapid.T) (*selector.WorkloadSelector, []*selector.PolicyTargetReference, *selector.PolicyTargetReference) {
	ref := &selector.PolicyTargetReference{Kind: "Service", Name: drawText(t, "target", 1)}
	switch rapid.IntRange(0, 3).Draw(t, "attachment") {
	case 0:
		return nil, []*selector.PolicyTargetReference{ref, ref}, nil
	case 1:
		return nil, nil, ref
	case 2:
		return &selector.WorkloadSelector{MatchLabels: map[string]string{drawLabel(t, "key"): drawLabel(t, "label")}}, nil, nil
	}
	return nil, nil, nil
}

func drawMessage(t *rapid.T, m protoreflect.Message, depth int) {
	d := m.Descriptor()
	accounts := d.Name() == "Source" && rapid.Bool().Draw(t, "accounts")
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		name := string(f.Name())
		must := slices.Contains(due, name)
		switch {
		case slices.Contains(undrawn, f.FullName()), d.Name() == "ClientTLSSettings" && name != "mode", d.Name() == "Source" && !suits(name, accounts):
			continue
		case !must && (depth > 6 || rapid.IntRange(0, 2).Draw(t, name+" is there") > 0):
			continue
		}
		switch {
		case f.IsMap():
			for range rapid.IntRange(1, 2).Draw(t, name) {
				m.Mutable(f).Map().Set(drawScalar(t, f.MapKey()).MapKey(), drawValue(t, f.MapValue(), m.Mutable(f).Map().NewValue, depth))
			}
		case f.IsList():
			for range rapid.IntRange(1, 3).Draw(t, name) {
				list := m.Mutable(f).List()
				list.Append(drawValue(t, f, list.NewElement, depth))
			}
		default:
			m.Set(f, drawValue(t, f, func() protoreflect.Value { return m.NewField(f) }, depth))
		}
	}
}

// suits keeps the service accounts of a source apart from what a cluster refuses beside them.
func suits(field string, accounts bool) bool {
	if strings.HasSuffix(field, "service_accounts") {
		return accounts
	}
	return !accounts || !strings.HasSuffix(field, "namespaces") && field != "principals" && field != "not_principals"
}

func drawValue(t *rapid.T, f protoreflect.FieldDescriptor, empty func() protoreflect.Value, depth int) protoreflect.Value {
	if f.Message() == nil {
		return drawScalar(t, f)
	}
	v := empty()
	if f.Message().ParentFile().Package() != "google.protobuf" {
		drawMessage(t, v.Message(), depth+1)
	}
	return v
}

func drawScalar(t *rapid.T, f protoreflect.FieldDescriptor) protoreflect.Value {
	name := string(f.Name())
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(t, name))
	case protoreflect.EnumKind:
		var numbers []protoreflect.EnumNumber
		for i := range f.Enum().Values().Len() {
			if v := f.Enum().Values().Get(i); v.Name() != "NONE" && v.Name() != "PASSTHROUGH" {
				numbers = append(numbers, v.Number())
			}
		}
		return protoreflect.ValueOfEnum(rapid.SampledFrom(numbers).Draw(t, name))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(rapid.Int32().Draw(t, name))
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(rapid.Uint32Range(1, 65535).Draw(t, name))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(rapid.Uint64().Draw(t, name))
	case protoreflect.StringKind:
		shortest := 0
		if slices.Contains(due, name) {
			shortest = 1
		}
		if f.ContainingMessage().IsMapEntry() {
			return protoreflect.ValueOfString(drawLabel(t, name))
		}
		return protoreflect.ValueOfString(drawText(t, name, shortest))
	}
	panic("no value for a field of " + f.Kind().String())
}
