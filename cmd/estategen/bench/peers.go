//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	kustomizePackage = "sigs.k8s.io/kustomize/kustomize/v5"
	kustomizeVersion = "v5.8.2"
	istioctlPackage  = "istio.io/istio/istioctl/cmd/istioctl"
)

// peers are the programs that writ is measured against. They are built from source once, into the user's cache: neither is a
// dependency of this module.
type peers struct{ kustomize, istioctl string }

func install(ctx context.Context) (peers, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return peers{}, err
	}
	istio, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Version}}", "istio.io/istio").Output()
	if err != nil {
		return peers{}, fmt.Errorf("find the version of Istio: %w", err)
	}
	var p peers
	if p.kustomize, err = program(ctx, cache, "kustomize", kustomizePackage, kustomizeVersion); err != nil {
		return peers{}, err
	}
	p.istioctl, err = program(ctx, cache, "istioctl", istioctlPackage, strings.TrimSpace(string(istio)))
	return p, err
}

// program is the path of the program at the version, which is built where it is not there yet. It is built in a module that is
// made for it: `go install` refuses modules with replacements, such as Istio's.
func program(ctx context.Context, cache, name, pkg, version string) (string, error) {
	dir := filepath.Join(cache, "writ-bench", name+"@"+version)
	built := filepath.Join(dir, name)
	if _, err := os.Stat(built); err == nil {
		return built, nil
	}
	fmt.Fprintf(os.Stderr, "building %s %s, which takes minutes the first time\n", name, version)
	source, err := os.MkdirTemp("", "writ-bench-"+name+"-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(source)
	for _, args := range [][]string{
		{"mod", "init", "bench.invalid/" + name},
		{"get", pkg + "@" + version},
		{"build", "-o", built, pkg},
	} {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir = source
		if said, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, said)
		}
	}
	return built, nil
}
