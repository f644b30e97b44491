package main

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestVersionIsWhatTheGoCommandWrote into a release, and says what is not known of a build without it.
func TestVersionIsWhatTheGoCommandWrote(t *testing.T) {
	t.Parallel()
	unknown := versionJSON{
		Version: "(devel)", APIVersion: "writ.dev/v1alpha1", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Istio: "(unknown)", Kustomize: "(unknown)",
	}
	if d := cmp.Diff(unknown, readVersion(nil, false)); d != "" {
		t.Error(d)
	}
	release := unknown
	release.Version, release.Revision, release.Time, release.Modified = "v0.1.0", "3749d06", "2026-11-23T22:09:31Z", true
	release.Istio, release.Kustomize = "v1.31.0", "v0.21.2"
	got := readVersion(&debug.BuildInfo{
		Main: debug.Module{Path: "writ.dev/writ", Version: "v0.1.0"},
		Deps: []*debug.Module{{Path: "istio.io/istio", Version: "v1.31.0"}, {Path: "sigs.k8s.io/kustomize/api", Version: "v0.21.2"}},
		Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "3749d06"}, {Key: "vcs.time", Value: "2026-11-23T22:09:31Z"}, {Key: "vcs.modified", Value: "true"},
		},
	}, true)
	if d := cmp.Diff(release, got); d != "" {
		t.Error(d)
	}
}
