package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	auth "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"writ.dev/writ/compiler/conformance/e2e/wire"
)

// authorize is external authorizers, each of a name and at an address. They agree to everything while the file mode says so, and to
// nothing otherwise. Each check is a line of log before it is answered.
func authorize(mode, log string, named []string) error {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	book := &book{encoder: json.NewEncoder(out)}
	failed := make(chan error)
	for _, n := range named {
		name, address, _ := strings.Cut(n, "=")
		l, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		server := grpc.NewServer()
		auth.RegisterAuthorizationServer(server, &authorizer{name: name, mode: mode, book: book})
		go func() { failed <- server.Serve(l) }()
	}
	return <-failed
}

// book is what all authorizers write into.
type book struct {
	mu      sync.Mutex
	encoder *json.Encoder
}

func (b *book) write(c *wire.Check) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.encoder.Encode(c)
}

type authorizer struct {
	auth.UnimplementedAuthorizationServer
	name, mode string
	book       *book
}

// Check is what Envoy calls.
func (a *authorizer) Check(_ context.Context, r *auth.CheckRequest) (*auth.CheckResponse, error) {
	check := &wire.Check{
		Provider: a.name, Source: addressOf(r.GetAttributes().GetSource().GetAddress()),
		Case: r.GetAttributes().GetRequest().GetHttp().GetHeaders()["x-writ-case"],
	}
	if err := a.book.write(check); err != nil {
		return nil, err
	}
	mode, err := os.ReadFile(a.mode)
	if err != nil {
		return nil, err
	}
	code := codes.PermissionDenied
	if string(mode) == "agree" {
		code = codes.OK
	}
	return &auth.CheckResponse{Status: &status.Status{Code: int32(code)}}, nil
}

func addressOf(a *core.Address) string {
	return net.JoinHostPort(a.GetSocketAddress().GetAddress(), fmt.Sprint(a.GetSocketAddress().GetPortValue()))
}
