package report

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strings"

	"writ.dev/writ/compiler/emit"
	"writ.dev/writ/compiler/prove/manifest"
)

// Annotations by which manifests say what they were rendered from. They are part of what writ renders, and read back here as anybody
// else would.
const (
	originAnnotation  = "writ.dev/origin"
	intentsAnnotation = "writ.dev/intents"
)

// Policies are those of the rendered files that let somebody in. Stale says which files out/ holds otherwise.
func Policies(files []emit.File, stale func(path string) bool) ([]Policy, error) {
	var all []Policy
	for _, f := range files {
		if !strings.HasPrefix(path.Base(f.Path), "authorizationpolicy-") {
			continue
		}
		objects, err := manifest.Read("out/"+f.Path, f.Data)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(f.Data)
		cluster, _, _ := strings.Cut(f.Path, "/")
		for _, o := range objects {
			service, ok := strings.CutPrefix(o.Annotations[originAnnotation], "Service ")
			if !ok || o.AuthorizationPolicy == nil {
				continue
			}
			all = append(all, Policy{
				Path: o.Path, Cluster: cluster, Object: o.Namespace + "/" + o.Name, SHA256: hex.EncodeToString(sum[:]),
				Service: service, Uses: uses(o.Annotations[intentsAnnotation]), Stale: stale(f.Path),
			})
		}
	}
	return all, nil
}

// uses reads lines such as "shop/checkout read-address,list-orders (infrastructure)".
func uses(annotation string) []Use {
	var all []Use
	for line := range strings.Lines(annotation) {
		line, platform := strings.CutSuffix(strings.TrimSpace(line), " (infrastructure)")
		last := strings.LastIndexByte(line, ' ')
		if last < 0 {
			continue
		}
		for name := range strings.SplitSeq(line[last+1:], ",") {
			all = append(all, Use{line[:last], name, platform})
		}
	}
	return all
}
