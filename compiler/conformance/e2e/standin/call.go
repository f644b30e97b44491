package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"writ.dev/writ/compiler/conformance/e2e/wire"
)

// patience is how long an answer may take.
const patience = time.Minute

// callAll sends the requests of in, those of one address, protocol and identity one after the other on one connection, and writes what
// became of them in any order.
func callAll(in io.Reader, out io.Writer) error {
	var order []string
	groups := map[string][]wire.Request{}
	d := json.NewDecoder(in)
	for {
		var r wire.Request
		if err := d.Decode(&r); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		key := strings.Join([]string{r.Proto, r.To, r.Identity, r.From, r.SNI}, " ")
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], r)
	}
	w := bufio.NewWriter(out)
	var writing sync.Mutex
	encoder := json.NewEncoder(w)
	var all sync.WaitGroup
	busy := make(chan bool, 4)
	for _, key := range order {
		busy <- true
		all.Go(func() {
			defer func() { <-busy }()
			c := &client{}
			defer c.close()
			for _, r := range groups[key] {
				a := c.call(&r)
				a.ID = r.ID
				if r.Fresh {
					c.close()
				}
				writing.Lock()
				encoder.Encode(a) //nolint:errcheck // Flush says it
				writing.Unlock()
			}
		})
	}
	all.Wait()
	return w.Flush()
}

// client keeps a connection for as long as the other side does.
type client struct {
	local  string // its end of the last connection
	conn   net.Conn
	reader *bufio.Reader
	h2     *http.Transport
}

func (c *client) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
	if c.h2 != nil {
		c.h2.CloseIdleConnections()
		c.h2 = nil
	}
}

// call sends a request. On a kept connection that turns out to be closed it is sent once more: a proxy may close any time.
func (c *client) call(r *wire.Request) wire.Answer {
	if r.Proto == "grpc" || r.Proto == "http2" {
		a, err := c.callHTTP2(r)
		return c.said(a, err)
	}
	kept := c.conn != nil
	a, err := c.callOnce(r)
	if err != nil && kept {
		a, err = c.callOnce(r)
	}
	return c.said(a, err)
}

func (c *client) said(a wire.Answer, err error) wire.Answer {
	if err != nil {
		a.Said = err.Error()
	}
	a.Local = c.local
	return a
}

// dial connects, and remembers from where.
func (c *client) dial(r *wire.Request) (net.Conn, error) {
	c.local = ""
	conn, err := dial(r)
	if err == nil {
		c.local = conn.LocalAddr().String()
	}
	return conn, err
}

func (c *client) callOnce(r *wire.Request) (a wire.Answer, err error) {
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if c.conn == nil {
		if c.conn, err = c.dial(r); err != nil {
			return a, err
		}
		c.reader = bufio.NewReader(c.conn)
	}
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return a, err
	}
	if r.Proto == "tcp" {
		return ping(c.conn, c.reader)
	}
	// Written by hand, so that paths and methods arrive as they are.
	length := ""
	if r.Method != "GET" && r.Method != "HEAD" {
		length = "content-length: 0\r\n"
	}
	further := ""
	for name, value := range r.Headers {
		further += name + ": " + value + "\r\n"
	}
	if _, err := fmt.Fprintf(c.conn, "%s %s HTTP/1.1\r\nhost: %s\r\nx-writ-case: %s\r\n%s%s\r\n", r.Method, r.Path, r.Host, r.Case, length, further); err != nil {
		return a, err
	}
	res, err := http.ReadResponse(c.reader, &http.Request{Method: r.Method})
	if err != nil {
		return a, err
	}
	a = read(res)
	if res.Close || r.Method == http.MethodConnect {
		c.close()
	}
	return a, nil
}

func ping(c net.Conn, r *bufio.Reader) (a wire.Answer, err error) {
	if _, err := io.WriteString(c, "PING\r\n"); err != nil {
		return a, err
	}
	line, err := r.ReadString('\n')
	if err != nil {
		return a, err
	}
	by, ok := strings.CutPrefix(strings.TrimSpace(line), "+PONG")
	if !ok {
		return a, fmt.Errorf("answered %q", line)
	}
	if a.By = strings.TrimSpace(by); a.By == "" {
		a.By = "redis"
	}
	return a, nil
}

func read(res *http.Response) wire.Answer {
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, 200)) // what there is of it
	status := res.Header.Get("Grpc-Status")
	if status == "" {
		status = res.Trailer.Get("Grpc-Status")
	}
	said := strings.TrimSpace(string(body))
	if message := res.Header.Get("Grpc-Message"); message != "" {
		said, _ = url.PathUnescape(message)
	}
	return wire.Answer{By: res.Header.Get("X-Standin"), Status: res.StatusCode, GRPC: status, Said: said}
}

func (c *client) callHTTP2(r *wire.Request) (a wire.Answer, err error) {
	if c.h2 == nil {
		c.h2 = newHTTP2(r, c.dial)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var body io.Reader
	if r.Proto == "grpc" {
		body = bytes.NewReader(message)
	}
	q, err := newHTTP2Request(ctx, r, body)
	if err != nil {
		return a, err
	}
	res, err := c.h2.RoundTrip(q)
	if err != nil {
		c.close()
		return a, err
	}
	return read(res), nil
}

// newHTTP2 speaks HTTP/2 to where a request goes.
func newHTTP2(r *wire.Request, dial func(*wire.Request) (net.Conn, error)) *http.Transport {
	t := &http.Transport{Protocols: new(http.Protocols), DialContext: func(context.Context, string, string) (net.Conn, error) {
		return dial(r)
	}}
	t.Protocols.SetUnencryptedHTTP2(true) // inside the connection that dial makes
	return t
}

func newHTTP2Request(ctx context.Context, r *wire.Request, body io.Reader) (*http.Request, error) {
	q, err := http.NewRequestWithContext(ctx, r.Method, "http://"+r.Host, body)
	if err != nil {
		return nil, err
	}
	q.URL.Opaque = r.Path
	if r.Proto == "grpc" {
		q.Header.Set("Content-Type", "application/grpc")
		q.Header.Set("TE", "trailers")
	}
	q.Header.Set("X-Writ-Case", r.Case)
	q.Header["User-Agent"] = nil // Go adds none of its own
	for name, value := range r.Headers {
		q.Header.Set(name, value)
	}
	return q, nil
}

// protocols are what a sidecar says that it speaks: by Istio's own names, the callee's tells its peers from others that speak TLS.
var protocols = map[string][]string{
	"http1": {"istio-http/1.1", "http/1.1"},
	"http2": {"istio-h2", "h2"},
	"grpc":  {"istio-h2", "h2"},
	"tcp":   {"istio"},

	"websocket": {"istio-http/1.1", "http/1.1"},
}

// dial connects, with mutual TLS where the request has an identity. Who answers is not looked at: the tests ask what the server takes.
func dial(r *wire.Request) (net.Conn, error) {
	d := net.Dialer{Timeout: patience}
	if r.From != "" {
		from := r.From
		if !strings.Contains(from, ":") {
			from += ":0"
		}
		local, err := net.ResolveTCPAddr("tcp", from)
		if err != nil {
			return nil, err
		}
		d.LocalAddr = local
	}
	conn, err := d.Dial("tcp", r.To)
	if err != nil || r.Identity == "" {
		return conn, err
	}
	pair, roots, err := identity(r.Identity)
	if err != nil {
		return nil, err
	}
	c := tls.Client(conn, &tls.Config{
		Certificates: []tls.Certificate{pair}, RootCAs: roots, ServerName: r.SNI, MinVersion: tls.VersionTLS12, NextProtos: protocols[r.Proto],
		InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error { return trusted(s, roots) },
	})
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	if err := c.Handshake(); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

// trusted reports whether the server's certificate comes from the mesh: its names are an identity, which Go does not compare.
func trusted(s tls.ConnectionState, roots *x509.CertPool) error {
	between := x509.NewCertPool()
	for _, c := range s.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
	return err
}

func identity(folder string) (tls.Certificate, *x509.CertPool, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem"))
	if err != nil {
		return pair, nil, err
	}
	root, err := os.ReadFile(filepath.Join(folder, "root.pem"))
	if err != nil {
		return pair, nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(root) {
		return pair, nil, fmt.Errorf("%s has no root", folder)
	}
	return pair, roots, nil
}

// get prints the status and the body of what an address has.
func get(address string, out io.Writer) error {
	c := &http.Client{Timeout: patience}
	res, err := c.Get(address)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	fmt.Fprintln(out, res.StatusCode)
	_, err = io.Copy(out, res.Body)
	return err
}
