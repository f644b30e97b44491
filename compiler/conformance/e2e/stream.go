package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"

	"writ.dev/writ/compiler/conformance/e2e/wire"
)

// stream is requests that a pod sends again and again until it is told to end.
type stream struct {
	pod  *pod
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  bytes.Buffer
	said bytes.Buffer
	n    int
}

// stream starts sending.
func (p *pod) stream(ctx context.Context, requests ...wire.Request) (*stream, error) {
	s := &stream{pod: p, n: len(requests)}
	c := command{path: p.cluster.parts.Programs["standin"], pod: p, args: []string{"stream"}}
	s.cmd = c.command(ctx)
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.said
	var err error
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	return s, write(s.in, requests)
}

// write hands requests to a stand-in that keeps on with them: an empty line ends them.
func write(in io.Writer, requests []wire.Request) error {
	e := json.NewEncoder(in)
	for _, r := range requests {
		if err := e.Encode(r); err != nil {
			return err
		}
	}
	_, err := io.WriteString(in, "\n")
	return err
}

// end ends the stream, and says what became of each request.
func (s *stream) end() ([]wire.Stream, error) {
	s.in.Close()
	if err := s.cmd.Wait(); err != nil {
		return nil, fmt.Errorf("stream of %s: %w\n%s", s.pod.id(), err, s.said.String())
	}
	all := make([]wire.Stream, s.n)
	d := json.NewDecoder(&s.out)
	for i := range all {
		if err := d.Decode(&all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}
