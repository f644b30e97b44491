package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// preCommit is the program that people run the hooks with, from PyPI, by digest. It is kept in the user's cache.
func preCommit(t *testing.T) string {
	t.Helper()
	cannot := t.Skipf
	if os.Getenv("CI") != "" {
		cannot = t.Fatalf
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("testdata/pre-commit.txt has no digests for this platform")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	env := filepath.Join(cache, "writ-tests", "pre-commit-4.7.0")
	program := filepath.Join(env, "bin", "pre-commit")
	if exec.Command(program, "--version").Run() == nil {
		return program
	}
	if out, err := exec.Command("python3", "-m", "venv", "--clear", env).CombinedOutput(); err != nil {
		cannot("python3 makes no virtual environment: %v\n%s", err, out)
	}
	pip := exec.Command(filepath.Join(env, "bin", "pip"), "install", "-q", "--require-hashes", "--only-binary=:all:", "-r", "testdata/pre-commit.txt")
	if out, err := pip.CombinedOutput(); err != nil {
		cannot("pre-commit cannot be installed: %v\n%s", err, out)
	}
	return program
}

// TestTheHooksRun in a repository that somebody has just begun, built by pre-commit from a clone of this one.
func TestTheHooksRun(t *testing.T) {
	program, source := preCommit(t), clone(t)
	writ := filepath.Join(t.TempDir(), "writ")
	command(t, source, nil, "go", "build", "-o", writ, "./cmd/writ")
	repo := t.TempDir()
	command(t, repo, nil, writ, "init")
	command(t, repo, nil, writ, "build")
	config := "repos:\n  - repo: " + source + "\n    rev: " + head() + "\n    hooks: [{id: writ-check}, {id: writ-fmt}]\n"
	save := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(repo, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	save(".pre-commit-config.yaml", config)
	command(t, repo, nil, "git", "init", "-q")
	command(t, repo, nil, "git", "add", ".")
	// Modules that are here already are not fetched again; pre-commit sets GOPATH, below which they would lie.
	env := append(os.Environ(), "PRE_COMMIT_HOME="+t.TempDir(), "PRE_COMMIT_COLOR=never",
		"GOMODCACHE="+strings.TrimSpace(command(t, ".", nil, "go", "env", "GOMODCACHE")), "GOCACHE="+strings.TrimSpace(command(t, ".", nil, "go", "env", "GOCACHE")))
	run := func() (string, error) {
		cmd := exec.Command(program, "run")
		cmd.Dir, cmd.Env = repo, env
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := run()
	if err != nil || strings.Count(out, "Passed") != 2 {
		t.Fatalf("a new repository: %v\n%s", err, out)
	}
	const document = "policies/teams/shop/checkout.yaml"
	text, err := os.ReadFile(filepath.Join(repo, document))
	if err != nil {
		t.Fatal(err)
	}
	save(document, strings.Replace(string(text), "read-address", "red-address", 1))
	command(t, repo, nil, "git", "add", ".")
	if out, err = run(); err == nil || !strings.Contains(out, "did you mean \"read-address\"?") || !strings.Contains(out, document+":") {
		t.Errorf("a wrong name: %v\n%s", err, out)
	}
	save(document, string(text)+"\n\n\n")
	command(t, repo, nil, "git", "add", ".")
	out, err = run()
	now, read := os.ReadFile(filepath.Join(repo, document))
	if err == nil || !strings.Contains(out, "files were modified by this hook") || read != nil || string(now) != string(text) {
		t.Errorf("a file out of style: %v, %v\n%s", err, read, out)
	}
	save("README.md", "nothing of writ's\n")
	command(t, repo, nil, "git", "add", ".")
	command(t, repo, nil, "git", "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "begin")
	save("README.md", "nothing of writ's, again\n")
	command(t, repo, nil, "git", "add", ".")
	if out, err = run(); err != nil || strings.Count(out, "no files to check") != 2 {
		t.Errorf("a change elsewhere: %v\n%s", err, out)
	}
}
