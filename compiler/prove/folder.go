package prove

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/parallel"
	"writ.dev/writ/compiler/prove/manifest"
)

// prover is one cluster's question with what was read for it.
type prover struct {
	Question
	objects []*manifest.Object
	// files are the files of the objects, by path.
	files map[string]*File
	found diag.List
	// modelled are the objects that the points are made of, by namespace.
	modelled map[string]*contents
	// vouched are the objects that the platform accepts.
	vouched []Assumption
	names   naming
}

// contents are the objects of a namespace that say something about access.
type contents struct{ policies, peers, tokens, sidecars []*manifest.Object }

// read reads the files into objects, in the order of the files.
func (r *prover) read(ctx context.Context) error {
	r.files = make(map[string]*File, len(r.Files))
	read := make([][]*manifest.Object, len(r.Files))
	faults := make([]error, len(r.Files))
	err := parallel.Each(ctx, len(r.Files), runtime.GOMAXPROCS(0), func(i int) {
		read[i], faults[i] = manifest.Read(r.Files[i].Path, r.Files[i].Data)
	})
	if err != nil {
		return err
	}
	for i, fault := range faults {
		r.files[r.Files[i].Path] = &r.Files[i]
		if fault != nil {
			r.unreadable(&r.Files[i], fault)
		}
	}
	r.objects = slices.Concat(read...)
	r.refuseTwins()
	return nil
}

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
func (r *prover) refuseTwins() {
	type id struct{ group, kind, namespace, name string }
	first := make(map[id]*manifest.Object, len(r.objects))
	r.objects = slices.DeleteFunc(r.objects, func(o *manifest.Object) bool {
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
	if f := r.files[o.Path]; f != nil && !f.Origin.IsZero() {
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
