package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"

	"writ.dev/writ/compiler/conformance/e2e/wire"
)

// held is streams that a pod keeps open, TCP, WebSocket or gRPC, until they are ended or it is told to end. Something is said in each all
// the time, and echoed.
type held struct {
	pod  *pod
	cmd  *exec.Cmd
	in   io.WriteCloser
	said bytes.Buffer
	done chan error

	mu  sync.Mutex
	now []heldStream
}

type heldStream struct {
	wire.Held
	echoed, at time.Time // when it was last echoed, and when it last said anything
}

// hold opens streams.
func (p *pod) hold(ctx context.Context, requests ...wire.Request) (*held, error) {
	h := &held{pod: p, now: make([]heldStream, len(requests)), done: make(chan error, 1)}
	c := command{path: p.cluster.parts.Programs["standin"], pod: p, args: []string{"hold"}}
	h.cmd = c.command(ctx)
	h.cmd.Stderr = &h.said
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if h.in, err = h.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := h.cmd.Start(); err != nil {
		return nil, err
	}
	go h.listen(out)
	return h, write(h.in, requests)
}

func (h *held) listen(out io.Reader) {
	d := json.NewDecoder(out)
	for {
		var s wire.Held
		if err := d.Decode(&s); err != nil {
			break
		}
		h.mu.Lock()
		now := &h.now[s.ID]
		now.Held, now.at = s, time.Now()
		if s.Ended == "" {
			now.echoed = now.at
		}
		h.mu.Unlock()
	}
	h.done <- h.cmd.Wait()
}

// stream is how the i-th of them does.
func (h *held) stream(i int) heldStream {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now[i]
}

// echoes waits until the stream has echoed some more.
func (h *held) echoes(ctx context.Context, i int) error {
	begin := h.stream(i).Echoes
	gone := ""
	err := until(ctx, "echo", func() error {
		s := h.stream(i)
		if gone = s.Ended; gone != "" || s.Echoes >= begin+3 { // one may have been under way
			return nil
		}
		return fmt.Errorf("%d echoes", s.Echoes)
	})
	if gone != "" {
		err = fmt.Errorf("it has ended after %d echoes: %s", h.stream(i).Echoes, gone)
	}
	return err
}

// ended waits until the stream has ended, and returns when and how it did.
func (h *held) ended(ctx context.Context, i int) (heldStream, error) {
	var s heldStream
	err := until(ctx, "end of a stream", func() error {
		if s = h.stream(i); s.Ended == "" {
			return fmt.Errorf("it is open")
		}
		return nil
	})
	return s, err
}

// close ends all of them.
func (h *held) close() error {
	h.in.Close()
	if err := <-h.done; err != nil {
		return fmt.Errorf("streams of %s: %w\n%s", h.pod.id(), err, h.said.String())
	}
	return nil
}
