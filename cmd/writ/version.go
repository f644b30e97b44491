package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// versionJSON is what this binary is made of.
type versionJSON struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Istio    string `json:"istio"`
	Revision string `json:"revision"` // of writ's own repository; "" where the build did not know it
	Modified bool   `json:"modified"`
}

func (a *app) version() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Say which writ this is, and which Istio it validates with",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			v := readVersion(debug.ReadBuildInfo())
			if asJSON || a.format == formatJSON {
				return a.json(v)
			}
			a.printf("writ %s (%s, istio %s)\n", v.Version, v.Go, v.Istio)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "the same as --format json")
	return cmd
}

func readVersion(info *debug.BuildInfo, ok bool) versionJSON {
	v := versionJSON{Version: "(devel)", Go: runtime.Version(), Istio: "(unknown)"}
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, m := range info.Deps {
		if m.Path == "istio.io/istio" {
			v.Istio = m.Version
		}
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}
