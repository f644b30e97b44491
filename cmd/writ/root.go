package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"writ.dev/writ/compiler/diag"
)

// app is what the commands share: the global flags and the output.
type app struct {
	dir     string
	asOf    string
	outputs formatFlag
	format  string // of stdout
	color   string
	stdout  *stream
	stderr  *stream
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "writ",
		Short: "Compile what teams write about who may call whom into Istio manifests",
		Long: "writ compiles what teams write about who may call whom (policies/) into Istio manifests (out/).\n\n" +
			"It exits with 0 when all is well, 1 for findings that fail, 2 when it could not do what was asked,\n" +
			"3 for a fault of its own.",
		Example: "  writ init shop            # a small repository to begin with\n" +
			"  writ build                # policies/ -> out/\n" +
			"  writ check --base main    # everything a pull request must pass\n" +
			"  writ diff --base main     # who gains and who loses access\n" +
			"  writ explain checkout customers\n" +
			"  writ rules REF-001        # what a code means, with examples",
		SilenceErrors:      true,
		SilenceUsage:       true,
		DisableSuggestions: true, // friendly has better ones
		PersistentPreRunE:  func(cmd *cobra.Command, _ []string) error { return a.checkFlags(cmd) },
	}
	flags := root.PersistentFlags()
	flags.StringVarP(&a.dir, "dir", "C", ".", "the repository `DIR` to work on")
	flags.StringVar(&a.asOf, "as-of", time.Now().UTC().Format(time.DateOnly), "the day to judge dates by, as `YYYY-MM-DD`")
	flags.Lookup("as-of").DefValue = "today"
	flags.Var(&a.outputs, "format", "how to write the result: text or json; of build and check also sarif, github, junit,\nand several at once, all but one of them to a FILE; of check and diff also markdown")
	flags.Lookup("format").DefValue = formatText
	must(root.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp)))
	enum(root, "color", &a.color, "when to colour", "auto", "always", "never")
	must(root.MarkPersistentFlagDirname("dir"))
	must(root.RegisterFlagCompletionFunc("as-of", cobra.NoFileCompletions))
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(helpCommand())
	root.AddCommand(a.build(), a.check(), a.prove(), a.test(), a.explain(), a.whoCan(), a.impact(), a.diff(), a.registers(), a.publish(), a.fix(), a.fmt(), a.rules(), a.schema(), a.codeowners(), a.argocd(), a.comment(), a.lsp(), a.init(), a.version())
	root.InitDefaultCompletionCmd()
	refuseStray(root, "completion")
	return root
}

func (a *app) checkFlags(cmd *cobra.Command) error {
	a.format = a.outputs.onStdout()
	if _, err := time.Parse(time.DateOnly, a.asOf); err != nil {
		return fmt.Errorf("--as-of %q is no day; write it as YYYY-MM-DD", a.asOf)
	}
	return a.checkFormats(cmd)
}

// enum adds a persistent flag that takes one of a few values, the first of them unless said.
func enum(cmd *cobra.Command, name string, value *string, usage string, allowed ...string) {
	*value = allowed[0]
	cmd.PersistentFlags().Var(&choice{value, allowed}, name, usage)
	must(cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(allowed, cobra.ShellCompDirectiveNoFileComp)))
}

// choice is the value of such a flag.
type choice struct {
	value   *string
	allowed []string
}

func (c *choice) String() string { return *c.value }

// Type is shown after the flag's name in help.
func (c *choice) Type() string { return strings.Join(c.allowed, "|") }

func (c *choice) Set(s string) error {
	if !slices.Contains(c.allowed, s) {
		return fmt.Errorf("expected %s", diag.OneOf(c.allowed))
	}
	*c.value = s
	return nil
}

// must panics where a command is put together wrongly, which no input can cause.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// noArgs is for commands without arguments. Cobra's own calls a stray argument an unknown command.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%q takes no arguments, got %q; see %q", cmd.CommandPath(), args[0], cmd.CommandPath()+" --help")
	}
	return nil
}

// atMostOne is for commands that take one argument or none.
func atMostOne(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return fmt.Errorf("%q takes at most one argument, got %q as well; see %q", cmd.CommandPath(), args[1], cmd.CommandPath()+" --help")
	}
	return nil
}

// refuseStray makes a command that only has subcommands fail on a word that is none of them. Cobra prints its help, and exits as
// if all were well.
func refuseStray(root *cobra.Command, name string) {
	cmd, _, err := root.Find([]string{name})
	must(err)
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(cmd, args[0])
		}
		return cmd.Help()
	}
}

// flagError tells a wrong flag in one line, with the one that was probably meant.
func flagError(cmd *cobra.Command, err error) error {
	see := fmt.Sprintf("; see %q", cmd.CommandPath()+" --help")
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) || unknown.GetSpecifiedShortnames() != "" {
		return errors.New(err.Error() + see)
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	guess := ""
	if near := diag.Nearest(unknown.GetSpecifiedName(), names); near != "" {
		guess = fmt.Sprintf("; did you mean --%s?", near)
		see = " (" + strings.TrimPrefix(see, "; ") + ")"
	}
	return fmt.Errorf("unknown flag --%s%s%s", unknown.GetSpecifiedName(), guess, see)
}

// friendly tells a wrong command in one line, with the one that was probably meant.
func friendly(root *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	var name, path string
	if _, scan := fmt.Sscanf(err.Error(), "unknown command %q for %q", &name, &path); scan != nil {
		return err
	}
	parent, _, find := root.Find(strings.Fields(path)[1:])
	if find != nil {
		parent = root
	}
	return unknownCommand(parent, name)
}

func unknownCommand(parent *cobra.Command, name string) error {
	var names []string
	for _, c := range parent.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	see := parent.CommandPath() + " --help"
	if near := diag.Nearest(name, names); near != "" {
		return fmt.Errorf("unknown command %q; did you mean %q? (see %q)", name, parent.CommandPath()+" "+near, see)
	}
	return fmt.Errorf("unknown command %q; see %q", name, see)
}

// helpCommand is cobra's, but fails where there is no such command.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Say more about a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			target := cmd.Root()
			for _, name := range args {
				next, _, err := target.Find([]string{name}) // which is the target itself where it has no such command
				if err != nil || next == target {
					return unknownCommand(target, name)
				}
				target = next
			}
			target.InitDefaultHelpFlag()
			return target.Help()
		},
	}
}
