package query

import (
	"fmt"
	"slices"

	"writ.dev/writ/compiler/model"
)

// Request is one request or, on a port that carries no HTTP, one connection.
type Request struct {
	Port         *model.Port
	Method, Path string // "" on a port that carries no HTTP
}

func (r Request) String() string {
	if r.Method == "" {
		return fmt.Sprintf("connect to port %d", r.Port.Number)
	}
	return r.Method + " " + r.Path
}

// usual are methods to show where any would do, the least surprising first.
var usual = []string{"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"}

// missing finds a request of q that none of the granted endpoints stands for, at the workload; ok is false exactly where all are
// granted.
func missing(w *model.Workload, q *model.Endpoint, granted []*model.Endpoint) (r Request, ok bool) {
	granted = slices.DeleteFunc(slices.Clone(granted), func(e *model.Endpoint) bool { return !onePort(w, q, e) })
	if !q.Port.HTTP() {
		whole := slices.ContainsFunc(granted, func(e *model.Endpoint) bool { return e.Methods == nil && e.Paths == nil })
		return Request{Port: q.Port}, !whole
	}
	for _, method := range methods(q, granted) {
		var have []model.Pattern
		for _, e := range granted {
			if takes(e, method) {
				have = append(have, paths(e)...)
			}
		}
		for _, p := range paths(q) {
			if path, lacks := model.Example([]model.Pattern{p}, have); lacks {
				return Request{q.Port, method, path}, true
			}
		}
		whole := slices.ContainsFunc(granted, func(e *model.Endpoint) bool { return takes(e, method) && e.Paths == nil })
		if q.Paths == nil && !whole { // a template stands for the characters that a path may have by RFC 3986, and [ is none
			return Request{q.Port, method, "/["}, true
		}
	}
	return Request{}, false
}

// shared finds a request that both endpoints stand for, at the workload; ok is false exactly where there is none.
func shared(w *model.Workload, q, e *model.Endpoint) (r Request, ok bool) {
	if !onePort(w, q, e) {
		return Request{}, false
	}
	if !q.Port.HTTP() {
		return Request{Port: q.Port}, true
	}
	for _, method := range methods(q, []*model.Endpoint{e}) {
		if !takes(q, method) || !takes(e, method) {
			continue
		}
		for _, p := range paths(q) {
			for _, o := range paths(e) {
				if path, meet := model.Example([]model.Pattern{p, o}, nil); meet {
					return Request{q.Port, method, path}, true
				}
			}
		}
	}
	return Request{}, false
}

// onePort reports whether the endpoints are on one container port of the workload: the one thing of a port that policies see.
func onePort(w *model.Workload, a, b *model.Endpoint) bool {
	return w.TargetPorts[a.Port.Name] == w.TargetPorts[b.Port.Name]
}

// methods are those of q. Of any method they are enough to tell the endpoints apart: all that these name, and one more.
func methods(q *model.Endpoint, others []*model.Endpoint) []string {
	if q.Methods != nil {
		return q.Methods
	}
	var named []string
	for _, e := range others {
		named = append(named, e.Methods...)
	}
	return append(unique(named), otherThan(named))
}

// otherThan is a method that is none of the named ones.
func otherThan(named []string) string {
	for _, m := range usual {
		if !slices.Contains(named, m) {
			return m
		}
	}
	other := "OTHER"
	for slices.Contains(named, other) {
		other += "S"
	}
	return other
}

func takes(e *model.Endpoint, method string) bool {
	return e.Methods == nil || slices.Contains(e.Methods, method)
}

func paths(e *model.Endpoint) []model.Pattern {
	if e.Paths == nil {
		return []model.Pattern{model.AnyPath}
	}
	return e.Paths
}
