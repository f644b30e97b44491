package prove

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/parallel"
	"writ.dev/writ/compiler/prove/manifest"
)

// prover is one cluster's question with what was found so far.
type prover struct {
	Question
	// places are the places of files among Files, by path.
	places map[string]int
	// expected are the namespaces that the objects of files are in, by place; "" where they may be anywhere.
	expected []string
	// strewn are the objects of files that may be anywhere, by namespace.
	strewn map[string][]*manifest.Object
	// workloads are the cluster's, by namespace; documents name all of these namespaces.
	workloads map[string][]*model.Workload
	// modelled are the objects that the points at hand are made of, by namespace.
	modelled map[string]*contents

	proof Proof
	found diag.List
	told  told
	// accepted says which entries of the Cluster's are needed, by place. vouched are the objects that they are about.
	accepted []bool
	vouched  []Assumption
	// bare are the Services at whose pods nothing is enforced; tokens says that a RequestAuthentication is somewhere.
	bare   []string
	tokens bool

	hosts func() names
	names naming
}

// contents are the objects of a namespace that say something about access.
type contents struct{ policies, peers, tokens, sidecars []*manifest.Object }

// read reads the files at some places into objects, in the order of the places.
func (r *prover) read(ctx context.Context, places []int) ([]*manifest.Object, error) {
	read := make([][]*manifest.Object, len(places))
	faults := make([]error, len(places))
	err := parallel.Each(ctx, len(places), runtime.GOMAXPROCS(0), func(i int) {
		f := &r.Files[places[i]]
		read[i], faults[i] = manifest.Read(f.Path, f.Data)
	})
	if err != nil {
		return nil, err
	}
	for i, fault := range faults {
		if fault != nil {
			r.unreadable(&r.Files[places[i]], fault)
		}
	}
	return slices.Concat(read...), nil
}

// objects are those of all files, each once.
func (r *prover) objects(ctx context.Context) ([]*manifest.Object, error) {
	places := make([]int, len(r.Files))
	for i := range places {
		places[i] = i
	}
	all, err := r.read(ctx, places)
	return r.refuseTwins(all), err
}

// file is the file at a path that an object is in.
func (r *prover) file(path string) *File { return &r.Files[r.places[path]] }

func (r *prover) unreadable(f *File, fault error) {
	finding := diag.Finding{Rule: unreadable, Message: fault.Error(), Objects: []string{f.Path, "Cluster " + r.Cluster.Name}, Field: "manifest"}
	line, column := 1, 1
	var at *manifest.Error
	if errors.As(fault, &at) {
		line, column = at.Line, at.Column
		finding.Message, finding.Help = at.Message, at.Help
	}
	finding.Span = f.Origin
	if finding.Span.IsZero() {
		finding.Span = spanAt(f.Path, line, column)
	} else {
		finding.Message = fmt.Sprintf("%s:%d:%d: %s", f.Path, line, column, finding.Message)
	}
	r.found.Add(finding)
}

// refuseTwins refuses two manifests of one object: the cluster would hold one of them, and nobody can say which.
func (r *prover) refuseTwins(objects []*manifest.Object) []*manifest.Object {
	type id struct{ group, kind, namespace, name string }
	first := make(map[id]*manifest.Object, len(objects))
	return slices.DeleteFunc(objects, func(o *manifest.Object) bool {
		group, _, _ := strings.Cut(o.APIVersion, "/")
		k := id{group, o.Kind, o.Namespace, o.Name}
		other := first[k]
		if other == nil {
			first[k] = o
			return false
		}
		r.found.Add(diag.Finding{
			Rule: unreadable, Span: r.span(o), Objects: []string{nameOf(o), "Cluster " + r.Cluster.Name}, Field: "manifest",
			Message: fmt.Sprintf("%s is in two manifests, and the cluster would hold either", nameOf(o)),
			Help:    "take one of the two away",
			Related: []diag.Related{{Span: spanAt(other.Path, other.Line, 1), Message: "the other one"}},
		})
		return true
	})
}

// sort puts the object to its namespace's.
func (r *prover) sort(o *manifest.Object) {
	c := r.modelled[o.Namespace]
	if c == nil {
		c = &contents{}
		r.modelled[o.Namespace] = c
	}
	switch {
	case o.AuthorizationPolicy != nil:
		c.policies = append(c.policies, o)
	case o.PeerAuthentication != nil:
		c.peers = append(c.peers, o)
	case o.RequestAuthentication != nil:
		c.tokens = append(c.tokens, o)
	case o.Sidecar != nil:
		c.sidecars = append(c.sidecars, o)
	}
}

// span is the text that asked for the object, or the object itself where none did.
func (r *prover) span(o *manifest.Object) diag.Span {
	if f := r.file(o.Path); !f.Origin.IsZero() {
		return f.Origin
	}
	return spanAt(o.Path, o.Line, 1)
}

func spanAt(file string, line, column int) diag.Span {
	at := diag.At(max(line, 1), max(column, 1), 0)
	return diag.Span{File: file, Start: at, End: at}
}

// nameOf is how people call an object: AuthorizationPolicy shop/checkout.
func nameOf(o *manifest.Object) string {
	if o.Namespace == "" {
		return o.Kind + " " + o.Name
	}
	return o.Kind + " " + o.Namespace + "/" + o.Name
}
