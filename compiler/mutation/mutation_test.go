package mutation

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// packages are those that faults are planted in: what the proof trusts.
var packages = []string{"model", "check", "plan"}

// tested are the tests that a fault has to pass that no example notices, each by the package whose binary has them. What compiles
// estates of any kind again, for minutes, is not among them: the examples have done so. What is drawn at random is drawn the same
// for each fault.
var tested = []struct {
	pkg, run string
	flags    []string
}{
	{"compiler/model", ".", always},
	{"compiler/check", ".", always},
	{"compiler/plan", ".", nil},
	{"compiler/privacy", ".", nil},
	{"compiler/weaken", ".", nil},
	{"compiler/query", "^Test(Explain|TheEditKeeps)", nil},
	{
		"compiler", "^Test(AChange|AnOverlay|Describe|Diffs|OneCaller|OneMore|Passages|PortsPast|TestsAreJudged|TooMuch|TheEditOfANoAllowsItAnywhere" +
			// what is said of personal data, and judged by the base
			"|ACallers|ADocument|ANewCaller|ATagged|AWeakening|AWider|Accounting|AnApproval|AnEnd|AnIgnore|Approvals|Grounds|NothingIsRemoved" +
			"|OneMistake|OnlyThePrivacy|Registers|ReviewAlone|TheBaseDecides|WhatABreach|WhatIs|WhatServices|WhoAnswers|WhoHas|WhoIsNot|WhoReads)",
		always,
	},
}

var always = []string{"-rapid.seed=1", "-rapid.nofailfile"}

// TestEveryFaultIsNoticed plants every fault in turn and says which of them no test notices. Those are justified, each by a line
// of survivors.txt, or they are tests that are missing. It takes minutes: `make faults` runs it. SHARE=1/4 takes the second of
// every four faults alone, FAULTS=<pattern> those with such keys.
func TestEveryFaultIsNoticed(t *testing.T) {
	if os.Getenv("WRIT_MUTATION") == "" {
		t.Skip("make faults runs it")
	}
	b := build(t)
	noticed := b.byExamples(t)
	var left []Fault
	for _, f := range b.faults {
		if noticed[f.ID] == "" {
			left = append(left, f)
		}
	}
	fmt.Fprintf(os.Stderr, "%d faults, %d noticed by examples and by the second derivation; trying the others with other tests\n", len(b.faults), len(noticed))
	survivors := b.byTests(t, left)
	t.Logf("%d faults: %d noticed by examples and by the second derivation, %d by other tests, %d survive",
		len(b.faults), len(noticed), len(left)-len(survivors), len(survivors))
	judge(t, b.faults, survivors)
}

// share is those faults that the environment asks for, by a pattern of their keys and by a part of all. Faults of one key go together.
func share(t *testing.T, all []Fault) []Fault {
	t.Helper()
	if pattern := os.Getenv("FAULTS"); pattern != "" {
		of, err := regexp.Compile(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = slices.DeleteFunc(all, func(f Fault) bool { return !of.MatchString(f.Key()) })
	}
	asked := os.Getenv("SHARE")
	if asked == "" {
		return all
	}
	var k, n int
	if _, err := fmt.Sscanf(asked, "%d/%d", &k, &n); err != nil || k < 0 || k >= n {
		t.Fatalf("SHARE=%s is no share, like 0/4", asked)
	}
	return slices.DeleteFunc(all, func(f Fault) bool {
		h := fnv.New32a()
		_, _ = h.Write([]byte(f.Key()))
		return int(h.Sum32()%uint32(n)) != k
	})
}

// built is the instrumented test binaries.
type built struct {
	faults   []Fault           // those that are tried
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
	b.faults = share(t, b.faults)
	dir := t.TempDir()
	for _, of := range tested {
		pkg := of.pkg
		bin := filepath.Join(dir, strings.ReplaceAll(pkg, "/", "_")+".test")
		cmd := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-overlay", list, "-o", bin, "./"+pkg)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		b.binaries[pkg] = bin
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
	var ids []string
	for _, f := range b.faults {
		ids = append(ids, strconv.Itoa(f.ID))
	}
	dir := t.TempDir()
	var wg sync.WaitGroup
	for share := range shares {
		wg.Go(func() {
			out := filepath.Join(dir, fmt.Sprintf("noticed-%d.json", share))
			cmd := exec.CommandContext(t.Context(), b.binaries["compiler"], "-test.run", "^TestPlantedInPackages$", "-test.timeout", "60m")
			cmd.Dir = filepath.Join(b.root, "compiler")
			cmd.Env = append(os.Environ(), "PLANTED_OUT="+out, fmt.Sprintf("PLANTED_SHARE=%d", share),
				fmt.Sprintf("PLANTED_SHARES=%d", shares), "PLANTED_FAULTS="+strings.Join(ids, " "))
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

// one is a test function of a package.
type one struct {
	pkg, name string
	flags     []string
	took      time.Duration
	reaches   map[int]bool // faults
}

// byTests are the faults that no test function notices either. A fault is tried with those tests alone that pass its place, the
// quickest first.
func (b *built) byTests(t *testing.T, left []Fault) []Fault {
	t.Helper()
	var tests []*one
	for _, of := range tested {
		list, err := exec.CommandContext(t.Context(), b.binaries[of.pkg], "-test.list", of.run).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range strings.Fields(string(list)) {
			if !strings.HasPrefix(name, "Benchmark") {
				tests = append(tests, &one{pkg: of.pkg, name: name, flags: of.flags})
			}
		}
	}
	each(tests, func(test *one) { b.reach(t, test) })
	if t.Failed() {
		t.FailNow()
	}
	slices.SortFunc(tests, func(a, b *one) int { return cmp.Compare(a.took, b.took) })
	survives := make([]bool, len(left))
	numbers := make([]int, len(left))
	for i := range numbers {
		numbers[i] = i
	}
	each(numbers, func(i int) {
		f := left[i]
		survives[i] = !slices.ContainsFunc(tests, func(test *one) bool {
			return test.reaches[f.ID] && b.command(t, test, fmt.Sprintf("PLANTED_NOW=%d", f.ID)).Run() != nil
		})
	})
	var all []Fault
	for i, f := range left {
		if survives[i] {
			all = append(all, f)
		}
	}
	return all
}

// each calls do with every element, on all cores.
func each[T any](all []T, do func(T)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(all)); i = next.Add(1) - 1 {
				do(all[i])
			}
		})
	}
	wg.Wait()
}

// reach runs the test without a fault, for the places that it passes and the time that it takes.
func (b *built) reach(t *testing.T, test *one) {
	passed := filepath.Join(t.TempDir(), "reached")
	start := time.Now()
	if said, err := b.command(t, test, "PLANTED_REACHED="+passed).CombinedOutput(); err != nil {
		t.Errorf("%s %s fails without a fault: %v: %s", test.pkg, test.name, err, said[max(0, len(said)-2000):])
	}
	test.took, test.reaches = time.Since(start), map[int]bool{}
	data, err := os.ReadFile(passed)
	if err != nil && !os.IsNotExist(err) { // not there: it passes none
		t.Error(err)
	}
	for _, id := range strings.Fields(string(data)) {
		n, _ := strconv.Atoi(id)
		test.reaches[n] = true
	}
}

func (b *built) command(t *testing.T, test *one, env string) *exec.Cmd {
	flags := append([]string{"-test.run", "^" + test.name + "$", "-test.failfast", "-test.short", "-test.timeout", "60s"}, test.flags...)
	cmd := exec.CommandContext(t.Context(), b.binaries[test.pkg], flags...)
	cmd.Dir = filepath.Join(b.root, filepath.FromSlash(test.pkg))
	cmd.Env = append(os.Environ(), env)
	return cmd
}

// judge holds the survivors against survivors.txt: below a line of # that says why no test can or need notice them, or that none
// does yet, a fault's key a line.
func judge(t *testing.T, tried, survivors []Fault) {
	t.Helper()
	data, err := os.ReadFile("survivors.txt")
	if err != nil {
		t.Fatal(err)
	}
	justified, why := map[string]bool{}, ""
	for line := range strings.Lines(string(data)) {
		switch line = strings.TrimSuffix(line, "\n"); {
		case strings.HasPrefix(line, "# "):
			why = line
		case line == "":
			why = ""
		case why == "":
			t.Errorf("survivors.txt: %q stands below no reason", line)
		default:
			justified[line] = true
		}
	}
	survives := map[string]bool{}
	for _, f := range survivors {
		survives[f.Key()] = true
		if !justified[f.Key()] {
			t.Errorf("no test notices %s: %s\n\t%s", f.Place, f.Change, f.Key())
		}
	}
	known := map[string]bool{}
	for _, f := range tried {
		known[f.Key()] = true
		if justified[f.Key()] && !survives[f.Key()] {
			t.Errorf("survivors.txt justifies a fault that is noticed: %s", f.Key())
		}
	}
	for _, key := range slices.Sorted(maps.Keys(justified)) {
		if !known[key] && os.Getenv("SHARE") == "" && os.Getenv("FAULTS") == "" {
			t.Errorf("survivors.txt justifies a fault that is gone: %s", key)
		}
	}
}
