package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	diff "github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"writ.dev/writ/compiler"
	"writ.dev/writ/compiler/codeowners"
)

func (a *app) codeowners() *cobra.Command {
	var check, write bool
	cmd := &cobra.Command{
		Use:   "codeowners",
		Short: "Write who agrees to changes of which documents into " + codeowners.Path,
		Long: "codeowners makes lines for " + codeowners.Path + " of what the documents say: policies/platform/ to the owners of the meshes,\n" +
			"policies/privacy/ to those of the Privacy document, the folder of each team to its own. The lines stand between two\n" +
			"comments; what is outside of them stays as it is.\n\n" +
			"It prints the whole file. With --write it writes it; with --check it writes nothing, prints the difference, and exits\n" +
			"with 1 if there is one. Once the file has the lines, `writ check` holds them too.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if check && write {
				return errors.New("--check and --write are opposites; leave out one")
			}
			return a.runCodeowners(cmd.Context(), check, write)
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "print what would change as a diff")
	cmd.Flags().BoolVar(&write, "write", false, "write the file, whole or not at all")
	return cmd
}

// codeownersDocument is what `writ codeowners --format json` prints.
type codeownersDocument struct {
	Path    string          `json:"path"`
	Lines   []ownerLineJSON `json:"lines"`
	Current bool            `json:"current"` // the file has been so before
	Written bool            `json:"written"`
}

type ownerLineJSON struct {
	Pattern string   `json:"pattern"`
	Owners  []string `json:"owners"`
}

func (a *app) runCodeowners(ctx context.Context, check, write bool) error {
	repo, err := a.open()
	if err != nil {
		return err
	}
	defer repo.Close()
	owners, err := compiler.CodeOwners(ctx, repo.FS())
	if err != nil {
		return err
	}
	if owners.Findings.Stops() {
		return a.stopped(&compiler.Result{Findings: owners.Findings, Sources: owners.Sources}, "nothing written")
	}
	if owners.Nobody {
		return errors.New("no Mesh says who owns policies/platform/: write spec.owners into its document")
	}
	before, err := repo.ReadFile(codeowners.Path)
	exists := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read %q: %w", codeowners.Path, bare(err))
	}
	after, err := codeowners.Render(before, owners.Lines)
	if err != nil {
		return err
	}
	current := exists && bytes.Equal(before, after)
	if write && !current {
		if err := create(repo, codeowners.Path, exists, before, after); err != nil {
			return err
		}
	}
	if err := a.tellOwners(owners.Lines, check, write, current, before, after); err != nil {
		return err
	}
	if check && !current {
		return errFails
	}
	return nil
}

func (a *app) tellOwners(lines []codeowners.Line, check, write, current bool, before, after []byte) error {
	switch {
	case a.format == formatJSON:
		doc := codeownersDocument{Path: codeowners.Path, Lines: []ownerLineJSON{}, Current: current, Written: write && !current}
		for _, l := range lines {
			doc.Lines = append(doc.Lines, ownerLineJSON{l.Pattern, slices.Clone(l.Owners)})
		}
		return a.json(doc)
	case current && (check || write):
		a.printf("%s is current\n", codeowners.Path)
	case write:
		a.printf("%s written: %s\n", codeowners.Path, count(len(lines), "line", "lines"))
	case check:
		a.raw(string(diff.Diff("a/"+codeowners.Path, before, "b/"+codeowners.Path, after)))
		a.printf("%s is not current: %s\n", codeowners.Path, a.command("codeowners --write"))
	default:
		a.raw(string(after))
	}
	return nil
}
