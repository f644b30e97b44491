package rbac

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	rbacpb "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	askhttp "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	rbachttp "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	asknet "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/ext_authz/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	rbacnet "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/rbac/v3"
	matcher "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// askPrefix is the prefix of the metadata by which istiod's filters trigger external authorizers.
const askPrefix = "istio_ext_authz_"

// ReadHTTP reads a chain of HTTP filters.
func ReadHTTP(filters []*hcm.HttpFilter) (*Chain, error) {
	c := &Chain{index: map[string]int{}}
	for _, f := range filters {
		if err := c.add(f.GetTypedConfig()); err != nil {
			return nil, fmt.Errorf("filter %s: %w", f.GetName(), err)
		}
	}
	return c, nil
}

// ReadTCP reads a chain of network filters.
func ReadTCP(filters []*listener.Filter) (*Chain, error) {
	c := &Chain{index: map[string]int{}}
	for _, f := range filters {
		if err := c.add(f.GetTypedConfig()); err != nil {
			return nil, fmt.Errorf("filter %s: %w", f.GetName(), err)
		}
	}
	return c, nil
}

// add reads one filter. Fields that Istio's compiler never sets are refused rather than passed over, such as matchers beside rules.
func (c *Chain) add(config *anypb.Any) error {
	message, err := config.UnmarshalNew()
	if err != nil {
		return err
	}
	switch m := message.(type) {
	case *rbachttp.RBAC:
		if m.GetMatcher() != nil || m.GetShadowMatcher() != nil {
			return fmt.Errorf("a matcher has no meaning here")
		}
		return c.rules(m.GetRules(), m.GetShadowRules(), m.GetShadowRulesStatPrefix())
	case *rbacnet.RBAC:
		if m.GetMatcher() != nil || m.GetShadowMatcher() != nil {
			return fmt.Errorf("a matcher has no meaning here")
		}
		return c.rules(m.GetRules(), m.GetShadowRules(), m.GetShadowRulesStatPrefix())
	case *askhttp.ExtAuthz:
		return c.asks(m.GetFilterEnabledMetadata())
	case *asknet.ExtAuthz:
		return c.asks(m.GetFilterEnabledMetadata())
	}
	return fmt.Errorf("%s has no meaning here", config.GetTypeUrl())
}

func (c *Chain) rules(rules, shadow *rbacpb.RBAC, prefix string) error {
	f := filter{shadowPrefix: prefix}
	var err error
	if f.rules, err = c.engine(rules); err != nil {
		return err
	}
	if f.shadow, err = c.engine(shadow); err != nil {
		return err
	}
	c.filters = append(c.filters, f)
	return nil
}

// asks reads when an authorizer is asked: where a policy of its provider was matched, whose names begin with the provider's.
func (c *Chain) asks(when *matcher.MetadataMatcher) error {
	prefix := when.GetValue().GetStringMatch().GetPrefix()
	provider, ok := strings.CutPrefix(prefix, "istio-ext-authz-")
	if !ok || len(when.GetPath()) != 1 || when.GetInvert() {
		return fmt.Errorf("an authorizer asked when %v has no meaning here", when)
	}
	c.filters = append(c.filters, filter{ask: provider, askKey: when.GetPath()[0].GetKey(), askPrefix: prefix})
	return nil
}

func (c *Chain) engine(rules *rbacpb.RBAC) (*engine, error) {
	if rules == nil {
		return nil, nil
	}
	e := &engine{}
	switch rules.GetAction() {
	case rbacpb.RBAC_ALLOW:
		e.action = allow
	case rbacpb.RBAC_DENY:
		e.action = deny
	case rbacpb.RBAC_LOG:
		e.action = log
	default:
		return nil, fmt.Errorf("action %v has no meaning here", rules.GetAction())
	}
	for _, name := range slices.Sorted(maps.Keys(rules.GetPolicies())) {
		p := rules.GetPolicies()[name]
		if p.GetCondition() != nil || p.GetCheckedCondition() != nil {
			return nil, fmt.Errorf("policy %s: a condition has no meaning here", name)
		}
		read := policy{name: name}
		for _, permission := range p.GetPermissions() {
			x, err := c.permission(permission)
			if err != nil {
				return nil, fmt.Errorf("policy %s: %w", name, err)
			}
			read.permissions = append(read.permissions, x)
		}
		for _, principal := range p.GetPrincipals() {
			x, err := c.principal(principal)
			if err != nil {
				return nil, fmt.Errorf("policy %s: %w", name, err)
			}
			read.principals = append(read.principals, x)
		}
		e.policies = append(e.policies, read)
	}
	return e, nil
}

// permission reads what is asked for.
func (c *Chain) permission(p *rbacpb.Permission) (expr, error) {
	switch rule := p.GetRule().(type) {
	case *rbacpb.Permission_Any:
		return expr{op: anything}, refuse(!rule.Any, p)
	case *rbacpb.Permission_AndRules:
		return list(and, rule.AndRules.GetRules(), c.permission)
	case *rbacpb.Permission_OrRules:
		return list(or, rule.OrRules.GetRules(), c.permission)
	case *rbacpb.Permission_NotRule:
		return list(not, []*rbacpb.Permission{rule.NotRule}, c.permission)
	case *rbacpb.Permission_Header:
		return c.leaf(p, func() (Leaf, error) { return headerLeaf(rule.Header) })
	case *rbacpb.Permission_UrlPath:
		return c.leaf(p, func() (Leaf, error) { return pathLeaf(rule.UrlPath) })
	case *rbacpb.Permission_UriTemplate:
		return c.leaf(p, func() (Leaf, error) { return templateLeaf(rule.UriTemplate) })
	case *rbacpb.Permission_DestinationIp:
		return c.leaf(p, func() (Leaf, error) {
			return addressLeaf("destination", rule.DestinationIp, func(r *Request) netip.Addr { return r.Destination })
		})
	case *rbacpb.Permission_DestinationPort:
		return c.leaf(p, func() (Leaf, error) {
			return Leaf{"port", func(r *Request) bool { return r.Port == rule.DestinationPort }}, nil
		})
	case *rbacpb.Permission_RequestedServerName:
		return c.leaf(p, func() (Leaf, error) {
			match, err := stringMatch(rule.RequestedServerName)
			return Leaf{"sni", func(r *Request) bool { return match(r.SNI) }}, err
		})
	}
	return expr{}, fmt.Errorf("permission %v has no meaning here", p)
}

// principal reads who asks.
func (c *Chain) principal(p *rbacpb.Principal) (expr, error) {
	switch id := p.GetIdentifier().(type) {
	case *rbacpb.Principal_Any:
		return expr{op: anything}, refuse(!id.Any, p)
	case *rbacpb.Principal_AndIds:
		return list(and, id.AndIds.GetIds(), c.principal)
	case *rbacpb.Principal_OrIds:
		return list(or, id.OrIds.GetIds(), c.principal)
	case *rbacpb.Principal_NotId:
		return list(not, []*rbacpb.Principal{id.NotId}, c.principal)
	case *rbacpb.Principal_Authenticated_:
		return c.leaf(p, func() (Leaf, error) { return peerLeaf(id.Authenticated) })
	case *rbacpb.Principal_Header:
		return c.leaf(p, func() (Leaf, error) { return headerLeaf(id.Header) })
	case *rbacpb.Principal_Metadata:
		return c.leaf(p, func() (Leaf, error) { return tokenLeaf(id.Metadata) }) //nolint:staticcheck // deprecated, and what Istio writes
	case *rbacpb.Principal_DirectRemoteIp:
		return c.leaf(p, func() (Leaf, error) {
			return addressLeaf("source", id.DirectRemoteIp, func(r *Request) netip.Addr { return r.Source })
		})
	case *rbacpb.Principal_RemoteIp:
		return c.leaf(p, func() (Leaf, error) {
			return addressLeaf("remote", id.RemoteIp, func(r *Request) netip.Addr { return r.Remote })
		})
	}
	return expr{}, fmt.Errorf("principal %v has no meaning here", p)
}

func list[T any](o op, messages []T, read func(T) (expr, error)) (expr, error) {
	x := expr{op: o}
	for _, m := range messages {
		kid, err := read(m)
		if err != nil {
			return expr{}, err
		}
		x.kids = append(x.kids, kid)
	}
	return x, nil
}

// leaf is the expression of one comparison. Comparisons that are written alike are one leaf.
func (c *Chain) leaf(m proto.Message, read func() (Leaf, error)) (expr, error) {
	written, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return expr{}, err
	}
	key := string(m.ProtoReflect().Descriptor().Name()) + string(written)
	i, known := c.index[key]
	if !known {
		l, err := read()
		if err != nil {
			return expr{}, err
		}
		i = len(c.Leaves)
		c.Leaves = append(c.Leaves, l)
		c.index[key] = i
	}
	return expr{op: isLeaf, leaf: i}, nil
}

func refuse(wrong bool, m proto.Message) error {
	if wrong {
		return fmt.Errorf("%v has no meaning here", m)
	}
	return nil
}
