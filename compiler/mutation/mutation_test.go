package mutation

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// packages are those that faults are planted in: what the proof trusts.
var packages = []string{"model", "check", "plan"}

// slower are the tests that a fault has to pass that no example notices, each by the package whose binary has them.
var slower = []struct{ pkg, run string }{
	{"compiler/model", "."},
	{"compiler/plan", "."},
	{"compiler", "TestFingerprints|TestAChangeFails|TestOneMoreOfTheSame|TestDescribe|TestOneCaller|TestIgnore|TestPassages|TestDiffs|TestNaiveAgreesOnGolden"},
}

// TestEveryFaultIsNoticed plants every fault in turn and says which of them no test notices. Those are justified, each by a line
// of survivors.txt, or they are tests that are missing. It takes minutes: `make mutation` runs it.
func TestEveryFaultIsNoticed(t *testing.T) {
	if os.Getenv("WRIT_MUTATION") == "" {
		t.Skip("make mutation runs it")
	}
	b := build(t)
	noticed := b.byExamples(t)
	var left []Fault
	for _, f := range b.faults {
		if noticed[f.ID] == "" {
			left = append(left, f)
		}
	}
	fmt.Fprintf(os.Stderr, "%d faults, %d noticed by examples and by the second derivation; trying the others with slower tests\n", len(b.faults), len(noticed))
	survivors := b.bySlowerTests(t, left)
	t.Logf("%d faults: %d noticed by examples and by the second derivation, %d by other tests, %d survive",
		len(b.faults), len(noticed), len(left)-len(survivors), len(survivors))
	judge(t, survivors)
}

// built is the instrumented test binaries.
type built struct {
	faults   []Fault
	binaries map[string]string // by package
	root     string
}

func build(t *testing.T) *built {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	b := &built{root: root, binaries: map[string]string{}}
	list := b.overlay(t)
	dir := t.TempDir()
	for _, s := range slower {
		bin := filepath.Join(dir, strings.ReplaceAll(s.pkg, "/", "_")+".test")
		cmd := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-overlay", list, "-o", bin, "./"+s.pkg)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		b.binaries[s.pkg] = bin
	}
	return b
}

// overlay writes the instrumented files, and the list by which the go command takes them for the real ones.
func (b *built) overlay(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	replace := map[string]string{}
	lay := func(target string, data []byte) {
		file := filepath.Join(dir, strconv.Itoa(len(replace))+".go")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		replace[target] = file
	}
	for _, name := range packages {
		files, faults, err := Plant(filepath.Join(b.root, "compiler", name), len(b.faults)+1)
		if err != nil {
			t.Fatal(err)
		}
		b.faults = append(b.faults, faults...)
		for target, data := range files {
			lay(target, data)
		}
	}
	for target, source := range map[string]string{
		"compiler/mutation/planted/planted.go": "planted.go.txt",
		"compiler/planted_in_packages_test.go": "planted_test.go.txt",
	} {
		data, err := os.ReadFile(filepath.Join("testdata", source))
		if err != nil {
			t.Fatal(err)
		}
		lay(filepath.Join(b.root, filepath.FromSlash(target)), data)
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return list
}

// byExamples tries every fault with golden cases, rules' examples and estates, in a process for each processor. It says which
// trial noticed which fault.
func (b *built) byExamples(t *testing.T) map[int]string {
	t.Helper()
	shares := runtime.GOMAXPROCS(0)
	results := make([]map[int]string, shares)
	dir := t.TempDir()
	var wg sync.WaitGroup
	for share := range shares {
		wg.Go(func() {
			out := filepath.Join(dir, fmt.Sprintf("noticed-%d.json", share))
			cmd := exec.CommandContext(t.Context(), b.binaries["compiler"], "-test.run", "^TestPlantedInPackages$", "-test.timeout", "60m")
			cmd.Dir = filepath.Join(b.root, "compiler")
			cmd.Env = append(os.Environ(), "PLANTED_OUT="+out, fmt.Sprintf("PLANTED_SHARE=%d", share),
				fmt.Sprintf("PLANTED_SHARES=%d", shares), fmt.Sprintf("PLANTED_FAULTS=%d", len(b.faults)))
			if said, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, said[max(0, len(said)-2000):])
				return
			}
			data, err := os.ReadFile(out)
			if err == nil {
				err = json.Unmarshal(data, &results[share])
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	all := map[int]string{}
	for _, r := range results {
		maps.Copy(all, r)
	}
	return all
}

// bySlowerTests are the faults that no other test notices either.
func (b *built) bySlowerTests(t *testing.T, left []Fault) []Fault {
	t.Helper()
	survives := make([]bool, len(left))
	next := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				survives[i] = b.survives(t, left[i])
			}
		})
	}
	for i := range left {
		next <- i
	}
	close(next)
	wg.Wait()
	var all []Fault
	for i, f := range left {
		if survives[i] {
			all = append(all, f)
		}
	}
	return all
}

func (b *built) survives(t *testing.T, f Fault) bool {
	for _, s := range slower {
		cmd := exec.CommandContext(t.Context(), b.binaries[s.pkg], "-test.run", s.run, "-test.failfast", "-test.short", "-test.timeout", "60s")
		cmd.Dir = filepath.Join(b.root, filepath.FromSlash(s.pkg))
		cmd.Env = append(os.Environ(), fmt.Sprintf("PLANTED_NOW=%d", f.ID))
		if cmd.Run() != nil {
			return false
		}
	}
	return true
}

// judge holds the survivors against survivors.txt: a line each, the fault's key, a tab and why no test can or need notice it.
func judge(t *testing.T, survivors []Fault) {
	t.Helper()
	data, err := os.ReadFile("survivors.txt")
	if err != nil {
		t.Fatal(err)
	}
	justified := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		key, why, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") || key == "" {
			continue
		}
		if !ok || strings.TrimSpace(why) == "" {
			t.Errorf("survivors.txt: %q has no reason behind a tab", key)
		}
		justified[key] = true
	}
	used := map[string]bool{}
	for _, f := range survivors {
		used[f.Key()] = true
		if !justified[f.Key()] {
			t.Errorf("no test notices %s: %s\n\t%s", f.Place, f.Change, f.Key())
		}
	}
	for _, key := range slices.Sorted(maps.Keys(justified)) {
		if !used[key] {
			t.Errorf("survivors.txt justifies a fault that is noticed or gone: %s", key)
		}
	}
}
