package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// counted is how far some stage has come: of which, depends on which of them take long.
var counted = regexp.MustCompile(`\d of \d+\x1b\[K`)

// TestProgressOnARealTerminal builds an estate that takes longer than a second, with a terminal for stderr and without.
func TestProgressOnARealTerminal(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	e := newEstate(t, memory(t), 20, 2000)
	e.want(strict)
	for _, tt := range []struct {
		env   string
		shown bool
	}{
		{"TERM=xterm", true},
		{"TERM=dumb", false},
		{"NO_COLOR=1", false},
	} {
		if err := os.RemoveAll(filepath.Join(e.dir, "out")); err != nil {
			t.Fatal(err)
		}
		terminal, name := openTerminal(t)
		tty, err := os.OpenFile(name, os.O_RDWR|syscall.O_NOCTTY, 0)
		if err != nil {
			t.Fatal(err)
		}
		cmd := e.command("build")
		cmd.Env = append(os.Environ(), "TERM=xterm", "NO_COLOR=", tt.env)
		cmd.Stderr = tty
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		tty.Close()
		screen, _ := io.ReadAll(terminal) // which ends with an error when nobody holds the other side
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", tt.env, err)
		}
		if !tt.shown {
			if len(screen) > 0 {
				t.Errorf("%s: got %q", tt.env, screen)
			}
			continue
		}
		if !counted.Match(screen) || !bytes.HasSuffix(screen, []byte("\r\x1b[K")) || bytes.Contains(screen, []byte("\n")) {
			t.Errorf("%s: got %.500q", tt.env, screen)
		}
	}
}

// openTerminal makes a terminal without a screen: what is written to the file of the name is read here.
func openTerminal(t *testing.T) (*os.File, string) {
	t.Helper()
	f, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { f.Close() })
	number, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Skip(err)
	}
	if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Skip(err)
	}
	return f, "/dev/pts/" + strconv.Itoa(number)
}

// TestInterruptEndsABuildAtOnce sends real interrupts, while the policies are compiled and while files are written.
func TestInterruptEndsABuildAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	e := newEstate(t, memory(t), 20, 2000)
	e.want(strict)
	out := filepath.Join(e.dir, "out")
	best := time.Hour
	for _, when := range []func() bool{
		after(100 * time.Millisecond),
		after(400 * time.Millisecond),
		after(time.Second),
		func() bool { names, _ := filepath.Glob(out + "/c0/shop/.writ-*.tmp"); return len(names) > 0 },
		func() bool { _, err := os.Stat(out + "/c0/shop/peerauthentication-s0.yaml"); return err == nil },
	} {
		if err := os.RemoveAll(out); err != nil {
			t.Fatal(err)
		}
		cmd := e.command("build")
		var text bytes.Buffer
		cmd.Stderr = &text
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for give := time.Now().Add(time.Minute); !when() && time.Now().Before(give); {
			time.Sleep(time.Millisecond)
		}
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_ = cmd.Wait()
		took := time.Since(start)
		best = min(best, took)
		t.Logf("ended within %v: %s", took.Round(time.Millisecond), strings.TrimSpace(text.String()))
		if code := cmd.ProcessState.ExitCode(); code != exitCannot || !strings.HasPrefix(text.String(), "writ: interrupted") {
			t.Errorf("writ ends with %d: %s", code, text.String())
		}
		if took > 10*time.Second { // on a machine that does much else; a quiet one takes a hundredth
			t.Errorf("it took %v", took)
		}
		if _, err := os.Stat(out); err == nil {
			for p := range e.out() {
				if isTemporary(p) {
					t.Errorf("%s was left behind", p)
				}
			}
		}
	}
	if best > time.Second {
		t.Errorf("no interrupt was heard within a second; the quickest took %v", best)
	}
	e.complete(strict) // no lock is left
}

func after(d time.Duration) func() bool {
	var start time.Time
	return func() bool {
		if start.IsZero() {
			start = time.Now()
		}
		return time.Since(start) > d
	}
}
