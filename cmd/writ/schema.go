package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"writ.dev/writ/compiler"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/schema"
)

func (a *app) schema() *cobra.Command {
	var estate bool
	var file string
	cmd := &cobra.Command{
		Use:   "schema [KIND]",
		Short: "Print the JSON Schema of the documents, for editors",
		Long: "schema prints one JSON Schema for all kinds of documents, or that of one kind.\n\n" +
			"With --estate its enumerations are the names of this repository: an editor then completes services and endpoints\n" +
			"across files. The words for personal data are its examples, with those of the organisation's own.",
		Example: "  writ schema --estate -o schema/estate.schema.json",
		Args:    atMostOne,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return kinds(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := a.schemaOf(cmd.Context(), args, estate)
			if err != nil {
				return err
			}
			if file == "" {
				_, err = a.stdout.Write(data)
				return err
			}
			return saveAt(file, data)
		},
	}
	cmd.Flags().BoolVar(&estate, "estate", false, "enumerate the names of this repository")
	cmd.Flags().StringVarP(&file, "output", "o", "", "write to `FILE` instead, whole or not at all")
	return cmd
}

func (a *app) schemaOf(ctx context.Context, args []string, estate bool) ([]byte, error) {
	switch {
	case estate && len(args) > 0:
		return nil, errors.New("--estate writes one schema for all kinds; leave out KIND")
	case len(args) > 0:
		return kindSchema(args[0])
	case !estate:
		return schema.Bundle()
	}
	repo, err := a.open()
	if err != nil {
		return nil, err
	}
	defer repo.Close()
	names, err := compiler.Names(ctx, repo.FS())
	if err != nil {
		return nil, err
	}
	return schema.Estate(names)
}

const schemaSuffix = ".schema.json"

func kindSchema(kind string) ([]byte, error) {
	all := kinds()
	for _, k := range all {
		if strings.EqualFold(k, kind) {
			return schema.FS.ReadFile(k + schemaSuffix)
		}
	}
	if near := diag.Nearest(kind, all); near != "" {
		return nil, fmt.Errorf("no kind %q; did you mean %s?", kind, near)
	}
	return nil, fmt.Errorf("no kind %q; expected %s", kind, diag.OneOf(all))
}

// kinds are the kinds that have a schema of their own, in lower case.
func kinds() []string {
	files, err := fs.Glob(schema.FS, "*"+schemaSuffix)
	must(err)
	var all []string
	for _, f := range files {
		if name := strings.TrimSuffix(f, schemaSuffix); name != "writ" && name != "common" {
			all = append(all, name)
		}
	}
	return all
}

// saveAt writes a file anywhere, at once.
func saveAt(file string, data []byte) error {
	root, err := os.OpenRoot(filepath.Dir(file))
	if err != nil {
		return fmt.Errorf("write %q: %w", file, bare(err))
	}
	defer root.Close()
	return save(root, filepath.Base(file), data, 0o644)
}
