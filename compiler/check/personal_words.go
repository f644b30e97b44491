package check

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy/vocabulary"
)

// sounding proposes data categories for endpoints from their own words: names, paths, gRPC methods. It is a proposal in a finding and
// never a tag: only its team knows what an endpoint carries.
func (p *Pass) sounding(endpoints []*model.Endpoint) string {
	var all []string
	for _, e := range endpoints {
		if like := soundsLike(p.Estate.Privacy.Categories, e); len(like) > 0 && len(all) < 3 {
			all = append(all, fmt.Sprintf("%s sounds like %s", e.Name, strings.Join(like, " and ")))
		}
	}
	if len(all) == 0 {
		return ""
	}
	return "; its endpoint " + strings.Join(all, ", its endpoint ")
}

// soundsLike are the categories whose last part the endpoint says.
func soundsLike(t *vocabulary.Taxonomy, e *model.Endpoint) []string {
	said := wordsOf(e)
	var like []string
	for _, key := range t.Keys() {
		words := strings.Split(key[strings.LastIndexByte(key, '.')+1:], "_")
		if !vocabulary.IsPersonal(key) || strings.Count(key, ".") == 0 || slices.Contains(vague, words[0]) {
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(words[1:]), func(w string) bool { return w == "number" || w == "id" || w == "history" })
		if said[words[0]] && !slices.ContainsFunc(rest, func(w string) bool { return !said[w] }) {
			like = append(like, key)
		}
	}
	return vocabulary.Minimal(like)
}

// vague are last parts of keys that endpoints say for other reasons.
var vague = []string{"account", "content", "device", "private", "public", "profile", "settings", "state", "url", "user", "system", "unique", "organization", "health", "x"}

var word = regexp.MustCompile(`[A-Z]?[a-z]+|[A-Z]+`)

// wordsOf are the words of the endpoint in lower case, those in the plural without their s too.
func wordsOf(e *model.Endpoint) map[string]bool {
	said := map[string]bool{}
	add := func(text string) {
		for _, w := range word.FindAllString(text, -1) {
			w = strings.ToLower(w)
			said[w] = true
			said[strings.TrimSuffix(w, "s")] = true
			said[strings.TrimSuffix(w, "es")] = true
		}
	}
	add(e.Name)
	for _, path := range e.Doc.Paths.Items {
		add(path.Value)
	}
	for _, method := range e.Doc.GRPC.Items {
		add(method.Value[strings.LastIndexByte(method.Value, '/')+1:])
	}
	return said
}
