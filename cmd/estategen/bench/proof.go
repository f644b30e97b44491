//go:build linux

package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"writ.dev/writ/cmd/estategen/estate"
)

// proofs is the table of what the proof takes of estates with many rules: once, and once more at twice the size. Reading and proving
// are told apart by a benchmark on one processor.
func (b *bench) proofs() (string, error) {
	parts, err := b.proofParts()
	if err != nil {
		return "", err
	}
	var table strings.Builder
	table.WriteString("\nThe proof of one cluster with twelve rules on average, as a process:\n\n" +
		"| services | `writ prove` wall | CPU | memory | reading, one processor | proving, one processor | `istioctl validate` wall | CPU | memory |\n" +
		"|---|---|---|---|---|---|---|---|---|\n")
	for _, times := range []int{1, 2} {
		shape := estate.Proof
		shape.Services *= times
		root := filepath.Join(b.dir, fmt.Sprint("proof-", times))
		if err := shape.Write(root); err != nil {
			return "", err
		}
		if err := b.command(b.writ(), "build", "-C", root).run(); err != nil {
			return "", err
		}
		prove, validate := b.command(b.writ(), "prove", "-C", root).measure(), b.command(b.peers.istioctl, "validate", "-f", filepath.Join(root, "out")).measure()
		for _, r := range []result{prove, validate} {
			if r.err != nil {
				return "", r.err
			}
		}
		read, all := parts[fmt.Sprintf("services=%d/Read", shape.Services)], parts[fmt.Sprintf("services=%d/Prove", shape.Services)]
		fmt.Fprintf(&table, "| %d | %s | %.2f s | %.2f s | %s |\n", shape.Services, prove.cost, read, all-read, validate.cost)
	}
	return table.String(), nil
}

// proofParts is what the benchmarks of the proof say, in seconds by name.
func (b *bench) proofParts() (map[string]float64, error) {
	cmd := b.command("go", "test", "./compiler", "-run", "^$", "-bench", "^BenchmarkProof$", "-benchtime", "1x", "-cpu", "1")
	var text bytes.Buffer
	cmd.Stdout = &text
	if err := cmd.run(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, text.Bytes())
	}
	return seconds(text.String())
}

// seconds reads what benchmarks print: a name behind that of the function, how often it ran, and nanoseconds.
func seconds(text string) (map[string]float64, error) {
	all := map[string]float64{}
	for line := range strings.Lines(text) {
		name, isBenchmark := strings.CutPrefix(line, "BenchmarkProof/")
		if !isBenchmark {
			continue
		}
		fields := strings.Fields(name)
		if len(fields) < 4 || fields[3] != "ns/op" {
			return nil, fmt.Errorf("benchmark printed %q", line)
		}
		ns, err := strconv.ParseFloat(fields[2], 64)
		if err != nil {
			return nil, err
		}
		all[fields[0]] = ns / 1e9
	}
	return all, nil
}
