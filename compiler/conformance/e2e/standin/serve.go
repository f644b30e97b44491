package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/gorilla/websocket"
)

// serve answers on the ports, whatever is asked, with the name.
func serve(name string, ports []string) error {
	requests := &listener{conns: make(chan net.Conn)}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(name, w, r) })}
	server.Protocols = new(http.Protocols)
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	failed := make(chan error)
	go func() { failed <- server.Serve(requests) }()
	for _, port := range ports {
		l, err := net.Listen("tcp", ":"+port)
		if err != nil {
			return err
		}
		go func() { failed <- accept(name, l, requests) }()
	}
	return <-failed
}

func answer(name string, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Standin", name)
	switch {
	case strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc"):
		echoMessages(w, r)
	case websocket.IsWebSocketUpgrade(r):
		echoWebSocket(w, r)
	default:
		fmt.Fprintln(w, name)
	}
}

// accept looks at how a connection begins: what says PING is answered as Redis would, all else is HTTP.
func accept(name string, l net.Listener, requests *listener) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			b := bufio.NewReader(c)
			begin, err := b.Peek(4)
			switch {
			case err != nil:
				c.Close()
			case string(begin) == "PING":
				pong(name, c, b)
			default:
				requests.conns <- peeked{c, b}
			}
		}()
	}
}

// pong answers lines for as long as they come.
func pong(name string, c net.Conn, b *bufio.Reader) {
	defer c.Close()
	for {
		if _, err := b.ReadString('\n'); err != nil {
			return
		}
		if _, err := fmt.Fprintf(c, "+PONG %s\r\n", name); err != nil {
			return
		}
	}
}

// peeked is a connection of which something was read already.
type peeked struct {
	net.Conn
	r *bufio.Reader
}

func (p peeked) Read(b []byte) (int, error) { return p.r.Read(b) }

// listener hands on connections.
type listener struct{ conns chan net.Conn }

func (l *listener) Accept() (net.Conn, error) { return <-l.conns, nil }
func (l *listener) Close() error              { return nil }
func (l *listener) Addr() net.Addr            { return &net.TCPAddr{} }
