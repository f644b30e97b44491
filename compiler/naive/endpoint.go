package naive

import (
	"slices"
	"strings"

	"writ.dev/writ/compiler/syntax"
)

// portOf is the name of the endpoint's port; "" where none fits, or several do and none is named. An endpoint that names none
// means the port of its own protocol, and where there is none, any that can carry it.
func portOf(s *syntax.Service, e syntax.Endpoint) string {
	own, able := []string{"tcp", "tls"}, []string{"http", "http2", "grpc", "tcp", "tls"}
	switch {
	case len(e.GRPC.Items) > 0:
		own, able = []string{"grpc"}, []string{"grpc", "http2"}
	case len(e.Paths.Items) > 0:
		own, able = []string{"http", "http2"}, []string{"http", "http2", "grpc"}
	}
	for _, protocols := range [][]string{own, able} {
		var fit []string
		for _, p := range s.Spec.Ports {
			fits := slices.Contains(protocols, or(p.Value.Protocol.Value, "http"))
			if fits && (e.Port.Value == "" || e.Port.Value == p.Key.Value) {
				fit = append(fit, p.Key.Value)
			}
		}
		switch {
		case len(fit) == 1:
			return fit[0]
		case len(fit) > 1:
			return ""
		}
	}
	return ""
}

// methods are the endpoint's methods; "" is every one. gRPC is always POST.
func methods(e syntax.Endpoint) []string {
	if len(e.GRPC.Items) > 0 {
		return []string{"POST"}
	}
	if len(e.Methods.Items) == 1 && e.Methods.Items[0].Value == "any" {
		return []string{""}
	}
	return texts(e.Methods.Items, "")
}

// paths are the endpoint's paths in Istio's words; "" is every one, on a port that is opened as a whole.
func paths(e syntax.Endpoint) []string {
	var all []string
	for _, g := range e.GRPC.Items {
		if strings.Contains(g.Value, "/") {
			all = append(all, "/"+g.Value)
		} else {
			all = append(all, "/"+g.Value+"/{*}")
		}
	}
	for _, p := range e.Paths.Items {
		segments := strings.Split(p.Value, "/")
		for i, s := range segments {
			switch {
			case strings.HasPrefix(s, "{") && strings.HasSuffix(s, "...}"):
				segments[i] = "{**}"
			case strings.HasPrefix(s, "{"):
				segments[i] = "{*}"
			}
		}
		all = append(all, strings.Join(segments, "/"))
	}
	if len(all) == 0 {
		return []string{""}
	}
	return all
}

// pathsAreWritten reports whether all paths are literal segments, {id} for one, and {rest...} at the end alone, and none of them
// holds what a proxy rewrites before a policy sees it.
func pathsAreWritten(e syntax.Endpoint) bool {
	for _, p := range e.Paths.Items {
		segments := strings.Split(p.Value, "/")[1:]
		for i, s := range segments {
			last := i == len(segments)-1
			name, isVariable := strings.CutPrefix(s, "{")
			name, isClosed := strings.CutSuffix(name, "}")
			name, isRest := strings.CutSuffix(name, "...")
			switch {
			case s == "" && !last, s == ".", s == "..", strings.ContainsAny(name, `{}*%\?#;`):
				return false
			case isVariable != isClosed, isRest && !last, isVariable && name == "":
				return false
			}
		}
	}
	return true
}

// meet reports whether one request could be for both endpoints: same container port in some cluster, a method and a path of both.
func (d derivation) meet(s *syntax.Service, a, b syntax.Endpoint) bool {
	for _, c := range d.Clusters {
		if !d.runsIn(s, c) || containerPort(s, c, portOf(s, a)) != containerPort(s, c, portOf(s, b)) {
			continue
		}
		for _, m := range methods(a) {
			for _, n := range methods(b) {
				for _, p := range paths(a) {
					for _, q := range paths(b) {
						if (m == n || m == "" || n == "") && pathsMeet(p, q) {
							return true
						}
					}
				}
			}
		}
	}
	return false
}

// pathsMeet reports whether a path matches both patterns.
func pathsMeet(a, b string) bool {
	return a == "" || b == "" || segmentsMeet(strings.Split(a, "/"), strings.Split(b, "/"))
}

func segmentsMeet(a, b []string) bool {
	switch {
	case len(a) == 0 || len(b) == 0:
		return len(a) == len(b)
	case a[0] == "{**}" || b[0] == "{**}": // all that follows
		return true
	case a[0] == "{*}" && b[0] != "", b[0] == "{*}" && a[0] != "", a[0] == b[0]:
		return segmentsMeet(a[1:], b[1:])
	default:
		return false
	}
}

// declared reports whether the endpoint can be rendered: it has one port, and its paths can be read.
func declared(s *syntax.Service, e syntax.Endpoint) bool {
	return portOf(s, e) != "" && pathsAreWritten(e)
}

func has(list []syntax.Text, value string) bool {
	return slices.ContainsFunc(list, func(t syntax.Text) bool { return t.Value == value })
}
