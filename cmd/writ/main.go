// Command writ compiles what teams write about who may call whom into Istio manifests.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"

	"writ.dev/writ/compiler/diag"
)

// Exit codes, the same for every command.
const (
	exitClean    = iota // nothing to object
	exitFindings        // findings that fail, or a difference
	exitCannot          // could not be done: usage, configuration, disk, git
	exitFault           // a fault of writ
)

// errFails ends a command that has told already what fails.
var errFails = errors.New("findings that fail")

func main() {
	// A reader that goes away, as in `writ check | head`, is seen as a failed write, not as a signal in the middle of a build.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so that a second signal ends writ at once
	paceCollector()
	stdout, stderr := &stream{w: os.Stdout}, &stream{w: os.Stderr}
	os.Exit(guard(stderr, func() int { return run(ctx, os.Args[1:], stdout, stderr) }))
}

// run executes one command line and tells an error in one line.
func run(ctx context.Context, args []string, stdout, stderr *stream) int {
	root := newRoot(&app{stdout: stdout, stderr: stderr})
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := friendly(root, root.ExecuteContext(ctx))
	if err == nil || errors.Is(err, errFails) {
		if lost := stdout.lost(); lost != nil {
			err = fmt.Errorf("write the output: %w", lost)
		}
	}
	switch {
	case err == nil:
		return exitClean
	case errors.Is(err, errFails):
		return exitFindings
	case err == ctx.Err():
		fmt.Fprintln(stderr, "writ: interrupted")
	case ctx.Err() != nil && errors.Is(err, ctx.Err()): // and the error says how far it came
		fmt.Fprintf(stderr, "writ: interrupted: %s\n", diag.Visible(err.Error()))
	default:
		fmt.Fprintf(stderr, "writ: %s\n", diag.Visible(err.Error()))
	}
	return exitCannot
}

// guard turns a panic into one line that asks for a report: it is ours, and its stack tells the user nothing.
func guard(stderr io.Writer, do func() int) (code int) {
	defer func() {
		fault := recover()
		if fault == nil {
			return
		}
		code = exitFault
		if os.Getenv("WRIT_DEBUG") == "1" {
			fmt.Fprintf(stderr, "writ: a fault of writ: %v\n\n%s", fault, stackOf(fault))
			return
		}
		fmt.Fprintf(stderr, "writ: a fault of writ: %s; please report it with what WRIT_DEBUG=1 shows\n", diag.Visible(fmt.Sprint(fault)))
	}()
	return do()
}

// stackOf is where the fault was raised, be it in another goroutine.
func stackOf(fault any) []byte {
	if f, ok := fault.(interface{ Stack() []byte }); ok {
		return f.Stack()
	}
	return debug.Stack()
}

// stream is an output whose first failure is kept, so that no caller checks each line. What follows a failure is for nobody. The
// language server still answers while the command ends.
type stream struct {
	w   io.Writer
	mu  sync.Mutex
	err error
}

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		_, s.err = s.w.Write(p)
	}
	return len(p), nil
}

// lost is why output did not arrive; nil where its reader has simply read enough.
func (s *stream) lost() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(s.err, syscall.EPIPE) {
		return nil
	}
	return s.err
}
