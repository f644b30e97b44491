package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"writ.dev/writ/compiler"
)

// versionJSON is what this binary is made of.
type versionJSON struct {
	Version    string `json:"version"`
	Revision   string `json:"revision"` // of writ's own repository; "" where the build did not know it
	Time       string `json:"time"`     // of that revision
	Modified   bool   `json:"modified"` // the build had more than that revision
	APIVersion string `json:"apiVersion"`
	Go         string `json:"go"`
	Platform   string `json:"platform"`
	Istio      string `json:"istio"`
	Kustomize  string `json:"kustomize"`
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

// readVersion takes what the Go command wrote into the binary: nothing is said twice, and nothing by hand.
func readVersion(info *debug.BuildInfo, ok bool) versionJSON {
	v := versionJSON{
		Version: "(devel)", APIVersion: compiler.APIVersion, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Istio: "(unknown)", Kustomize: "(unknown)",
	}
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, m := range info.Deps {
		switch m.Path {
		case "istio.io/istio":
			v.Istio = m.Version
		case "sigs.k8s.io/kustomize/api":
			v.Kustomize = m.Version
		}
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}
