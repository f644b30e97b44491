package main

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/term"

	"writ.dev/writ/compiler/diag"
)

// Work that takes longer than patience shows how far it is, anew every redraw.
const (
	patience = time.Second
	redraw   = 100 * time.Millisecond
)

// progress begins to show, on a terminal, how far work is. What to show goes to hear, which is nil where nobody would see it;
// done takes the line away, and must be called before anything else is printed.
func (a *app) progress() (hear func(stage string, done, total int), done func()) {
	f, ok := a.stderr.w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" || os.Getenv("NO_COLOR") != "" {
		return nil, func() {}
	}
	l := newLine(f, func() int {
		width, _, err := term.GetSize(int(f.Fd()))
		if err != nil || width == 0 { // which some terminals say until they are asked to show anything
			return 80
		}
		return width
	})
	return l.hear, l.close
}

// line is one line of a terminal that is written over and over.
type line struct {
	w     io.Writer
	width func() int
	now   atomic.Pointer[step]
	stop  chan struct{}
	ended chan struct{}
}

// step is the last thing heard.
type step struct {
	stage       string
	done, total int
}

func newLine(w io.Writer, width func() int) *line {
	l := &line{w: w, width: width, stop: make(chan struct{}), ended: make(chan struct{})}
	go l.run()
	return l
}

// hear is called by many at once. It keeps what it heard for the next time that the line is drawn.
func (l *line) hear(stage string, done, total int) { l.now.Store(&step{stage, done, total}) }

// close takes the line away, if it was ever shown.
func (l *line) close() {
	close(l.stop)
	<-l.ended
}

func (l *line) run() {
	defer close(l.ended)
	select {
	case <-l.stop:
		return
	case <-time.After(patience):
	}
	defer fmt.Fprint(l.w, "\r\x1b[K")
	again := time.NewTicker(redraw)
	defer again.Stop()
	for {
		l.draw()
		select {
		case <-l.stop:
			return
		case <-again.C:
		}
	}
}

// draw writes over what stands there. A line as wide as the terminal would wrap, and could not be written over.
func (l *line) draw() {
	s := l.now.Load()
	if s == nil {
		return
	}
	text := []rune("writ: " + diag.Visible(s.stage))
	if s.total > 0 {
		text = append(text, []rune(fmt.Sprintf(" %d of %d", s.done, s.total))...)
	}
	text = text[:min(len(text), max(l.width()-1, 0))]
	fmt.Fprintf(l.w, "\r%s\x1b[K", string(text))
}
