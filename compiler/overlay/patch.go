package overlay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/filters/patchjson6902"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/resid"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/istio"
	"writ.dev/writ/compiler/syntax"
)

// patch is one change to the objects that it selects: a strategic merge or a list of JSON operations.
type patch struct {
	overlay *syntax.Overlay
	at      diag.Span
	field   string
	// only is the one object that the patch is for; selector says which it is for where there is none.
	only     *istio.Object
	selector types.Selector
	patterns *types.SelectorRegex
	// merge is nil where ops is set.
	merge *resource.Resource
	ops   patchjson6902.Filter
}

func (p *patch) finding(rule *diag.Rule, message, help string) diag.Finding {
	f := fileFinding(rule, p.overlay, p.at.File)
	f.Span, f.Field, f.Message, f.Help = p.at, p.field, message, help
	return f
}

// patch reads an entry of patches: the text of one patch, or of several without a target.
func (r *reader) patch(entry syntax.Value) {
	if !r.only(unsupported, entry, "path", "patch", "target") {
		return
	}
	target := entry.Get("target")
	selector, patterns, ok := r.target(target)
	documents, inline := r.documents(entry)
	if !ok {
		return
	}
	if target.Exists() && len(documents) > 1 {
		r.add(cannotApply, target, fmt.Sprintf("a target is for one patch; this one has %d documents", len(documents)), "make an entry of each")
		return
	}
	for i, v := range documents {
		p := &patch{overlay: r.overlay, at: v.Span(), field: fmt.Sprintf("%s %d", entry.Path(), i), selector: selector, patterns: patterns}
		switch {
		case target.Exists():
			p.at = target.Span()
		case inline.Exists():
			p.at = inline.Span()
		case v.Get("metadata").Get("name").Exists():
			p.at = v.Get("metadata").Get("name").Span()
		}
		if message, help := p.read(v, target.Exists()); message != "" {
			f := p.finding(cannotApply, message, help)
			if f.Span = v.Span(); inline.Exists() {
				f.Span = inline.Span()
			}
			r.found.Add(f)
			continue
		}
		r.patches = append(r.patches, p)
	}
}

// only reports whether the value is a mapping of these fields, all of which but the target's are text.
func (r *reader) only(rule *diag.Rule, v syntax.Value, names ...string) bool {
	if !v.IsMapping() {
		r.add(rule, v, v.Path()+" is "+v.Describe()+"; expected "+diag.OneOf(names), "write fields")
		return false
	}
	ok := true
	for _, key := range v.Keys() {
		if slices.Contains(names, key.Name()) {
			continue
		}
		help := "expected " + diag.OneOf(names)
		if near := diag.Nearest(key.Name(), names); near != "" {
			help = fmt.Sprintf("did you mean %q?", near)
		}
		r.add(rule, key, fmt.Sprintf("writ does not apply %q in %s", key.Name(), v.Path()), help)
		ok = false
	}
	return ok
}

// target reads what a patch selects by. Each pattern fits the whole of its text, as kustomize has it.
func (r *reader) target(v syntax.Value) (types.Selector, *types.SelectorRegex, bool) {
	var s types.Selector
	if !v.Exists() {
		return s, nil, true
	}
	fields := map[string]*string{
		"group": &s.Group, "version": &s.Version, "kind": &s.Kind, "name": &s.Name, "namespace": &s.Namespace,
		"labelSelector": &s.LabelSelector, "annotationSelector": &s.AnnotationSelector,
	}
	ok := r.only(unsupported, v, slices.Sorted(maps.Keys(fields))...)
	for _, key := range v.Keys() {
		into := fields[key.Name()]
		if into == nil {
			continue
		}
		value := v.Get(key.Name())
		text, isText := value.Text()
		var err error
		if strings.HasSuffix(key.Name(), "Selector") {
			_, err = yaml.NewMapRNode(nil).MatchesLabelSelector(text)
		} else {
			_, err = regexp.Compile("^(?:" + text + ")$")
		}
		switch {
		case !isText:
			r.add(cannotApply, value, value.Path()+" is "+value.Describe()+"; expected text", "put it in quotes")
		case err != nil:
			r.add(cannotApply, value, fmt.Sprintf("%s cannot be read: %v", value.Path(), err), "names are regular expressions, selectors are like app=cart")
		default:
			*into = text
			continue
		}
		ok = false
	}
	if !ok {
		return s, nil, false
	}
	patterns, err := types.NewSelectorRegex(&s)
	if err != nil {
		panic(err) // each part was read above
	}
	return s, patterns, true
}

// documents are those of the patch's file, or of the text that stands inline.
func (r *reader) documents(entry syntax.Value) (documents []syntax.Value, inline syntax.Value) {
	file, inline := entry.Get("path"), entry.Get("patch")
	if file.Exists() == inline.Exists() {
		r.add(cannotApply, entry, "a patch has a path or a patch, one of the two", "name a file of the folder by path, or write the text below patch: |-")
		return nil, inline
	}
	if file.Exists() {
		name := r.file(file)
		if documents = r.overlay.Files[name]; name != "" && len(documents) == 0 {
			r.add(cannotApply, file, "the file holds no patch", "write the fields to change into it")
		}
		return documents, inline
	}
	text, ok := inline.Text()
	if !ok {
		r.add(cannotApply, inline, inline.Path()+" is "+inline.Describe()+"; expected text", "begin it with |-")
		return nil, inline
	}
	documents, found := syntax.ParseValues(inline.Span().File, []byte(text))
	for _, f := range found {
		r.found.Add(diag.Finding{
			Rule: f.Rule, Span: inline.Span(), Help: f.Help, Objects: f.Objects, Field: inline.Path() + " " + f.Field,
			Message: fmt.Sprintf("in line %d of the patch, %s", f.Span.Start.Line(), f.Message),
		})
	}
	if len(documents) == 0 && len(found) == 0 {
		r.add(cannotApply, inline, "the patch is empty", "write the fields to change")
	}
	return documents, inline
}

// read makes the patch of its document, or says why it cannot.
func (p *patch) read(v syntax.Value, hasTarget bool) (message, help string) {
	data, err := json.Marshal(v.JSON())
	if err != nil {
		panic(err) // it is JSON
	}
	if v.IsList() {
		p.ops = patchjson6902.Filter{Patch: string(data)}
		return operations(v, hasTarget)
	}
	if !v.IsMapping() {
		return "the patch is " + v.Describe() + "; expected fields to merge, or a list of operations", "write either"
	}
	node, err := yaml.Parse(string(data)) // JSON is YAML
	if err != nil {
		return "the patch cannot be read: " + err.Error(), "write either fields to merge or a list of operations"
	}
	p.merge = &resource.Resource{RNode: *node}
	if hasTarget {
		return "", ""
	}
	o := istio.Object{}
	var text [4]string
	for i, f := range []syntax.Value{v.Get("apiVersion"), v.Get("kind"), v.Get("metadata").Get("name"), v.Get("metadata").Get("namespace")} {
		text[i], _ = f.Text()
	}
	if slices.Contains(text[:], "") {
		return "the patch does not say which object it is for", "add a target, or apiVersion, kind, metadata.name and metadata.namespace of the object"
	}
	o.Kind, o.Name, o.Namespace = text[1], text[2], text[3]
	if apiVersions[o.Kind] != text[0] {
		return fmt.Sprintf("no object is of kind %q and apiVersion %q", o.Kind, text[0]), "write both as out/ has them"
	}
	p.only = &o
	return "", ""
}

// operations says what is wrong with a list of JSON operations (RFC 6902). A copy is not among those that are applied: a few of
// them, each of what the last one made, fill any memory.
func operations(list syntax.Value, hasTarget bool) (message, help string) {
	if !hasTarget {
		return "a list of operations does not say which objects it is for", "add a target beside the patch"
	}
	known := []string{"add", "move", "remove", "replace", "test"}
	for i, v := range list.Items() {
		op, _ := v.Get("op").Text()
		at, _ := v.Get("path").Text()
		from, _ := v.Get("from").Text()
		needsValue := op == "add" || op == "replace" || op == "test"
		switch {
		case op == "copy":
			return fmt.Sprintf("operation %d is a copy, which writ does not apply", i+1), "add the value itself"
		case !slices.Contains(known, op):
			return fmt.Sprintf("operation %d has op %s; expected %s", i+1, v.Get("op").Describe(), diag.OneOf(known)), "write one of them"
		case !strings.HasPrefix(at, "/"):
			return fmt.Sprintf("operation %d has path %s; expected one like /spec/selector", i+1, v.Get("path").Describe()), "begin it with '/'"
		case needsValue && !v.Get("value").Exists():
			return fmt.Sprintf("operation %d (%s %s) has no value", i+1, op, at), "add value:"
		case op == "move" && !strings.HasPrefix(from, "/"):
			return fmt.Sprintf("operation %d (move to %s) has no from", i+1, at), "add from:"
		}
	}
	return "", ""
}

// couldSelect judges by what is known of an object without reading it.
func (p *patch) couldSelect(o *istio.Object) bool {
	if p.only != nil {
		return o.Kind == p.only.Kind && o.Namespace == p.only.Namespace && o.Name == p.only.Name
	}
	group, version, _ := strings.Cut(apiVersions[o.Kind], "/")
	return p.patterns.MatchGvk(resid.Gvk{Group: group, Version: version, Kind: o.Kind}) &&
		p.patterns.MatchNamespace(o.Namespace) && p.patterns.MatchName(o.Name)
}

// selects is kustomize's own answer about labels and annotations, as earlier patches have left them.
func (p *patch) selects(r *resource.Resource) bool {
	labels, err := r.MatchesLabelSelector(p.selector.LabelSelector)
	if err != nil {
		panic(err) // the selector was read before
	}
	annotations, err := r.MatchesAnnotationSelector(p.selector.AnnotationSelector)
	if err != nil {
		panic(err)
	}
	return p.only != nil || labels && annotations
}

// patched is what the patches make of one object.
type patched struct {
	object   istio.Object
	selected []*patch
	// culprit is the patch that could not be applied, for the reason fault.
	culprit *patch
	fault   *diag.Finding
}

// patch applies the patches that select the object, in the order in which they are written.
func (k *kustomization) patch(o *istio.Object) patched {
	out := patched{object: *o}
	var r *resource.Resource
	var tree map[string]any
	for _, p := range k.patches {
		if !p.couldSelect(o) {
			continue
		}
		if r == nil {
			r, tree = load(o)
		}
		if !p.selects(r) {
			continue
		}
		out.selected = append(out.selected, p)
		next, fault := p.apply(r, o, tree)
		if fault != nil {
			out.culprit, out.fault = p, fault
			return out
		}
		tree, out.object.Origin = next, p.at
	}
	if len(out.selected) == 0 {
		return out
	}
	out.object.Overlay = k.overlay.Dir
	if err := seal(tree, k.overlay.Dir); err != nil {
		panic(err) // what it needs, apply has looked for
	}
	before, _ := syntax.ParseValues(o.Path, o.Data)
	out.object.Data = write(tree, before[0])
	return out
}

// load reads an object back from its bytes.
func load(o *istio.Object) (*resource.Resource, map[string]any) {
	node, err := yaml.Parse(string(o.Data))
	if err == nil {
		var tree map[string]any
		if tree, err = treeOf(node); err == nil {
			return &resource.Resource{RNode: *node}, tree
		}
	}
	panic(fmt.Sprintf("overlay: read %s: %v", o.Path, err))
}

// treeOf is the node as encoding/json knows values, with the digits of its numbers.
func treeOf(n *yaml.RNode) (map[string]any, error) {
	data, err := n.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return tree, d.Decode(&tree)
}

// apply changes the object in r, and returns what it then is. The tree is what it was.
func (p *patch) apply(r *resource.Resource, o *istio.Object, tree map[string]any) (map[string]any, *diag.Finding) {
	name := fmt.Sprintf("%s %s/%s", o.Kind, o.Namespace, o.Name)
	next, err := p.change(r)
	if err != nil {
		reason := strings.Join(strings.Fields(err.Error()), " ")
		f := p.finding(cannotApply, fmt.Sprintf("the patch cannot be applied to %s: %s", name, reason), "compare the patch with the object as out/ has it")
		return nil, &f
	}
	f := p.finding(changesIdentity, "", "the documents in policies/ decide what is rendered; change it there")
	if next == nil {
		f.Message = "the patch removes " + name
		return nil, &f
	}
	was, is := kept(tree), kept(next)
	for _, field := range slices.Sorted(maps.Keys(was)) {
		if is[field] != was[field] {
			f.Message = fmt.Sprintf("the patch changes %s of %s", field, name)
			return nil, &f
		}
	}
	for _, field := range slices.Sorted(maps.Keys(is)) {
		if _, ok := was[field]; !ok {
			f.Message = fmt.Sprintf("the patch sets %s of %s", field, name)
			return nil, &f
		}
	}
	return next, nil
}

// change applies the patch by kustomize's code, and returns nil where that leaves no object. The code panics on some input, and
// one patch must not take down the build that should name it.
func (p *patch) change(r *resource.Resource) (tree map[string]any, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("kustomize: %v", v)
		}
	}()
	if p.merge == nil {
		err = r.ApplyFilter(p.ops)
	} else {
		merge := p.merge.DeepCopy() // parts of it become parts of the object
		merge.SetGvk(r.GetGvk())
		err = r.ApplySmPatch(merge)
	}
	if err != nil || r.IsNilOrEmpty() {
		return nil, err
	}
	return treeOf(&r.RNode)
}
