//go:build linux

package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	benchstat = "golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da"
	// recorded is the last record, in the benchmarks' own format.
	recorded = "cmd/estategen/bench/recorded.txt"
	// tolerated is how many percent a benchmark may grow before it is shown.
	tolerated = 20
)

// stages runs the benchmarks of the compiler's stages and writes what they print to a file. Benchstat asks for six runs.
func (b *bench) stages(file string) error {
	cmd := b.command("go", "test", "./compiler", "-run", "^$", "-bench", "^BenchmarkStage$", "-benchtime", "5x", "-count", "6")
	var text bytes.Buffer
	cmd.Stdout = &text
	if err := cmd.run(); err != nil {
		return err
	}
	return os.WriteFile(file, text.Bytes(), 0o644)
}

// compare says which benchmarks have grown since the last record.
func (b *bench) compare() error {
	now := filepath.Join(b.dir, "now.txt")
	if err := b.stages(now); err != nil {
		return err
	}
	cmd := b.command("go", "run", benchstat, "-format", "csv", recorded, now)
	var table bytes.Buffer
	cmd.Stdout = &table
	if err := cmd.run(); err != nil {
		return err
	}
	all, err := grown(&table)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		fmt.Printf("\nNo stage takes %d %% more than recorded.\n", tolerated)
		return nil
	}
	fmt.Printf("\nGrown since the record in %s, which may be of another machine:\n\n", recorded)
	for _, line := range all {
		fmt.Println("* " + line)
	}
	return nil
}

// grown reads benchstat's CSV: tables, each with a line of units, the changes in the column that is called "vs base".
func grown(table io.Reader) ([]string, error) {
	r := csv.NewReader(table)
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read what benchstat says: %w", err)
	}
	var all []string
	unit, change := "", -1
	for _, row := range rows {
		for i, field := range row {
			if field == "vs base" {
				unit, change = row[1], i
			}
		}
		if change < 0 || change >= len(row) || row[0] == "" || row[0] == "geomean" {
			continue
		}
		percent, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimPrefix(row[change], "+"), "%"), 64)
		if err == nil && percent >= tolerated {
			all = append(all, fmt.Sprintf("%s: %s %s", row[0], row[change], unit))
		}
	}
	return all, nil
}
