package prove

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// class is the pods of one namespace that no selector tells apart: each of them has the labels, and none has a label that makes
// it one of another class.
type class struct {
	labels map[string]string
	// selected are the selectors that hold of the pods, by index, in ascending order.
	selected []int
}

// String is the labels as people write them.
func (c class) String() string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(c.labels)) {
		all = append(all, key+": "+c.labels[key])
	}
	return "{" + strings.Join(all, ", ") + "}"
}

// mostClasses is how many classes of pods a namespace may have beyond a few for each selector. Selectors of one key make a class
// each, and thousands of them are common; selectors of n different keys make two to the n.
const mostClasses = 1 << 14

// classesOf divides the pods that there can be by the selectors: into every combination that one pod can satisfy, the empty one
// included. It reports false where there are too many.
func classesOf(selectors []map[string]string) ([]class, bool) {
	d := divider{limit: mostClasses + 4*len(selectors), labels: map[string]string{}}
	var all []open
	for i, s := range selectors {
		o := open{index: i}
		for _, key := range slices.Sorted(maps.Keys(s)) {
			o.rest = append(o.rest, label{key, s[key]})
		}
		if len(o.rest) > 0 {
			all = append(all, o)
		} else {
			d.selected = append(d.selected, i) // an empty selector selects every pod
		}
	}
	return d.classes, d.divide(all)
}

type label struct{ key, value string }

// open is a selector of which it is not decided yet whether it holds: it does if the rest of its labels does.
type open struct {
	index int
	rest  []label
}

// divider walks over the values that pods can have, one key after the other.
type divider struct {
	limit    int
	labels   map[string]string
	selected []int
	classes  []class
}

// divide branches on the key that most selectors ask for: one branch a value, and one for pods that have another value or none.
// In each branch the selectors of the other values are decided, so that selectors of one key cost no more than their number.
func (d *divider) divide(undecided []open) bool {
	if len(undecided) == 0 {
		if len(d.classes) >= d.limit {
			return false
		}
		d.classes = append(d.classes, class{labels: maps.Clone(d.labels), selected: slices.Sorted(slices.Values(d.selected))})
		return true
	}
	key := commonest(undecided)
	var others []open
	byValue := map[string][]open{}
	for _, o := range undecided {
		i := slices.IndexFunc(o.rest, func(l label) bool { return l.key == key })
		if i < 0 {
			others = append(others, o)
			continue
		}
		rest := slices.Delete(slices.Clone(o.rest), i, i+1)
		byValue[o.rest[i].value] = append(byValue[o.rest[i].value], open{o.index, rest})
	}
	for _, value := range slices.Sorted(maps.Keys(byValue)) {
		had := len(d.selected)
		still := slices.Clone(others)
		for _, o := range byValue[value] {
			if len(o.rest) == 0 {
				d.selected = append(d.selected, o.index)
			} else {
				still = append(still, o)
			}
		}
		d.labels[key] = value
		ok := d.divide(still)
		delete(d.labels, key)
		if d.selected = d.selected[:had]; !ok {
			return false
		}
	}
	return d.divide(others)
}

func commonest(undecided []open) string {
	count := map[string]int{}
	for _, o := range undecided {
		for _, l := range o.rest {
			count[l.key]++
		}
	}
	return slices.MaxFunc(slices.Sorted(maps.Keys(count)), func(a, b string) int { return cmp.Compare(count[a], count[b]) })
}

// selectors numbers the selectors of a namespace, each once however often it is written.
type selectors struct {
	all   []map[string]string
	index map[string]int
}

// number is the selector's number; a nil selector has none.
func (s *selectors) number(selector map[string]string) int {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(selector)) {
		b.WriteString(key + "=" + selector[key] + "\x00")
	}
	i, ok := s.index[b.String()]
	if !ok {
		if s.index == nil {
			s.index = map[string]int{}
		}
		i = len(s.all)
		s.index[b.String()] = i
		s.all = append(s.all, selector)
	}
	return i
}
