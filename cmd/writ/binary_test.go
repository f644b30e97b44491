package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTheBinaryIsSmallAndQuick builds writ as it is shipped. Limits are the ones that the design promises; less than half of each
// was used when they were set.
func TestTheBinaryIsSmallAndQuick(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary")
	}
	const (
		maxSize  = 50 << 20
		maxStart = 50 * time.Millisecond
	)
	binary := filepath.Join(t.TempDir(), "writ")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	info, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > maxSize {
		t.Errorf("the binary has %d MiB, more than %d", info.Size()>>20, maxSize>>20)
	}
	best := time.Hour
	for range 20 {
		start := time.Now()
		out, err := exec.Command(binary, "version").Output()
		best = min(best, time.Since(start))
		if err != nil || !bytes.HasPrefix(out, []byte("writ ")) {
			t.Fatalf("%v: %q", err, out)
		}
	}
	if best > maxStart {
		t.Errorf("`writ version` takes %v at best, more than %v", best, maxStart)
	}
	t.Logf("%.1f MiB, start in %v", float64(info.Size())/(1<<20), best)
}

// TestHeavyPackagesStayOut names what would add half as much again to the binary and to its start, for nothing that it does.
func TestHeavyPackagesStayOut(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := false
	for pkg := range strings.Lines(string(out)) {
		pkg = strings.TrimSpace(pkg)
		seen = seen || pkg == "istio.io/istio/pkg/config/validation"
		for _, heavy := range []string{"k8s.io/client-go", "istio.io/istio/pkg/config/crd", "testing"} {
			if pkg == heavy || strings.HasPrefix(pkg, heavy+"/") {
				t.Errorf("%s is linked", pkg)
			}
		}
	}
	if !seen {
		t.Error("Istio's validation is not linked: is this list still the binary's?")
	}
}
