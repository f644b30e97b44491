package main

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// screen is a terminal that a test reads while it is written to.
type screen struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buffer.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buffer.String()
}

func TestProgressShowsWorkOverASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var screen screen
		l := newLine(&screen, func() int { return 80 })
		l.hear("reading policies/", 1, 40000)
		time.Sleep(patience - time.Millisecond)
		synctest.Wait()
		if screen.String() != "" {
			t.Errorf("shown too early: %q", screen.String())
		}
		time.Sleep(2 * time.Millisecond)
		l.hear("reading policies/", 30000, 40000)
		time.Sleep(redraw)
		l.hear("checking", 0, 0)
		time.Sleep(redraw)
		l.close()
		want := "\rwrit: reading policies/ 1 of 40000\x1b[K" +
			"\rwrit: reading policies/ 30000 of 40000\x1b[K" +
			"\rwrit: checking\x1b[K" +
			"\r\x1b[K"
		if got := screen.String(); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
}

func TestProgressIsSilentForShortWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var screen screen
		l := newLine(&screen, func() int { return 80 })
		l.hear("checking", 1, 2)
		time.Sleep(patience / 2)
		l.close()
		time.Sleep(2 * patience)
		if screen.String() != "" {
			t.Errorf("got %q", screen.String())
		}
	})
}

func TestProgressFitsTheTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, width := range []int{0, 1, 12, 200} {
			var screen screen
			l := newLine(&screen, func() int { return width })
			l.hear("rendering \x1b[31mré-1", 12, 40000)
			time.Sleep(patience + redraw/2)
			l.close()
			shown, _, _ := strings.Cut(strings.TrimPrefix(screen.String(), "\r"), "\x1b[K")
			if n := len([]rune(shown)); n > max(width-1, 0) || width == 12 && shown != "writ: rende" {
				t.Errorf("%d columns show %d: %q", width, n, shown)
			}
			if strings.Contains(shown, "\x1b") {
				t.Errorf("a stage may not move the cursor: %q", shown)
			}
		}
	})
}

func TestProgressIsForTerminalsAlone(t *testing.T) {
	a := &app{stderr: &stream{w: &bytes.Buffer{}}}
	hear, done := a.progress()
	if hear != nil {
		t.Error("a pipe hears of progress")
	}
	done()
}
