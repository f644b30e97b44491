package action

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// ref is the commit of writ that the workflows are pinned to: what lies there is this work tree.
const ref = "5f0c7e6f0c6f8a3e5a9d1c2b7f4e3d2c1b0a9f8e"

// source is the repository that they have it from.
const source = "boutique-example/writ"

// built are the programs that the tests run.
var built struct{ act, writ, source, folder string }

func TestMain(m *testing.M) {
	os.Exit(func() int {
		folder, err := os.MkdirTemp("", "writ-action-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(folder)
		built.folder = folder
		built.act, built.writ = filepath.Join(folder, "act"), filepath.Join(folder, "bin", "writ")
		for _, b := range []struct{ dir, to, of string }{{".", built.act, "github.com/nektos/act"}, {root(), built.writ, "./cmd/writ"}} {
			cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", b.to, b.of)
			cmd.Dir = b.dir
			if out, err := cmd.CombinedOutput(); err != nil {
				fmt.Fprintf(os.Stderr, "build %s: %v\n%s", b.of, err, out)
				return 1
			}
		}
		built.source = filepath.Join(folder, "source")
		if err := copySource(built.source); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// copySource makes what GitHub unpacks of the commit that the workflows pin, without what no action needs: act copies all of it for
// every step.
func copySource(to string) error {
	for _, dir := range []string{".github/actions", "cmd/writ", "compiler", "schema"} {
		err := filepath.WalkDir(filepath.Join(root(), dir), func(p string, d os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, _ := filepath.Rel(root(), p)
			switch {
			case d.IsDir() && d.Name() == "conformance":
				return filepath.SkipDir
			case d.IsDir():
				return os.MkdirAll(filepath.Join(to, rel), 0o755)
			case strings.HasSuffix(p, "_test.go"):
				return nil
			}
			data, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(to, rel), data, mode(d))
		})
		if err != nil {
			return err
		}
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(root(), name))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), data, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// root is the root of writ's own repository.
func root() string {
	dir, err := filepath.Abs("../../..")
	if err != nil {
		panic(err)
	}
	return dir
}

// mode keeps what can be run so.
func mode(d os.DirEntry) os.FileMode {
	if info, err := d.Info(); err == nil {
		return info.Mode().Perm()
	}
	return 0o644
}

// repo is a clone that somebody works in.
type repo struct {
	t   *testing.T
	dir string
}

// begin is a repository as a newcomer makes it, with the workflows, on main.
func begin(t *testing.T) *repo {
	t.Helper()
	r := &repo{t, filepath.Join(t.TempDir(), "access")}
	if err := os.Mkdir(r.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r.writ("init")
	r.writ("init", "--github", "--from", source, "--ref", ref)
	r.writ("build")
	r.git("init", "-q", "-b", "main", ".")
	r.commit("begin")
	return r
}

func (r *repo) run(name string, args ...string) string {
	r.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = r.dir, environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return strings.TrimSuffix(string(out), "\n")
}

func (r *repo) git(args ...string) string { r.t.Helper(); return r.run("git", args...) }

func (r *repo) writ(args ...string) string { r.t.Helper(); return r.run(built.writ, args...) }

func (r *repo) commit(message string) string {
	r.t.Helper()
	r.git("add", "-A", ".")
	r.git("commit", "-q", "-m", message)
	return r.head()
}

func (r *repo) head() string { r.t.Helper(); return r.git("rev-parse", "HEAD") }

func (r *repo) read(name string) string {
	r.t.Helper()
	data, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(data)
}

func (r *repo) write(name, text string) {
	r.t.Helper()
	p := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r *repo) replace(name, old, with string) {
	r.t.Helper()
	text := r.read(name)
	if !strings.Contains(text, old) {
		r.t.Fatalf("%s has no %q", name, old)
	}
	r.write(name, strings.Replace(text, old, with, 1))
}

// merged checks out what GitHub checks out of a pull request: the merge of the branch into main.
func (r *repo) merged(branch string) {
	r.t.Helper()
	r.git("checkout", "-q", "--detach", "main")
	r.git("merge", "-q", "--no-ff", "-m", "Merge "+branch+" into main", branch)
}

// environment is what programs see: nothing of the machine's, so that no test depends on it.
func environment(more ...string) []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + built.folder, "LANG=C.UTF-8", "TMPDIR=" + os.TempDir(),
		"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
	}
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		env = append(env, "GIT_"+who+"_NAME=tester", "GIT_"+who+"_EMAIL=tester@example.org")
	}
	return append(env, more...)
}

// forge is what a workflow runs on.
type forge struct {
	t         *testing.T
	artifacts string
	api       string   // of GitHub, "" for none
	secrets   []string // NAME=value
	vars      []string
	uncached  bool
	// remote is what actions/checkout clones where it names a branch, and at the commit that it finds there, the tip unless said.
	remote, at string
	runID      string
	// repository is the one that the workflow runs in, act\'s own guess unless said.
	repository string
}

func newForge(t *testing.T) *forge {
	t.Helper()
	return &forge{t: t, artifacts: t.TempDir(), runID: "777"}
}

// outcome is what a run has done.
type outcome struct {
	jobs        map[string]string // results
	annotations []annotation
	commands    string // that made them, as they stand in the log
	summary     string
	outputs     map[string]string // of steps, the last of a name
	log         string
}

type annotation struct{ level, file, line, title, message string }

// uses finds the actions of a workflow.
var uses = regexp.MustCompile(`uses: ([\w.-]+/[\w.-]+)(?:/[\w./-]+)?@([0-9a-f]{40})`)

// run runs a workflow of the repository by act, on an event.
func (f *forge) run(r *repo, workflow, event string, payload map[string]any) *outcome {
	t := f.t
	t.Helper()
	folder := t.TempDir()
	data, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "event.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{
		event, "-e", file, "-W", ".github/workflows/" + workflow, "-P", "ubuntu-24.04=-self-hosted", "--no-cache-server", "--json",
		"--env", "ARTIFACTS=" + f.artifacts, "--env", "GITHUB_RUN_ID=" + f.runID, "--env", "CACHE=" + f.cache(),
		"--env", "REMOTE=" + f.remote, "--env", "AT=" + f.at,
		"--local-repository", source + "@" + ref + "=" + built.source,
	}
	if f.api != "" {
		args = append(args, "--env", "GITHUB_API_URL="+f.api, "--env", "GITHUB_SERVER_URL="+f.api)
		f.repository = "shop/access"
	}
	if f.repository != "" {
		args = append(args, "--env", "GITHUB_REPOSITORY="+f.repository)
	}
	for _, s := range f.secrets {
		args = append(args, "-s", s)
	}
	for _, v := range f.vars {
		args = append(args, "--var", v)
	}
	for _, m := range actionsOf(t, r) {
		args = append(args, "--local-repository", m)
	}
	cmd := exec.Command(built.act, args...)
	cmd.Dir, cmd.Env = r.dir, environment("XDG_CACHE_HOME="+filepath.Join(folder, "cache"), "GOCACHE="+goEnv(t, "GOCACHE"), "GOMODCACHE="+goEnv(t, "GOMODCACHE"), "GOFLAGS=-mod=mod -buildvcs=false", "GOTOOLCHAIN=local")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	o := parse(t, out)
	o.log += stderr.String()
	if err != nil && len(o.jobs) == 0 {
		t.Fatalf("act: %v\n%s\n%s", err, stderr.String(), out)
	}
	return o
}

// cache is the folder that the stand-in for actions/cache restores.
func (f *forge) cache() string {
	if f.uncached {
		return ""
	}
	return filepath.Dir(built.writ)
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// actionsOf are the stand-ins for the actions of others, at the commits that the workflows and our actions pin.
func actionsOf(t *testing.T, r *repo) []string {
	t.Helper()
	stand := map[string]string{}
	for _, name := range []string{"checkout", "upload-artifact", "download-artifact", "cache", "setup-go"} {
		stand["actions/"+name] = filepath.Join(root(), "compiler/conformance/action/testdata/actions", name)
	}
	stand["github/codeql-action"] = filepath.Join(root(), "compiler/conformance/action/testdata/actions")
	var all []string
	for _, pattern := range []string{filepath.Join(r.dir, ".github/workflows/*.yml"), filepath.Join(root(), ".github/actions/*/action.yml")} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range uses.FindAllStringSubmatch(string(data), -1) {
				dir, known := stand[m[1]]
				if !known && m[1] != source {
					t.Fatalf("%s uses %s, for which nothing stands in", file, m[1])
				}
				if dir != "" {
					all = append(all, fmt.Sprintf("%s@%s=%s", m[1], m[2], dir))
				}
			}
		}
	}
	return all
}

// readAnnotation reads a command as GitHub's runner does, which ends the properties at the first colons:
// https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs. act ends them at the last.
func readAnnotation(raw string) annotation {
	unescape := func(s string) string {
		for _, pair := range [][2]string{{"%0D", "\r"}, {"%0A", "\n"}, {"%3A", ":"}, {"%2C", ","}, {"%25", "%"}} {
			s = strings.ReplaceAll(s, pair[0], pair[1])
		}
		return s
	}
	command, message, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(raw), "::"), "::")
	level, rest, _ := strings.Cut(command, " ")
	a := annotation{level: level, message: unescape(message)}
	for property := range strings.SplitSeq(rest, ",") {
		switch name, value, _ := strings.Cut(property, "="); name {
		case "file":
			a.file = unescape(value)
		case "line":
			a.line = value
		case "title":
			a.title = unescape(value)
		}
	}
	return a
}

// parse reads act's log.
func parse(t *testing.T, out []byte) *outcome {
	t.Helper()
	o := &outcome{jobs: map[string]string{}, outputs: map[string]string{}}
	summaries := map[string]bool{}
	scan := bufio.NewScanner(bytes.NewReader(out))
	scan.Buffer(nil, 64<<20)
	for scan.Scan() {
		var line struct {
			JobID, JobResult, Command, Arg, Content, Name, Msg, Raw string
		}
		if json.Unmarshal(scan.Bytes(), &line) != nil {
			o.log += scan.Text() + "\n"
			continue
		}
		o.log += strings.TrimSuffix(line.Msg, "\n") + "\n"
		if line.JobResult != "" {
			o.jobs[line.JobID] = line.JobResult
		}
		switch line.Command {
		case "error", "warning", "notice":
			o.annotations = append(o.annotations, readAnnotation(line.Raw))
			o.commands += strings.TrimSpace(line.Raw) + "\n"
		case "summary":
			if !summaries[line.Content] {
				summaries[line.Content] = true
				o.summary += line.Content
			}
		case "set-output":
			o.outputs[line.Name] = line.Arg
		}
	}
	return o
}

// check runs the check against main, and returns what it says.
func (r *repo) check(args ...string) string {
	r.t.Helper()
	cmd := exec.Command(built.writ, append([]string{"check", "--base", "main"}, args...)...)
	cmd.Dir, cmd.Env = r.dir, environment()
	out, _ := cmd.CombinedOutput()
	return string(out)
}
