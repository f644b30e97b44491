package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"writ.dev/writ/compiler"
	"writ.dev/writ/schema"
)

// completer says what could stand where a shell asks, from the estate's names, the arguments before and the beginning of this one.
type completer func(n schema.Names, args []string, begun string) []string

// completion completes words of the command line from the names of the repository. Where there is none, it has nothing to say: a
// shell shows no errors.
func (a *app) completion(words completer) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		repo, err := a.open()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer repo.Close()
		n, err := compiler.Names(cmd.Context(), repo.FS())
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		all := slices.DeleteFunc(words(n, args, begun), func(w string) bool { return !strings.HasPrefix(w, begun) })
		return all, cobra.ShellCompDirectiveNoFileComp
	}
}

func clusterWords(n schema.Names, _ []string, _ string) []string { return n.Clusters }

// categoryWords are the categories of personal data, those of the organisation's own among them.
func categoryWords(n schema.Names, _ []string, _ string) []string { return n.Categories }

// impactWords are Services.
func impactWords(n schema.Names, args []string, begun string) []string {
	if len(args) > 0 {
		return nil
	}
	return serviceWords(n, begun)
}

func testWords(n schema.Names, _ []string, _ string) []string { return n.Tests }

// explainWords are callers, and then Services and their endpoints.
func explainWords(n schema.Names, args []string, begun string) []string {
	switch len(args) {
	case 0:
		all := append(serviceWords(n, begun), "plaintext")
		for _, name := range n.Outsiders {
			all = append(all, "outsider/"+name)
		}
		return all
	case 1:
		return calleeWords(n, begun)
	default:
		return nil
	}
}

// whoCanWords are Services, and then the endpoints of the one that is named.
func whoCanWords(n schema.Names, args []string, begun string) []string {
	switch len(args) {
	case 0:
		return calleeWords(n, begun)
	case 1:
		return endpointsOf(n, args[0])
	default:
		return nil
	}
}

// calleeWords are Services, and the endpoints of one behind its colon.
func calleeWords(n schema.Names, begun string) []string {
	service, _, colon := strings.Cut(begun, ":")
	if !colon {
		return serviceWords(n, begun)
	}
	var all []string
	for _, name := range endpointsOf(n, service) {
		all = append(all, service+":"+name)
	}
	return all
}

// serviceWords are Services by namespace/name or, where none begins so, by their names alone.
func serviceWords(n schema.Names, begun string) []string {
	keys := slices.Sorted(maps.Keys(n.Services))
	if slices.ContainsFunc(keys, func(k string) bool { return strings.HasPrefix(k, begun) }) {
		return keys
	}
	var all []string
	for _, k := range keys {
		_, name, _ := strings.Cut(k, "/")
		all = append(all, name)
	}
	return all
}

// endpointsOf are the names of the endpoints of a Service, by its namespace/name or its name alone.
func endpointsOf(n schema.Names, service string) []string {
	var all []string
	for key, names := range n.Services {
		if key == service || strings.HasSuffix(key, "/"+service) {
			all = append(all, names...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// folders completes one folder of the disk.
func folders(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveFilterDirs
}
