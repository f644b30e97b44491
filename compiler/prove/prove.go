// Package prove holds the manifests that out/ will have against the accesses that the documents mean: over all callers, ports,
// methods and paths, at every enforcement point of every cluster, under Istio's real semantics. It reads manifests back from
// their bytes and knows nothing of how they were rendered, so that no mistake of the renderer is its own.
//
// An enforcement point is the pods of a namespace that no selector of a manifest or a document tells apart. The pods of each
// workload are one, or several where a selector of somebody else's manifest picks some of them; so are all other pods of the
// namespace, and all pods of namespaces that nobody named. At each the transport is compared, then what policies allow, then what
// the pods may call. Whatever the semantics does not cover is a finding that names it, and never passed over.
package prove

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/parallel"
)

// File is one manifest of a cluster.
type File struct {
	Path string // from the repository's root, or as people call the file otherwise
	Data []byte
	// Origin is the text that asked for the manifest; zero where none did, so that findings point into the file itself.
	Origin diag.Span
	// Overlay is the folder that changed or added the manifest, "" where none did.
	Overlay string
}

// Question is what is to be proved of one cluster: that its files together allow what is meant, and nothing else.
type Question struct {
	Meaning *Meaning
	Cluster *model.Cluster
	Files   []File
	// AsOf is the day to judge dates by, as YYYY-MM-DD.
	AsOf string
	Seen Seen
}

// Seen says what of that which a proof takes on trust somebody has looked at in the cluster.
type Seen struct {
	By       string // what was looked at, for people
	Mesh     bool   // the mesh's settings
	Services bool   // the ports of Kubernetes Services
	Pods     bool   // labels, sidecars, accounts
	Objects  bool   // that these are all objects of the cluster
}

// Proof is the answer, of one cluster or of several. It holds where none of its findings stops.
type Proof struct {
	// Clusters are proved, and Objects are read in their files.
	Clusters, Objects int
	// Points are the enforcement points that were compared, which those without a sidecar are not, and Requests the classes of requests that were decided at them: no
	// two requests of one class differ in anything that a policy or an access looks at.
	Points   int
	Requests int64
	// Wider is at how many points more is allowed than is meant, and Narrower at how many less.
	Wider, Narrower int
	Findings        diag.List
	// Assumptions is what the proof takes on trust, sorted.
	Assumptions []Assumption
}

// Holds reports whether the manifests allow exactly what is meant.
func (p *Proof) Holds() bool { return !p.Findings.Stops() }

// Join adds the proof of another cluster.
func (p *Proof) Join(q Proof) {
	p.Clusters += q.Clusters
	p.Objects += q.Objects
	p.Points += q.Points
	p.Requests += q.Requests
	p.Wider += q.Wider
	p.Narrower += q.Narrower
	p.Findings = append(p.Findings, q.Findings...)
	p.Assumptions = join(p.Assumptions, q.Assumptions)
}

// Equal answers the question. An error says that the context ended.
func Equal(ctx context.Context, q Question) (Proof, error) {
	p, err := equal(ctx, q, byFolder)
	if errors.Is(err, errElsewhere) {
		return equal(ctx, q, anywhere)
	}
	return p, err
}

// equal proves one portion of the cluster after the other, so that the objects of one are alive at a time.
func equal(ctx context.Context, q Question, expected expectation) (Proof, error) {
	r, err := newProver(ctx, q, expected)
	if err != nil {
		return Proof{}, err
	}
	all := r.portions()
	for i := range all {
		if err := r.prove(parallel.Quiet(ctx), &all[i]); err != nil {
			return Proof{}, err
		}
		parallel.Tell(ctx, i+1, len(all))
	}
	r.idle()
	p := r.proof
	p.Findings = slices.Concat(r.found, r.told.all(q.Cluster.Name))
	p.Findings.Sort()
	p.Assumptions = r.assumptions()
	return p, nil
}

// prove proves the namespaces of a portion, and lets their objects go.
func (r *prover) prove(ctx context.Context, part *portion) error {
	if err := r.load(ctx, part); err != nil {
		return err
	}
	points := r.points(part.namespaces)
	results := make([]result, len(points))
	err := parallel.Each(ctx, len(points), runtime.GOMAXPROCS(0), func(i int) { results[i] = r.compare(&points[i]) })
	if err != nil {
		return err
	}
	for _, res := range results {
		r.proof.Requests += res.requests
		r.proof.count(res.differences)
		r.tell(res)
	}
	r.takenOnTrust(points)
	r.forget(part)
	return nil
}

func (p *Proof) count(all []difference) {
	wider := func(d difference) bool { return d.rule == widerThanMeant }
	narrower := func(d difference) bool { return d.rule == narrowerThanMeant }
	if slices.ContainsFunc(all, wider) {
		p.Wider++
	}
	if slices.ContainsFunc(all, narrower) {
		p.Narrower++
	}
}

// Summary is the proof in a line.
func (p *Proof) Summary() string {
	verdict := "nothing wider or narrower"
	if p.Wider+p.Narrower > 0 {
		verdict = fmt.Sprintf("wider at %d, narrower at %d", p.Wider, p.Narrower)
	} else if !p.Holds() {
		verdict = "what else was found stands against it"
	}
	return fmt.Sprintf("%s, %s, %s, %s",
		plural(int64(p.Clusters), "cluster", "clusters"), plural(int64(p.Points), "enforcement point", "enforcement points"),
		plural(p.Requests, "request class", "request classes"), verdict)
}

// Assumption is something that the proof takes on trust.
type Assumption struct {
	What string `json:"what"`
	// Checked says that something looks after it, which By names. By is who answers for what nothing checks, "" where the documents
	// alone say it.
	Checked bool   `json:"checked"`
	By      string `json:"by"`
}

func compareAssumptions(a, b Assumption) int {
	return cmp.Or(cmp.Compare(a.What, b.What), cmp.Compare(a.By, b.By))
}

func join(a, b []Assumption) []Assumption {
	all := slices.Concat(a, b)
	slices.SortFunc(all, compareAssumptions)
	return slices.Compact(all)
}
