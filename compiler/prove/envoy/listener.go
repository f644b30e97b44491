package envoy

import (
	"slices"
	"strings"
)

// virtualInbound is the listener that takes all calls to a pod.
const virtualInbound = "virtualInbound"

// Filters that decide nothing about who may call, by the type of their configuration: those that istiod writes.
var harmless = []string{
	"envoy.extensions.filters.http.router.v3.Router", "envoy.extensions.filters.http.cors.v3.Cors",
	"envoy.extensions.filters.http.grpc_stats.v3.FilterConfig", "envoy.extensions.filters.http.grpc_web.v3.GrpcWeb",
	"envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
	"istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig", "io.istio.http.peer_metadata.Config",
	"envoy.tcp.metadataexchange.config.MetadataExchange", "stats.PluginConfig",
}

// Filters that look at a connection before it is any chain's.
var looking = []string{
	"envoy.extensions.filters.listener.original_dst.v3.OriginalDst", "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
	"envoy.extensions.filters.listener.http_inspector.v3.HttpInspector",
}

// listener reads the chains of the listener that takes all calls.
func (r *reader) listener(m message) ([]chain, error) {
	if m.text("name") != virtualInbound {
		return nil, unknown("the inbound listener %.100q", m.text("name"))
	}
	for _, name := range []string{"filter_chain_matcher", "default_filter_chain", "api_listener", "internal_listener"} {
		if m.has(name) {
			return nil, unknown("%s of the listener %s", name, virtualInbound)
		}
	}
	before, err := m.list("listener_filters")
	if err != nil {
		return nil, err
	}
	for _, f := range before {
		if kind := f.in("typed_config").kind(); !slices.Contains(looking, kind) {
			return nil, unknown("the listener filter %.100q of type %.100q", f.text("name"), kind)
		}
	}
	all, err := m.list("filter_chains")
	if err != nil {
		return nil, err
	}
	var chains []chain
	for _, one := range all {
		c, err := r.chain(one)
		if err != nil {
			return nil, unknown("%v, in the filter chain %.100q", err, one.text("name"))
		}
		chains = append(chains, c)
	}
	return chains, nil
}

func (r *reader) chain(m message) (chain, error) {
	var c chain
	if err := m.only("name", "filter_chain_match", "filters", "transport_socket", "transport_socket_connect_timeout", "metadata"); err != nil {
		return c, err
	}
	match := m.in("filter_chain_match")
	if err := match.only("destination_port", "transport_protocol", "application_protocols"); err != nil {
		return c, err
	}
	var err error
	if c.port, err = match.number("destination_port"); err != nil {
		return c, err
	}
	if m.has("transport_socket") {
		switch socket := m.in("transport_socket").in("typed_config"); socket.kind() {
		case "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext":
			if c.mutual = socket.yes("require_client_certificate"); !c.mutual {
				return c, unknown("TLS that asks for no certificate")
			}
		case "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer":
		default:
			return c, unknown("a transport socket of type %.100q", socket.kind())
		}
	}
	filters, err := m.list("filters")
	if err != nil {
		return c, err
	}
	for _, f := range filters {
		if err := f.only("name", "typed_config"); err != nil {
			return c, err
		}
		config := f.in("typed_config")
		switch config.kind() {
		case "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy":
			c.closed = c.closed || config.text("cluster") == "BlackHoleCluster"
		case "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager":
			c.http = true
			if err := r.manager(&c, config); err != nil {
				return c, err
			}
		default:
			if err := r.filter(&c, f); err != nil {
				return c, err
			}
		}
	}
	return c, nil
}

// manager reads how a chain treats HTTP.
func (r *reader) manager(c *chain, m message) error {
	switch action := m.text("path_with_escaped_slashes_action"); {
	case m.has("http_filters") && !m.has("route_config"):
		return unknown("routes that come from elsewhere")
	case setsFilters(map[string]any(m.in("route_config"))):
		return unknown("filters that a route sets")
	case !m.yes("normalize_path"):
		c.normalization = "NONE"
	case action == "UNESCAPE_AND_FORWARD" && m.yes("merge_slashes"):
		c.normalization = "DECODE_AND_MERGE_SLASHES"
	case action != "" && action != "KEEP_UNCHANGED" && action != "IMPLEMENTATION_SPECIFIC_DEFAULT":
		return unknown("path_with_escaped_slashes_action %.60q", action)
	case m.yes("merge_slashes"):
		c.normalization = "MERGE_SLASHES"
	default:
		c.normalization = "BASE"
	}
	filters, err := m.list("http_filters")
	if err != nil {
		return err
	}
	for _, f := range filters {
		if err := f.only("name", "typed_config", "is_optional"); err != nil {
			return unknown("%v of the filter %.100q", err, f.text("name"))
		}
		if err := r.filter(c, f); err != nil {
			return err
		}
	}
	return nil
}

// setsFilters reports whether anything in a configuration of routes is another configuration of filters.
func setsFilters(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if name == "typed_per_filter_config" || setsFilters(inner) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, setsFilters)
	}
	return false
}

func (r *reader) filter(c *chain, m message) error {
	config := m.in("typed_config")
	kind := config.kind()
	switch kind {
	case "envoy.extensions.filters.http.rbac.v3.RBAC", "envoy.extensions.filters.network.rbac.v3.RBAC":
		f, err := r.rbac(config, strings.Contains(kind, ".http."))
		if err != nil {
			return unknown("%v, of the filter %.100q", err, m.text("name"))
		}
		c.filters = append(c.filters, f)
		return nil
	case "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz", "envoy.extensions.filters.network.ext_authz.v3.ExtAuthz":
		f, err := asks(config)
		c.filters = append(c.filters, f)
		return err
	case "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication":
		providers := config.in("providers")
		for name := range providers {
			c.issuers = append(c.issuers, providers.in(name).text("issuer"))
		}
		slices.Sort(c.issuers)
		c.issuers = slices.Compact(c.issuers)
		return nil
	case "envoy.extensions.filters.http.fault.v3.HTTPFault":
		if err := config.only("@type"); err != nil {
			return unknown("%v of the filter %.100q", err, m.text("name"))
		}
		return nil
	}
	if slices.Contains(harmless, kind) {
		return nil
	}
	return unknown("the filter %.100q of type %.100q", m.text("name"), kind)
}

// triggers is the prefix of the metadata by which istiod's filters have an external authorizer asked.
const triggers = "istio_ext_authz_"

// asks reads when an authorizer is asked: where a policy of its provider was matched, whose names begin with the provider's.
func asks(m message) (filter, error) {
	when := m.in("filter_enabled_metadata")
	path, err := when.list("path")
	if err != nil {
		return filter{}, err
	}
	prefix := when.in("value").in("string_match").text("prefix")
	if prefix == "" || len(path) != 1 || path[0].text("key") != triggers+"shadow_effective_policy_id" || when.has("invert") {
		return filter{}, unknown("an external authorizer that is asked otherwise than Istio has it asked")
	}
	return filter{asks: true, trigger: prefix}, nil
}
