package estate

import (
	"fmt"
	"strings"
)

// Words that names are made of.
var (
	domains = []string{
		"orders", "payments", "catalog", "identity", "shipping", "search", "pricing", "billing", "returns", "loyalty", "content",
		"inventory", "fraud", "support", "reports", "partners",
	}
	roles = []string{"api", "worker", "store", "gateway", "sync", "rules", "events", "view"}
)

type protocol int

const (
	http protocol = iota
	grpc
	tcp
)

// protocol draws what a Service speaks. A popular one is no database.
func (e *estate) protocol(popular bool) protocol {
	switch n := e.IntN(100); {
	case n < 12 && !popular:
		return tcp
	case n < 37:
		return grpc
	default:
		return http
	}
}

// endpoint is a line of the document.
type endpoint struct {
	name, text string
	data       string // the category of personal data that it has, "" for none
}

// offer gives the Service the endpoints that one of its protocol has.
func (s *service) offer(p protocol) {
	s.protocol = p
	noun, _, _ := strings.Cut(s.name, "-")
	switch p {
	case tcp:
		s.endpoints = []endpoint{{name: "data", text: "port: data"}}
	case grpc:
		for _, method := range []string{"Get", "List", "Create", "Update", "Delete", "Watch"} {
			s.endpoints = append(s.endpoints, endpoint{name: strings.ToLower(method), text: fmt.Sprintf("grpc: [%s.v1.%s/%s]", noun, title(noun), method)})
		}
	default:
		s.endpoints = []endpoint{
			{name: "list", text: fmt.Sprintf("methods: [GET, HEAD], paths: [/v1/%s]", noun)},
			{name: "read", text: fmt.Sprintf("methods: [GET, HEAD], paths: [\"/v1/%s/{id}\"]", noun)},
			{name: "create", text: fmt.Sprintf("methods: [POST], paths: [/v1/%s]", noun)},
			{name: "change", text: fmt.Sprintf("methods: [PUT, PATCH], paths: [\"/v1/%s/{id}\", \"/v1/%s/{id}/lines/{line}\"]", noun, noun)},
			{name: "remove", text: fmt.Sprintf("methods: [DELETE], paths: [\"/v1/%s/{id}\"]", noun)},
			{name: "files", text: fmt.Sprintf("methods: [GET], paths: [\"/files/%s/{rest...}\"]", noun)},
		}
	}
	if s.popular { // two or three things that everybody needs
		s.endpoints = s.endpoints[:3]
		for i := range s.endpoints {
			s.endpoints[i].text += ", audience: mesh"
		}
	}
}

func title(word string) string { return strings.ToUpper(word[:1]) + word[1:] }

// ports are those of the Kubernetes Service. Metrics have a port of their own where the others carry no plain HTTP.
func (p protocol) ports() string {
	switch p {
	case tcp:
		return "    data: {port: 5432, protocol: tcp}\n    metrics: {port: 9090}\n"
	case grpc:
		return "    grpc: {port: 80, targetPort: 50051, protocol: grpc}\n    metrics: {port: 9090}\n"
	default:
		return "    http: {port: 80, targetPort: 8080}\n"
	}
}
