// Package argocd holds what `writ argocd` writes against Argo CD's own code: its CRDs, its ApplicationSet controller, its AppProject
// and the part of its repo server that reads manifests. It has tests alone.
package argocd
