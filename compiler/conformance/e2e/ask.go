package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"writ.dev/writ/compiler/conformance/e2e/wire"
	"writ.dev/writ/compiler/prove/authz"
)

// compose makes the requests of a trial, and counts those that cannot be sent.
func (b *bench) compose(t *trial, round string) error {
	t.unsent, t.sent = map[string]int{}, nil
	for _, r := range t.classes {
		q, why := wireOf(t, r)
		if why != "" {
			t.unsent[why]++
			continue
		}
		t.sent = append(t.sent, attempt{class: r, wire: q})
	}
	for _, path := range t.paths {
		r := authz.Request{Principal: theCaller, Port: 8080, HTTP: true, Method: "GET", Path: path, Host: "x.test"}
		q, _ := wireOf(t, r)
		t.sent = append(t.sent, attempt{class: r, wire: q})
	}
	for i := range t.sent {
		a := &t.sent[i]
		if !a.class.HTTP {
			// A port of its own, below those that Linux gives away: two connections from one port to two would become one by the capture,
			// and Linux then changes the port, by which we know the connection.
			const first, last = 10_000, 32_000
			port := first + b.next.Add(1)%(last-first)
			from := t.spot.sender.address
			if a.wire.From != "" {
				from = a.wire.From
			}
			a.wire.From = fmt.Sprintf("%s:%d", from, port)
		}
		a.wire.Case = fmt.Sprintf("%s/%s/%d", t.spot.pod.ns, round, i)
		var err error
		if a.class.Principal != "" {
			if a.wire.Identity, err = b.identityOf(a.class.Principal); err != nil {
				return err
			}
		}
		if a.class.Token != nil {
			token, err := b.issuer.token(a.class.Token)
			if err != nil {
				return err
			}
			a.wire.Headers["authorization"] = "Bearer " + token
		}
	}
	return nil
}

// theCaller is who sends the paths that nothing else is asked about.
const theCaller = benchDomain + "/ns/shop/sa/checkout"

// wireOf is a request of a class but for its certificate and its token, or what is in the way of one.
func wireOf(t *trial, r authz.Request) (q wire.Request, why string) {
	q = wire.Request{Proto: "tcp", To: fmt.Sprintf("%s:%d", t.spot.pod.address, r.Port), SNI: r.SNI, Fresh: !r.HTTP}
	if !slices.Contains(t.spot.pod.ports, r.Port) {
		return q, "a port that no application listens on"
	}
	if domain, _, _ := strings.Cut(r.Principal, "/"); strings.HasPrefix(domain, ".") || strings.HasSuffix(domain, ".") || strings.Contains(domain, "..") {
		return q, "an identity that Go's client cannot have"
	}
	if r.SNI != "" {
		switch _, err := netip.ParseAddr(r.SNI); {
		case r.Principal == "":
			return q, "a server name without TLS"
		case err == nil || strings.HasSuffix(r.SNI, ".") || len(r.SNI) > 255:
			return q, "a server name that clients do not send"
		}
	}
	from := r.Source
	if r.HTTP {
		q.Headers = map[string]string{}
		for name, value := range r.Headers {
			if strings.TrimSpace(value) != value {
				return q, "a header that begins or ends with a space"
			}
			q.Headers[name] = value
		}
		if r.Remote.IsValid() {
			q.Headers["x-forwarded-for"] = r.Remote.String()
		}
		q.Method, q.Path, q.Host, q.Proto = r.Method, r.Path, r.Host, "http1"
		switch {
		case r.Method == "CONNECT":
			return q, "CONNECT, which has no path"
		case r.Port == 9090 && r.Method == "POST":
			q.Proto = "grpc"
		case !slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"}, r.Method):
			q.Proto = "http2" // Envoy takes no methods of one's own in HTTP/1.1
		}
		if q.Proto != "http1" && (strings.HasPrefix(r.Path, "//") || r.Host == "" || strings.HasSuffix(r.Host, ":")) {
			return q, "a path or a host that Go's client of HTTP/2 does not send"
		}
	} else if r.Remote.IsValid() {
		if from.IsValid() && from != r.Remote {
			return q, "a forwarded address on a TCP port"
		}
		from = r.Remote
	}
	if from.IsValid() {
		if q.From = from.String(); !usable(from) {
			return q, "an address that no pod has"
		}
	}
	if r.Destination.IsValid() {
		if q.To = fmt.Sprintf("%s:%d", r.Destination, r.Port); !usable(r.Destination) {
			return q, "an address that no pod has"
		}
		if t.hasSource(r.Destination) {
			return q, "an address to go to that others come from"
		}
	}
	return q, ""
}

// hasSource reports whether some request of the trial comes from the address.
func (t *trial) hasSource(a netip.Addr) bool {
	return slices.ContainsFunc(t.classes, func(r authz.Request) bool { return r.Source == a || !r.HTTP && r.Remote == a })
}

// usable reports whether a pod of a network of IPv4 can have an address.
func usable(a netip.Addr) bool {
	return a.Is4() && a.IsGlobalUnicast() && a.As4()[0] > 0 && a.As4()[0] < 224
}

// ask sends the requests of trials, one trial a spot, and fills in what came of each.
func (b *bench) ask(ctx context.Context, trials []*trial, round string) error {
	err := each(trials, 2, func(t *trial) error {
		if err := b.compose(t, round); err != nil {
			return err
		}
		var from, to []string
		for i := range t.sent {
			a := &t.sent[i]
			address, _, _ := strings.Cut(a.wire.From, ":")
			if address != "" && address != t.spot.sender.address && !slices.Contains(from, address) {
				from = append(from, address)
			}
			if d := a.class.Destination; d.IsValid() && !slices.Contains(to, d.String()) {
				to = append(to, d.String())
			}
		}
		if err := t.spot.place(from, to); err != nil {
			return err
		}
		return b.askOne(ctx, t, round)
	})
	if err != nil {
		return err
	}
	return b.readChecks(trials)
}

func (b *bench) askOne(ctx context.Context, t *trial, round string) error {
	requests := make([]wire.Request, len(t.sent))
	for i := range t.sent {
		requests[i] = t.sent[i].wire
	}
	answers, err := t.spot.sender.call(ctx, requests)
	if err != nil {
		return err
	}
	lines, err := b.last(ctx, t.spot, round+"/end")
	if err != nil {
		return err
	}
	// What a TCP connection was counted as is logged when its end has arrived too.
	missing := func() error {
		byCase, byPeer := map[string]*spotLine{}, map[string]*spotLine{}
		for i := range lines {
			if lines[i].Case != "" {
				byCase[lines[i].Case] = &lines[i]
			} else {
				byPeer[lines[i].Peer] = &lines[i]
			}
		}
		for i := range t.sent {
			a := &t.sent[i]
			a.answer = answers[i]
			if a.line = byCase[a.wire.Case]; !a.class.HTTP {
				if a.line = byPeer[a.answer.Local]; a.line == nil && t.counts() && a.answer.Local != "" {
					return fmt.Errorf("nothing of the connection from %s", a.answer.Local)
				}
			}
		}
		return nil
	}
	return until(ctx, "log of connections to "+t.spot.pod.id(), func() error {
		more, err := t.spot.lines()
		if err != nil {
			return err
		}
		lines = append(lines, more...)
		return missing()
	}, t.spot.pod.agent)
}

// counts reports whether the trial has dry-run policies, and takes connections without mutual TLS.
func (t *trial) counts() bool {
	for _, o := range t.point.Policies {
		if o.AuthorizationPolicy.DryRun {
			return t.point.TLS.Mode == "PERMISSIVE" && t.point.TLS.Ports == nil
		}
	}
	return false
}

// readChecks finds out which authorizers were asked about which requests.
func (b *bench) readChecks(trials []*trial) error {
	data, err := readFrom(b.box.path("authorizers", "log"), &b.checks)
	if err != nil {
		return err
	}
	asked := map[string][]string{}
	d := json.NewDecoder(bytes.NewReader(data))
	for d.More() {
		var c wire.Check
		if err := d.Decode(&c); err != nil {
			return err
		}
		key := c.Source
		if c.Case != "" {
			key = c.Case
		}
		asked[key] = append(asked[key], c.Provider)
	}
	for _, t := range trials {
		for i := range t.sent {
			a := &t.sent[i]
			key := a.wire.Case
			if !a.class.HTTP {
				key = a.answer.Local
			}
			a.asked = asked[key]
		}
	}
	return nil
}
