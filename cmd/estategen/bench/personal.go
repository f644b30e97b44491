//go:build linux

package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"writ.dev/writ/cmd/estategen/estate"
)

// personal is the table of what it takes to follow personal data: one estate as it is, and with what each of its Services says that
// it processes. More text to read is part of that.
func (b *bench) personal() (string, error) {
	var table strings.Builder
	table.WriteString("\n`writ build` without and with what is said of personal data:\n\n" +
		"| services | wall | CPU | memory | times the wall |\n|---|---|---|---|---|\n")
	var without cost
	for _, tagged := range []bool{false, true} {
		shape := estate.Proof
		shape.Personal = tagged
		root := filepath.Join(b.dir, fmt.Sprint("personal-", tagged))
		if err := shape.Write(root); err != nil {
			return "", err
		}
		r := b.command(b.writ(), "build", "-C", root).measure()
		if r.err != nil {
			return "", r.err
		}
		name := fmt.Sprint(shape.Services)
		if tagged {
			name += ", tagged"
		} else {
			without = r.cost
		}
		fmt.Fprintf(&table, "| %s | %s | %.2f |\n", name, r.cost, r.wall.Seconds()/without.wall.Seconds())
	}
	return table.String(), nil
}
