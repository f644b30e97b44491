package istio

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
	kubernetes "sigs.k8s.io/yaml"

	"writ.dev/writ/compiler/emit"
)

// readsAlike holds plainJSON against Kubernetes' reader, and reports whether the manifest is plain.
func readsAlike(t fataler, data []byte) bool {
	t.Helper()
	got, ok := plainJSON(data)
	if !ok {
		return false
	}
	want, err := kubernetes.YAMLToJSONStrict(data)
	if err != nil {
		t.Fatalf("Kubernetes refuses what was read plainly: %v\n%s", err, data)
	}
	var a, b any
	if err := json.Unmarshal(got, &a); err != nil {
		t.Fatalf("%v\n%s", err, got)
	}
	if err := json.Unmarshal(want, &b); err != nil {
		t.Fatalf("%v\n%s", err, want)
	}
	if d := cmp.Diff(b, a); d != "" {
		t.Fatalf("%s\n%s", d, data)
	}
	return true
}

func TestPlainManifestsAreReadAsKubernetesReads(t *testing.T) {
	for _, s := range scalars {
		for _, m := range []manifest{everywhere(s, "b", "c"), everywhere("a", s, "c"), everywhere("a", "b", s)} {
			readsAlike(t, m.encode())
		}
	}
	for _, o := range Render(t.Context(), largeCluster(3)) {
		if !readsAlike(t, o.Data) {
			t.Errorf("this is not plain:\n%s", o.Data)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(nearlyPlain(), rapid.SampledFrom(scalars))
		m := everywhere(text.Draw(t, "a"), text.Draw(t, "b"), text.Draw(t, "c"))
		readsAlike(t, m.encode())
	})
}

// TestNearlyPlainManifestsAreReadAsKubernetesReads: lines that are moved, cut, doubled and joined are mostly not plain any more.
func TestNearlyPlainManifestsAreReadAsKubernetesReads(t *testing.T) {
	plain := 0
	usual := Render(t.Context(), largeCluster(3))
	rapid.Check(t, func(t *rapid.T) {
		objects := append(Render(t.Context(), clusters().Draw(t, "cluster")), usual...)
		text := string(rapid.SampledFrom(objects).Draw(t, "object").Data)
		lines := strings.SplitAfter(strings.TrimPrefix(text, emit.Header), "\n")
		for range rapid.IntRange(0, 2).Draw(t, "mutations") {
			i, j := rapid.IntRange(0, len(lines)-1).Draw(t, "i"), rapid.IntRange(0, len(lines)-1).Draw(t, "j")
			switch rapid.IntRange(0, 5).Draw(t, "mutation") {
			case 0:
				lines[i] = lines[j]
			case 1:
				lines[i], lines[j] = lines[j], lines[i]
			case 2:
				lines[i] = "  " + lines[i]
			case 3:
				lines[i] = strings.TrimPrefix(lines[i], "  ")
			case 4:
				lines[i] = ""
			case 5:
				at := rapid.IntRange(0, len(lines[i])).Draw(t, "at")
				lines[i] = lines[i][:at] + rapid.SampledFrom([]string{" ", ":", "- ", ": ", "{}", "\"", "#", ",", "\n", "|-", "a"}).Draw(t, "text") + lines[i][at:]
			}
		}
		if readsAlike(t, []byte(emit.Header+strings.Join(lines, ""))) {
			plain++
		}
	})
	if plain == 0 {
		t.Error("nothing was plain")
	}
}

// FuzzPlainJSON is the same for manifests that the fuzzer finds.
func FuzzPlainJSON(f *testing.F) {
	for _, o := range Render(f.Context(), largeCluster(2)) {
		f.Add(strings.TrimPrefix(string(o.Data), emit.Header))
	}
	f.Add("a: {}\nb: []\nc: [a, \"1\"]\nd: |-\n  x: y\n  z\ne:\n- {}\n- f\n- g: h\n  i: j\n")
	f.Fuzz(func(t *testing.T, text string) { readsAlike(t, []byte(emit.Header+text)) })
}
