package main

import (
	"bufio"
	"encoding/json"
	"io"
	"sync"
	"time"

	"writ.dev/writ/compiler/conformance/e2e/wire"
)

// between is how long a stream waits before it sends the next request.
const between = 20 * time.Millisecond

// stream sends each of the requests of in again and again, each on a connection of its own, until in ends, and then says of each how
// often it was answered and how often not. The requests end with an empty line.
func stream(in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	wanted, err := requests(lines)
	if err != nil {
		return err
	}
	var all []*wire.Stream
	for _, r := range wanted {
		all = append(all, &wire.Stream{Request: r})
	}
	done := make(chan bool)
	go func() {
		io.Copy(io.Discard, lines) //nolint:errcheck // whatever ends it, it has ended
		close(done)
	}()
	var running sync.WaitGroup
	for _, s := range all {
		running.Go(func() { repeat(s, done) })
	}
	running.Wait()
	e := json.NewEncoder(out)
	for _, s := range all {
		if err := e.Encode(s); err != nil {
			return err
		}
	}
	return nil
}

func repeat(s *wire.Stream, done chan bool) {
	c := &client{}
	defer func() { c.close() }()
	for {
		select {
		case <-done:
			return
		case <-time.After(between):
		}
		a := c.call(&s.Request)
		was := s.Answered > 0 && s.Last
		if a.Answered() {
			s.Answered++
		} else {
			s.Refused++
			s.Said = a
		}
		if n := s.Answered + s.Refused; n > 1 && a.Answered() != was {
			s.Changes = append(s.Changes, time.Now())
		}
		s.Last = a.Answered()
		if s.Fresh {
			c.close()
			c = &client{}
		}
	}
}
