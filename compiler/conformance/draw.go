package conformance

import (
	"math/rand/v2"

	"writ.dev/writ/compiler/conformance/rbac"
	"writ.dev/writ/compiler/prove/authz"
)

// Draw draws worlds until one has the construct, and Istio's validation takes it where it takes the construct at all. It is nil where
// none of many does.
func Draw(r *rand.Rand, aim Construct) *World {
	for range 400 {
		if w := generate(r, aim); has(occurrences(w), aim) && (invalid(aim) || w.Valid()) {
			return w
		}
	}
	return nil
}

// invalid reports whether the construct is one that Istio's validation refuses, so that worlds with it are checked all the same.
func invalid(c Construct) bool { return c == wrongValue || c == wrongValueDeny }

// Less is a world without one occurrence of a construct.
type Less struct {
	Construct Construct
	World     *World
	only      func(http bool, r *rbac.Request) bool
}

// Without are a world's constructs, each with the world as it is without it. What is answered otherwise there is what the construct
// decides.
func Without(w *World) []Less {
	var all []Less
	for _, o := range occurrences(w) {
		less := w.Clone()
		o.without(less)
		all = append(all, Less{o.construct, less, o.only})
	}
	return all
}

// Concerns reports whether the construct is about such a request at all.
func (l *Less) Concerns(r *authz.Request) bool {
	q := rbac.Request{Principal: r.Principal}
	if r.Token != nil {
		q.Claims = map[string]any{}
	}
	return l.only == nil || l.only(r.HTTP, &q)
}
