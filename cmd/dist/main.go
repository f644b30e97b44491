// Command dist makes the archives of a release: writ for each platform, with its licences, a bill of materials, and checksums of all.
//
// The same commit gives the same bytes on every machine: the Go command is told to forget where it ran, and each time is the commit's.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// platforms are what a release is for.
var platforms = []string{"darwin/amd64", "darwin/arm64", "linux/amd64", "linux/arm64", "windows/amd64", "windows/arm64"}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	source := flag.String("C", ".", "the repository `DIR` of writ, at the commit to release")
	out := flag.String("out", "bin/dist", "the `DIR` to make, below the repository unless absolute")
	only := flag.String("only", "", "`PLATFORMS` like linux/amd64, separated by commas; all unless said")
	version := flag.String("version", "", "fail unless this is the `VERSION`, which is the tag of the commit")
	flag.Parse()
	d := dist{Source: *source, Out: *out, Platforms: platforms, Version: *version, Told: os.Stdout}
	if *only != "" {
		d.Platforms = strings.Split(*only, ",")
	}
	if err := d.run(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "dist: %v\n", err)
		os.Exit(2)
	}
}

// dist is one run.
type dist struct {
	Source, Out, Version string
	Platforms            []string
	Told                 *os.File
	Env                  []string // beside the environment
}

func (d *dist) run(ctx context.Context) error {
	begun := time.Now()
	if !filepath.IsAbs(d.Out) {
		d.Out = filepath.Join(d.Source, d.Out)
	}
	for _, p := range d.Platforms {
		if !slices.Contains(platforms, p) {
			return fmt.Errorf("%q is no platform; expected some of %s", p, strings.Join(platforms, ", "))
		}
	}
	temp, err := os.MkdirTemp("", "writ-dist-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	common, err := d.common(ctx, temp)
	if err != nil {
		return err
	}
	made := filepath.Join(temp, "made")
	if err := os.Mkdir(made, 0o755); err != nil {
		return err
	}
	for _, p := range d.Platforms {
		name, size, err := d.archive(ctx, p, temp, made, common)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		fmt.Fprintf(d.Told, "%-44s %5.1f MiB  after %.0fs\n", name, float64(size)/(1<<20), time.Since(begun).Seconds())
	}
	if err := checksums(made); err != nil {
		return err
	}
	return replaceDir(d.Out, made)
}

// replaceDir gives the folder the files, and nothing of an earlier run beside them.
func replaceDir(to, from string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return os.CopyFS(to, os.DirFS(from))
}

// file is one file of an archive.
type file struct {
	name string
	data []byte
	mode os.FileMode
}

// common are the files that every archive has. The completions are printed by writ for this machine.
func (d *dist) common(ctx context.Context, temp string) ([]file, error) {
	var all []file
	for _, name := range []string{"LICENSE", "NOTICE", "README.md"} {
		data, err := os.ReadFile(filepath.Join(d.Source, name))
		if err != nil {
			return nil, err
		}
		all = append(all, file{name, data, 0o644})
	}
	here := filepath.Join(temp, "here")
	if err := d.build(ctx, here); err != nil {
		return nil, err
	}
	for shell, name := range map[string]string{"bash": "writ.bash", "zsh": "_writ", "fish": "writ.fish", "powershell": "writ.ps1"} {
		data, err := exec.CommandContext(ctx, here, "completion", shell).Output()
		if err != nil {
			return nil, fmt.Errorf("writ completion %s: %w", shell, err)
		}
		all = append(all, file{"completions/" + name, data, 0o644})
	}
	return all, nil
}

// goTool runs the Go command in the repository, for a platform where env says one.
func (d *dist) goTool(ctx context.Context, env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = d.Source
	// What somebody has set for every build of theirs is no part of a release.
	cmd.Env = slices.Concat(os.Environ(), []string{"GOFLAGS=-mod=readonly", "GOWORK=off", "CGO_ENABLED=0", "GOEXPERIMENT=", "GOAMD64=v1", "GOARM64=v8.0", "GOFIPS140=off"}, d.Env, env)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, fmt.Errorf("go %s: %w\n%s", args[0], err, exit.Stderr)
	}
	return out, err
}

// build builds writ. The commit is stamped into it by the Go command, so it must be a git repository; the paths of this machine are not.
func (d *dist) build(ctx context.Context, to string, env ...string) error {
	_, err := d.goTool(ctx, env, "build", "-buildvcs=true", "-trimpath", "-ldflags=-s -w -buildid=", "-o", to, "./cmd/writ")
	return err
}
