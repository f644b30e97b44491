package manifest

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// The kinds of security.istio.io. What an API server refuses by its schema (CRD) is refused here too; fields that are known and
// change no access are passed over, with the reason.

func authorizationPolicy(r *reader, spec *yaml.Node, o *Object) {
	p := &AuthorizationPolicy{Action: "ALLOW"}
	o.AuthorizationPolicy = p
	// As Istio parses it; what is no boolean is false.
	p.DryRun, _ = strconv.ParseBool(o.Annotations[dryRun])
	var target attachment
	for field, v := range r.fields(spec) {
		switch field {
		case "action":
			p.Action = r.one(v, "ALLOW", "DENY", "AUDIT", "CUSTOM")
		case "provider":
			for field, v := range r.fields(v) {
				if field != "name" {
					r.ignore(v)
					continue
				}
				p.Provider = r.text(v)
			}
		case "rules":
			for _, item := range r.limited(v, 512) {
				p.Rules = append(p.Rules, r.rule(item))
			}
		default:
			target.read(r, field, v)
		}
	}
	p.Selector, p.TargetRefs = target.selector, target.refs
}

func (r *reader) rule(n *yaml.Node) Rule {
	rule := Rule{Line: r.line(n)}
	for field, v := range r.fields(n) {
		switch field {
		case "from":
			for _, item := range r.limited(v, 512) {
				s := Source{Line: r.line(item)}
				if inner := r.only(item, "source"); inner != nil {
					r.source(inner, &s)
				}
				rule.From = append(rule.From, s)
			}
		case "to":
			for _, item := range r.items(v) {
				op := Operation{Line: r.line(item)}
				if inner := r.only(item, "operation"); inner != nil {
					r.operation(inner, &op)
				}
				rule.To = append(rule.To, op)
			}
		case "when":
			for _, item := range r.items(v) {
				rule.When = append(rule.When, r.condition(item))
			}
		default:
			r.ignore(v)
		}
	}
	return rule
}

// only is the value of the one field that a mapping may have; nil without it, which means the same as an empty one.
func (r *reader) only(n *yaml.Node, name string) *yaml.Node {
	var inner *yaml.Node
	for field, v := range r.fields(n) {
		if field != name {
			r.ignore(v)
			continue
		}
		inner = v
	}
	return inner
}

func (r *reader) source(n *yaml.Node, s *Source) {
	for field, v := range r.fields(n) {
		into := s.field(field)
		if into == nil {
			r.ignore(v)
			continue
		}
		*into = r.texts(v)
	}
	accounts := len(s.ServiceAccounts)+len(s.NotServiceAccounts) > 0
	if accounts && len(s.Principals)+len(s.NotPrincipals)+len(s.Namespaces)+len(s.NotNamespaces) > 0 {
		r.fail(n, "serviceAccounts stand beside principals or namespaces, and a cluster refuses that", "make them two sources")
	}
	if len(s.ServiceAccounts) > 16 || len(s.NotServiceAccounts) > 16 {
		r.fail(n, "there are more than 16 serviceAccounts, and a cluster refuses that", "divide the source")
	}
}

func (s *Source) field(name string) *[]string {
	switch name {
	case "principals":
		return &s.Principals
	case "notPrincipals":
		return &s.NotPrincipals
	case "requestPrincipals":
		return &s.RequestPrincipals
	case "notRequestPrincipals":
		return &s.NotRequestPrincipals
	case "namespaces":
		return &s.Namespaces
	case "notNamespaces":
		return &s.NotNamespaces
	case "serviceAccounts":
		return &s.ServiceAccounts
	case "notServiceAccounts":
		return &s.NotServiceAccounts
	case "trustDomains":
		return &s.TrustDomains
	case "notTrustDomains":
		return &s.NotTrustDomains
	case "ipBlocks":
		return &s.IPBlocks
	case "notIpBlocks":
		return &s.NotIPBlocks
	case "remoteIpBlocks":
		return &s.RemoteIPBlocks
	case "notRemoteIpBlocks":
		return &s.NotRemoteIPBlocks
	}
	return nil
}

func (r *reader) operation(n *yaml.Node, op *Operation) {
	for field, v := range r.fields(n) {
		into := op.field(field)
		if into == nil {
			r.ignore(v)
			continue
		}
		*into = r.texts(v)
	}
}

func (op *Operation) field(name string) *[]string {
	switch name {
	case "hosts":
		return &op.Hosts
	case "notHosts":
		return &op.NotHosts
	case "ports":
		return &op.Ports
	case "notPorts":
		return &op.NotPorts
	case "methods":
		return &op.Methods
	case "notMethods":
		return &op.NotMethods
	case "paths":
		return &op.Paths
	case "notPaths":
		return &op.NotPaths
	}
	return nil
}

func (r *reader) condition(n *yaml.Node) Condition {
	c := Condition{Line: r.line(n)}
	keyed := false
	for field, v := range r.fields(n) {
		switch field {
		case "key":
			c.Key, keyed = r.text(v), true
		case "values":
			c.Values = r.texts(v)
		case "notValues":
			c.NotValues = r.texts(v)
		default:
			r.ignore(v)
		}
	}
	if !keyed {
		r.fail(n, "the condition has no key, and a cluster refuses it", "write its key")
	}
	return c
}

// modes are those of MutualTLS.
var modes = []string{"STRICT", "PERMISSIVE", "DISABLE", "UNSET"}

func peerAuthentication(r *reader, spec *yaml.Node, o *Object) {
	p := &PeerAuthentication{}
	o.PeerAuthentication = p
	var ports *yaml.Node
	for field, v := range r.fields(spec) {
		switch field {
		case "selector":
			p.Selector = r.selector(v)
		case "mtls":
			p.Mode = r.mode(v)
		case "portLevelMtls":
			ports, p.Ports = v, r.portModes(v)
		default:
			r.ignore(v)
		}
	}
	switch {
	case ports == nil:
	case len(p.Ports) == 0:
		r.fail(ports, "there are no ports, and a cluster refuses that", "write one, or leave portLevelMtls out")
	case len(p.Selector) == 0:
		r.fail(ports, "modes of ports stand without a selector, and a cluster refuses that", "write the selector of their pods")
	}
}

func (r *reader) portModes(n *yaml.Node) map[int]string {
	var ports map[int]string
	for key, v := range r.fields(n) {
		port, err := strconv.Atoi(key)
		if err != nil || port < 1 || port > 65535 || strconv.Itoa(port) != key {
			r.fail(v, strconv.Quote(key)+" is no port", "write a number from 1 to 65535")
			return nil
		}
		if ports == nil {
			ports = map[int]string{}
		}
		ports[port] = r.mode(v)
	}
	return ports
}

func (r *reader) mode(n *yaml.Node) string {
	if v := r.only(n, "mode"); v != nil {
		if mode := r.one(v, modes...); mode != "UNSET" {
			return mode
		}
	}
	return ""
}

func requestAuthentication(r *reader, spec *yaml.Node, o *Object) {
	p := &RequestAuthentication{}
	o.RequestAuthentication = p
	var target attachment
	for field, v := range r.fields(spec) {
		switch field {
		case "jwtRules":
			for _, item := range r.limited(v, 4096) {
				r.issuer(item, p)
			}
		default:
			target.read(r, field, v)
		}
	}
	p.Selector, p.TargetRefs = target.selector, target.refs
}

// issuer reads one of the jwtRules. The proof asks about every token of an issuer, with whatever claims, and about every header:
// it decides more requests than there are. So nothing is lost by passing over what only says which of them there are.
func (r *reader) issuer(n *yaml.Node, p *RequestAuthentication) {
	named := false
	for field, v := range r.fields(n) {
		switch field {
		case "issuer":
			p.Issuers, named = append(p.Issuers, r.text(v)), true
		case "audiences", "jwks", "jwksUri", "jwks_uri", "timeout": // which tokens are valid
		case "fromHeaders", "fromParams", "fromCookies": // which requests carry one
		case "spaceDelimitedClaims": // which lists a claim can be
		case "forwardOriginalToken", "outputPayloadToHeader", "outputClaimToHeaders": // which headers a policy gets to see
		default:
			r.ignore(v)
		}
	}
	if !named {
		r.ignore(n) // it takes the tokens of every issuer
	}
}

// attachment is what says which pods a policy is for.
type attachment struct {
	by       *yaml.Node // the field that says it
	selector map[string]string
	refs     []TargetRef
}

// read takes the field if it belongs to the attachment; it is unknown otherwise.
func (a *attachment) read(r *reader, field string, v *yaml.Node) {
	switch field {
	case "selector":
		a.selector = r.selector(v)
	case "targetRef":
		a.refs = append(a.refs, r.targetRef(v))
	case "targetRefs":
		for _, item := range r.limited(v, 16) {
			a.refs = append(a.refs, r.targetRef(item))
		}
	default:
		r.ignore(v)
		return
	}
	if a.by != nil {
		r.fail(v, "there is more than one of selector, targetRef and targetRefs, and a cluster refuses that", "leave one")
	}
	a.by = v
}

// selector reads matchLabels; nil where they are empty, which selects every pod as no selector does.
func (r *reader) selector(n *yaml.Node) map[string]string {
	v := r.only(n, "matchLabels")
	if v == nil {
		return nil
	}
	labels := r.dictionary(v)
	r.labels(v)
	return labels
}

// labels refuses what a cluster refuses as labels of pods.
func (r *reader) labels(n *yaml.Node) {
	for key, v := range r.fields(n) {
		switch {
		case key == "" || strings.Contains(key+v.Value, "*"):
			r.fail(v, "a label is written without a name or with '*', and a cluster refuses that", "write the label itself")
		case utf8.RuneCountInString(v.Value) > 63:
			r.fail(v, "the label is longer than 63 characters, and a cluster refuses that", "no pod has such a label")
		}
	}
}

// What the schemas of a cluster ask of a target.
var (
	targetKind  = regexp.MustCompile(`^[a-zA-Z]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$`)
	targetGroup = regexp.MustCompile(`^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$`)
)

func (r *reader) targetRef(n *yaml.Node) TargetRef {
	var ref TargetRef
	for field, v := range r.fields(n) {
		switch field {
		case "group":
			ref.Group = r.text(v)
		case "kind":
			ref.Kind = r.text(v)
		case "namespace":
			ref.Namespace = r.text(v)
		case "name":
			ref.Name = r.text(v)
		default:
			r.ignore(v)
		}
	}
	if ref.Namespace != "" {
		r.fail(n, "the target lies in another namespace, and a cluster refuses that", "leave the namespace out")
	}
	switch {
	case ref.Kind == "" || ref.Name == "":
		r.fail(n, "the target has no kind or no name, and a cluster refuses it", "write both")
	case !targetKind.MatchString(ref.Kind) || !targetGroup.MatchString(ref.Group) || utf8.RuneCountInString(ref.Name) > 253:
		r.fail(n, "the target's group, kind or name can be no object's, and a cluster refuses it", "write those of an object")
	}
	return ref
}
