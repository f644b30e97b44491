// Package e2e runs the example estate: two of its clusters on one machine, each with an API server, an istiod and a sidecar for every
// pod, and Argo CD, which applies out/. Then it sends real requests, and holds what Envoy answers against what the documents say, as
// compiler/naive reads them.
//
// All of it lives in a network, a mount and a process namespace of its own, and ends with the test however that ends. A pod is a
// network namespace with Istio's own capture, agent and certificate; Envoy is upstream's. Nothing here writes a policy: what Envoy
// enforces came from out/ through git, Argo CD, an API server and istiod.
package e2e
