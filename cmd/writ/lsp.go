package main

import (
	"errors"
	"io"
	"io/fs"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"writ.dev/writ/compiler/lsp"
)

func (a *app) lsp() *cobra.Command {
	return &cobra.Command{
		Use:   "lsp",
		Short: "Speak the Language Server Protocol, for editors",
		Long: "lsp speaks the Language Server Protocol over standard input and output: findings as one types, completion, hover,\n" +
			"definitions, and the edits of findings as quick fixes.\n\n" +
			"It works on the folder that the editor opens, unless -C says another. An editor starts it; there is nothing to type.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runLSP(cmd) },
	}
}

func (a *app) runLSP(cmd *cobra.Command) error {
	opts := lsp.Options{Open: a.openIn, Today: a.today(cmd), Version: readVersion(debug.ReadBuildInfo()).Version}
	if cmd.Flags().Changed("dir") {
		opts.Dir = a.dir
	}
	err := lsp.Serve(cmd.Context(), pipe{cmd.InOrStdin(), a.stdout}, opts)
	if errors.Is(err, lsp.ErrAbrupt) {
		return errFails // the protocol asks for the code, and nobody is left to read words
	}
	return err
}

// openIn opens the repository that the editor works on.
func (a *app) openIn(dir string) (fs.FS, error) {
	in := *a
	in.dir = dir
	root, err := in.open()
	if err != nil {
		return nil, err
	}
	return root.FS(), nil
}

// today is the day that --as-of says, or else the present one: a session may last over midnight.
func (a *app) today(cmd *cobra.Command) func() string {
	if cmd.Flags().Changed("as-of") {
		return func() string { return a.asOf }
	}
	return func() string { return time.Now().UTC().Format(time.DateOnly) }
}

// pipe is what a client talks through. It closes with the process.
type pipe struct {
	io.Reader
	io.Writer
}

func (pipe) Close() error { return nil }
