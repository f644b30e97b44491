package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"writ": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "json": jsonAt},
		Setup: func(env *testscript.Env) error {
			env.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
			env.Setenv("GIT_CONFIG_NOSYSTEM", "1")
			for _, who := range []string{"AUTHOR", "COMMITTER"} {
				env.Setenv("GIT_"+who+"_NAME", "tester")
				env.Setenv("GIT_"+who+"_EMAIL", "tester@example.org")
				env.Setenv("GIT_"+who+"_DATE", "2026-01-01T00:00:00Z")
			}
			return nil
		},
	})
}

// exits is `exits CODE COMMAND ARG...`: the command ends with the very code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// jsonAt is `json FILE PATH VALUE`: the value at a path like findings.0.code of a JSON document; an array or an object is its
// length.
func jsonAt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: json FILE PATH VALUE")
	}
	dec := json.NewDecoder(strings.NewReader(ts.ReadFile(args[0])))
	var v any
	ts.Check(dec.Decode(&v))
	if dec.More() {
		ts.Fatalf("more than one document")
	}
	for key := range strings.SplitSeq(args[1], ".") {
		switch at := v.(type) {
		case map[string]any:
			next, ok := at[key]
			if !ok {
				ts.Fatalf("no %q in %s", key, args[1])
			}
			v = next
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(at) {
				ts.Fatalf("no %q in %s", key, args[1])
			}
			v = at[i]
		default:
			ts.Fatalf("no %q in %s", key, args[1])
		}
	}
	got := fmt.Sprint(v)
	switch at := v.(type) {
	case map[string]any:
		got = strconv.Itoa(len(at))
	case []any:
		got = strconv.Itoa(len(at))
	}
	if got != args[2] {
		ts.Fatalf("%s is %s, want %s", args[1], got, args[2])
	}
}

func TestAPanicIsOneLineThatAsksForAReport(t *testing.T) {
	boom := func() int { panic("no\x1bway") }
	t.Setenv("WRIT_DEBUG", "")
	var stderr bytes.Buffer
	if code := guard(&stderr, boom); code != exitFault {
		t.Errorf("exit code %d", code)
	}
	if want := "writ: a fault of writ: no\\x1bway; please report it with what WRIT_DEBUG=1 shows\n"; stderr.String() != want {
		t.Errorf("got %q, want %q", stderr.String(), want)
	}
	t.Setenv("WRIT_DEBUG", "1")
	stderr.Reset()
	guard(&stderr, boom)
	if !strings.Contains(stderr.String(), "main_test.go") {
		t.Errorf("no stack in %q", stderr.String())
	}
}

func TestAnInterruptedCommandSaysSo(t *testing.T) {
	dir := t.TempDir()
	if code, _, stderr := execute(t.Context(), "init", dir); code != exitClean {
		t.Fatal(stderr)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, args := range [][]string{{"check"}, {"build"}, {"fix"}} {
		code, stdout, stderr := execute(ctx, append(args, "-C", dir)...)
		if code != exitCannot || stdout != "" || stderr != "writ: interrupted\n" {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "out")); err == nil {
		t.Error("an interrupted build wrote")
	}
}

func TestAReaderThatGoesAwayIsNoError(t *testing.T) {
	var stderr bytes.Buffer
	if code := run(t.Context(), []string{"rules"}, &stream{w: failing{syscall.EPIPE}}, &stream{w: &stderr}); code != exitClean || stderr.Len() > 0 {
		t.Errorf("exit code %d, %q", code, stderr.String())
	}
	if code := run(t.Context(), []string{"rules"}, &stream{w: failing{syscall.ENOSPC}}, &stream{w: &stderr}); code != exitCannot {
		t.Errorf("a full disk exits with %d", code)
	}
	if want := "writ: write the output: " + syscall.ENOSPC.Error() + "\n"; stderr.String() != want {
		t.Errorf("got %q, want %q", stderr.String(), want)
	}
}

// failing is an output that takes nothing.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func execute(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(ctx, args, &stream{w: &out}, &stream{w: &errs})
	return code, out.String(), errs.String()
}

func TestArgumentsCannotDriveTheTerminal(t *testing.T) {
	evil := "a\x1b[31m\nb"
	for _, args := range [][]string{
		{evil},
		{"--" + evil},
		{"check", evil},
		{"rules", evil},
		{"schema", evil},
		{"build", "-C", evil},
		{"build", "--as-of", evil},
		{"build", "--format", evil},
		{"help", evil},
		{"completion", evil},
		{"-" + evil},
	} {
		code, stdout, stderr := execute(t.Context(), args...)
		if code != exitCannot || stdout != "" || strings.Count(stderr, "\n") != 1 || strings.Contains(stderr, "\x1b") {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
}

func TestLongListsEndInACount(t *testing.T) {
	var out bytes.Buffer
	a := app{stdout: &stream{w: &out}}
	a.paths("missing", strings.Split("abcdefghijkl", ""))
	if got := out.String(); strings.Count(got, "\n") != shown+1 || !strings.HasSuffix(got, "  missing     j\n  missing     and 2 more\n") {
		t.Errorf("got\n%s", got)
	}
	out.Reset()
	a.foreign(strings.Split("abcdefghijk", ""))
	if got := out.String(); strings.Count(got, "\n") != shown+1 || !strings.HasSuffix(got, "notice: 1 more in out/ not written by writ either\n") {
		t.Errorf("got\n%s", got)
	}
}

func TestFilesAreReplacedInPlaceAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need a privilege there")
	}
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	write := func(name, text string) {
		t.Helper()
		if err := errors.Join(root.MkdirAll(filepath.Dir(name), 0o755), root.WriteFile(name, []byte(text), 0o640)); err != nil {
			t.Fatal(err)
		}
	}
	write("real/a", "old")
	if err := errors.Join(root.Symlink("real", "linked"), root.Symlink("a", "real/link")); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"linked/a", "real/link", "real", "real/none"} {
		if err := replaceFile(root, file, []byte("old"), []byte("new")); err == nil {
			t.Errorf("%s was written", file)
		}
	}
	if err := replaceFile(root, "real/a", []byte("older"), []byte("new")); err == nil {
		t.Error("a file that changed meanwhile was written over")
	}
	if got, _ := root.ReadFile("real/a"); string(got) != "old" {
		t.Fatalf("a refused write left %q", got)
	}
	if err := replaceFile(root, "real/a", []byte("old"), []byte("new")); err != nil {
		t.Fatal(err)
	}
	got, _ := root.ReadFile("real/a")
	info, _ := root.Stat("real/a")
	if string(got) != "new" || info.Mode().Perm() != 0o640 {
		t.Errorf("got %q with mode %v", got, info.Mode())
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "real")); len(left) != 2 {
		t.Errorf("left behind: %v", left)
	}
}

func TestQuotedWordsAreReadBackByAShell(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell")
	}
	for _, word := range []string{"", "a", "../a-b_1.c", "a b", "it's", "$HOME", "a\nb", "*", "~", "#a", "é"} {
		got, err := exec.Command(sh, "-c", "printf %s "+quote(word)).Output()
		if err != nil || string(got) != word {
			t.Errorf("%q is quoted as %s, which is %q", word, quote(word), got)
		}
	}
}
