//go:build linux

// Command bench measures `writ build` against what people run on the same manifests anyway, and how it grows.
//
// One run is: a generated estate is compiled cold, by a whole process into an empty out/; the manifests are proved once more;
// kustomize builds the same manifests, a folder for each namespace and two at a time; istioctl of the Istio that writ validates
// with checks the same files; cp copies them. Of several runs the best of each counts, as it was disturbed least. What it prints
// is Markdown.
package main

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"writ.dev/writ/cmd/estategen/estate"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench: "+err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	runs := flag.Int("runs", 3, "how often everything is measured; the best counts")
	grow := flag.Int("grow", 10, "how many times larger the estate is that growth is measured with; 1 for none")
	disk := flag.String("dir", os.TempDir(), "the disk to measure on")
	record := flag.Bool("record", false, "only run the benchmarks of the stages, and record them")
	flag.Parse()
	if *record {
		return (&bench{ctx: ctx}).stages(recorded)
	}
	peers, err := install(ctx)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp(*disk, "writ-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work) // at the end: ext4 is slow to make files for seconds after many went
	b := &bench{ctx: ctx, dir: work, peers: peers}
	if err := b.command("go", "build", "-trimpath", "-o", b.writ(), "./cmd/writ").run(); err != nil {
		return err
	}
	for range *runs {
		if err := b.sideBySide(estate.Bench); err != nil {
			return err
		}
	}
	large := estate.Bench
	large.Services *= *grow
	if *grow > 1 {
		if err := b.larger(large); err != nil {
			return err
		}
	}
	b.print(large)
	for _, more := range []func() (string, error){b.personal, b.proofs} {
		table, err := more()
		if err != nil {
			return err
		}
		fmt.Print(table)
	}
	return b.compare()
}

// bench is what has been measured so far.
type bench struct {
	ctx   context.Context
	dir   string
	peers peers
	runs  int
	files int

	build, prove, kustomize, validate, copies, large cost
}

func (b *bench) writ() string { return filepath.Join(b.dir, "writ") }

// sideBySide is one run.
func (b *bench) sideBySide(shape estate.Shape) error {
	b.runs++
	root := filepath.Join(b.dir, fmt.Sprint("run-", b.runs))
	if err := shape.Write(root); err != nil {
		return err
	}
	out := filepath.Join(root, "out")
	if err := b.command(b.writ(), "build", "-C", root).best(&b.build); err != nil {
		return err
	}
	if err := b.command(b.writ(), "prove", "-C", root).best(&b.prove); err != nil {
		return err
	}
	shards, files, err := split(out, filepath.Join(root, "split"))
	if err != nil {
		return err
	}
	b.files = files
	kustomize, err := b.together(shards, 2)
	if err != nil {
		return err
	}
	b.kustomize.keep(kustomize)
	if err := b.command(b.peers.istioctl, "validate", "-f", out).best(&b.validate); err != nil {
		return err
	}
	return b.command("cp", "-r", out, filepath.Join(root, "copy")).best(&b.copies)
}

// larger measures a larger estate, once.
func (b *bench) larger(shape estate.Shape) error {
	root := filepath.Join(b.dir, "large")
	if err := shape.Write(root); err != nil {
		return err
	}
	return b.command(b.writ(), "build", "-C", root).best(&b.large)
}

// split copies the manifests of each namespace to a folder with a kustomization.
func split(out, to string) (shards []string, files int, err error) {
	manifests := map[string][]string{}
	err = filepath.WalkDir(out, func(path string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".yaml" {
			manifests[filepath.Dir(path)] = append(manifests[filepath.Dir(path)], d.Name())
			files++
		}
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	for dir, names := range manifests {
		below, err := filepath.Rel(out, dir)
		if err != nil {
			return nil, 0, err
		}
		shard := filepath.Join(to, below)
		if err := os.CopyFS(shard, os.DirFS(dir)); err != nil {
			return nil, 0, err
		}
		text := "resources:\n- " + strings.Join(names, "\n- ") + "\n"
		if err := os.WriteFile(filepath.Join(shard, "kustomization.yaml"), []byte(text), 0o644); err != nil {
			return nil, 0, err
		}
		shards = append(shards, shard)
	}
	slices.Sort(shards)
	return shards, files, nil
}

// together builds all shards with kustomize, so many at a time, as one cost.
func (b *bench) together(shards []string, atATime int) (cost, error) {
	start := time.Now()
	work, results := make(chan string), make(chan result)
	for range atATime {
		go func() {
			for shard := range work {
				results <- b.command(b.peers.kustomize, "build", shard).measure()
			}
		}()
	}
	go func() {
		defer close(work)
		for _, shard := range shards {
			work <- shard
		}
	}()
	var sum cost
	var failed error
	for range shards {
		r := <-results
		if r.err != nil {
			failed = r.err
		}
		sum.cpu += r.cpu
		sum.memory = max(sum.memory, int64(atATime)*r.memory)
	}
	sum.wall = time.Since(start)
	return sum, failed
}

func (b *bench) print(large estate.Shape) {
	fmt.Printf("%d services, %d manifests, %d processors, best of %d:\n\n", estate.Bench.Services, b.files, runtime.NumCPU(), b.runs)
	fmt.Println("| | wall | CPU | memory | writ takes, of its wall |\n|---|---|---|---|---|")
	for _, row := range []struct {
		name string
		cost cost
	}{
		{"`writ build`, from `policies/` to an empty `out/`", b.build},
		{"`writ prove` of all of `out/`", b.prove},
		{"`kustomize build` of a folder for each namespace, two at a time", b.kustomize},
		{"`istioctl validate`", b.validate},
		{"`cp -r`", b.copies},
	} {
		fmt.Printf("| %s | %s | %.2f |\n", row.name, row.cost, b.build.wall.Seconds()/row.cost.wall.Seconds())
	}
	if b.large.wall == 0 {
		return
	}
	fmt.Println("\n| services | wall | CPU | memory | times the wall |\n|---|---|---|---|---|")
	fmt.Printf("| %d | %s | 1 |\n| %d | %s | %.1f |\n", estate.Bench.Services, b.build, large.Services, b.large, b.large.wall.Seconds()/b.build.wall.Seconds())
}

// command is a program that is measured as a whole.
type command struct{ *exec.Cmd }

func (b *bench) command(name string, args ...string) command {
	return command{exec.CommandContext(b.ctx, name, args...)}
}
