// Package prove holds the manifests that out/ will have against the accesses that the documents mean: over all callers, ports,
// methods and paths, at every enforcement point of every cluster, under Istio's real semantics. It reads manifests back from
// their bytes and knows nothing of how they were rendered, so that no mistake of the renderer is its own.
package prove
