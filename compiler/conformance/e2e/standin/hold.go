package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"writ.dev/writ/compiler/conformance/e2e/wire"
)

// hold opens a stream for each of the requests of in, and keeps it open until it is ended or in ends: it says something again and again
// and waits for the echo. It tells of each echo, and at last why there are no more. The requests end with an empty line.
func hold(in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	all, err := requests(lines)
	if err != nil {
		return err
	}
	var telling sync.Mutex
	e := json.NewEncoder(out)
	tell := func(h wire.Held) {
		telling.Lock()
		defer telling.Unlock()
		e.Encode(h) //nolint:errcheck // whoever does not listen any more has ended in too
	}
	for i := range all {
		go keep(i, &all[i], tell)
	}
	_, err = io.Copy(io.Discard, lines)
	return err
}

// requests reads requests up to an empty line.
func requests(lines *bufio.Reader) ([]wire.Request, error) {
	var all []wire.Request
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		if len(line) == 1 {
			return all, nil
		}
		var r wire.Request
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
}

func keep(id int, r *wire.Request, tell func(wire.Held)) {
	h := wire.Held{ID: id}
	echo, err := open(r)
	for ; err == nil; time.Sleep(between) {
		if err = echo(); err == nil {
			h.Echoes++
			tell(h)
		}
	}
	h.Ended = err.Error()
	tell(h)
}

// open opens a stream. What it returns says something and waits for the echo.
func open(r *wire.Request) (echo func() error, err error) {
	switch r.Proto {
	case "tcp":
		return openTCP(r)
	case "websocket":
		return openWebSocket(r)
	case "grpc":
		return openGRPC(r)
	case "http2":
		return openStubborn(r)
	default:
		return nil, fmt.Errorf("no stream is of %s", r.Proto)
	}
}

func openTCP(r *wire.Request) (func() error, error) {
	c, err := dial(r)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewReader(c)
	return func() error {
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		_, err := ping(c, lines)
		return err
	}, nil
}

func openWebSocket(r *wire.Request) (func() error, error) {
	d := websocket.Dialer{HandshakeTimeout: patience, NetDialContext: func(context.Context, string, string) (net.Conn, error) { return dial(r) }}
	c, res, err := d.Dial("ws://"+r.Host+r.Path, nil)
	if err != nil {
		if res != nil {
			err = fmt.Errorf("%w: %+v", err, read(res))
		}
		return nil, err
	}
	return func() error {
		if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		if err := c.WriteMessage(websocket.TextMessage, []byte("echo")); err != nil {
			return err
		}
		_, _, err := c.ReadMessage()
		return err
	}, nil
}

// openGRPC opens a stream of messages in both directions.
func openGRPC(r *wire.Request) (func() error, error) {
	body, in := io.Pipe()
	q, err := newHTTP2Request(context.Background(), r, body)
	if err != nil {
		return nil, err
	}
	res, err := newHTTP2(r, dial).RoundTrip(q)
	if err != nil {
		return nil, err
	}
	if res.Header.Get("Grpc-Status") != "" || res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%+v", read(res))
	}
	return func() error {
		late := time.AfterFunc(patience, func() { in.CloseWithError(errors.New("no echo")) })
		defer late.Stop()
		if _, err := in.Write(message); err != nil {
			return err
		}
		_, err := io.ReadFull(res.Body, make([]byte, len(message)))
		if err != nil {
			err = fmt.Errorf("%w, gRPC status %q", err, res.Trailer.Get("Grpc-Status"))
		}
		return err
	}, nil
}

// message is an empty one of gRPC.
var message = []byte{0, 0, 0, 0, 0}

// echoMessages answers each message of gRPC with one.
func echoMessages(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/grpc")
	if err := http.NewResponseController(w).Flush(); err != nil { // a caller may wait for the headers before it says anything
		return
	}
	for got := make([]byte, len(message)); ; {
		if _, err := io.ReadFull(r.Body, got); err != nil {
			break
		}
		if _, err := io.Copy(w, bytes.NewReader(got)); err != nil {
			return
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			return
		}
	}
	w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
}

// echoWebSocket answers each message with itself.
func echoWebSocket(w http.ResponseWriter, r *http.Request) {
	u := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	c, err := u.Upgrade(w, r, nil)
	if err != nil {
		return // which it has told the caller
	}
	defer c.Close()
	for {
		kind, said, err := c.ReadMessage()
		if err != nil {
			return
		}
		if err := c.WriteMessage(kind, said); err != nil {
			return
		}
	}
}
