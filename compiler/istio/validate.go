package istio

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"writ.dev/writ/compiler/parallel"
)

// Refusal is one thing that Istio has against an object.
type Refusal struct {
	Object  *Object
	Message string
	// Warning says that Istio would take the object all the same.
	Warning bool
}

// Validate reads every object back from its bytes, as strictly as an API server would, and asks Istio's own validation. It
// returns what was refused in the order of the objects, nil where everything is accepted.
//
// Istio's validation knows the shape of a policy and little of its sense: it takes a principal that exists nowhere, a method
// in lower case and a path with a query.
//
// When the context ends, the result is worth nothing.
func Validate(ctx context.Context, objects []Object) []Refusal {
	refusals := make([][]Refusal, len(objects))
	_ = parallel.Each(ctx, len(objects), runtime.GOMAXPROCS(0), func(i int) { refusals[i] = validate(&objects[i]) })
	seen := make(map[string]bool, len(objects))
	for i := range objects {
		o := &objects[i]
		if seen[o.Path] {
			refusals[i] = append(refusals[i], Refusal{Object: o, Message: "another object has the same kind, namespace and name"})
		}
		seen[o.Path] = true
	}
	return slices.Concat(refusals...)
}

func validate(o *Object) []Refusal {
	k, cfg, err := decode(o.Data)
	if err != nil {
		return []Refusal{{Object: o, Message: err.Error()}}
	}
	var refusals []Refusal
	if k.name != o.Kind || cfg.Namespace != o.Namespace || cfg.Name != o.Name {
		refusals = append(refusals, Refusal{Object: o, Message: fmt.Sprintf(
			"the file holds %s %s/%s in place of %s %s/%s", k.name, cfg.Namespace, cfg.Name, o.Kind, o.Namespace, o.Name)})
	}
	warnings, err := k.validate(cfg)
	for _, e := range flatten(err) {
		refusals = append(refusals, Refusal{Object: o, Message: e.Error()})
	}
	for _, e := range flatten(warnings) {
		refusals = append(refusals, Refusal{Object: o, Message: e.Error(), Warning: true})
	}
	return refusals
}

// flatten is the errors that Istio has bundled into one. ErrorOrNil tells the bundle of hashicorp/go-multierror from an error
// that wraps another, which has WrappedErrors as well.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	bundle, ok := err.(interface {
		WrappedErrors() []error
		ErrorOrNil() error
	})
	if !ok {
		return []error{err}
	}
	var flat []error
	for _, e := range bundle.WrappedErrors() {
		flat = append(flat, flatten(e)...)
	}
	return flat
}
