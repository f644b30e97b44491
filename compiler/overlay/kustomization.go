package overlay

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/emit"
	"writ.dev/writ/compiler/istio"
	"writ.dev/writ/compiler/syntax"
)

// kustomization is what an overlay says.
type kustomization struct {
	overlay *syntax.Overlay
	objects []istio.Object
	patches []*patch
}

// The names that kustomize gives its file.
// https://kubectl.docs.kubernetes.io/references/kustomize/glossary/#kustomization
var kustomizationNames = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// reader reads one overlay.
type reader struct {
	*kustomization
	used  map[string]bool
	found diag.List
}

func read(o *syntax.Overlay) (*kustomization, diag.List) {
	r := &reader{kustomization: &kustomization{overlay: o}, used: map[string]bool{}}
	root := r.root()
	if !root.Exists() {
		return r.kustomization, r.found
	}
	r.fields(root)
	for _, v := range r.list(root.Get("resources")) {
		if name := r.file(v); name != "" {
			r.resources(name)
		}
	}
	for _, v := range r.list(root.Get("patches")) {
		r.patch(v)
	}
	if len(r.found) == 0 {
		r.unused()
	}
	return r.kustomization, r.found
}

func (r *reader) unused() {
	for _, name := range r.overlay.Names() {
		if !r.used[name] {
			f := fileFinding(unused, r.overlay, r.overlay.Dir+"/"+name)
			f.Message, f.Help = "nothing in the overlay names this file", "list it under resources or in a patch, or remove it"
			r.found.Add(f)
		}
	}
}

// add is a finding at a value of one of the overlay's files.
func (r *reader) add(rule *diag.Rule, at syntax.Value, message, help string) {
	f := r.fileFinding(rule, at.Span())
	f.Field, f.Message, f.Help = at.Path(), message, help
	r.found.Add(f)
}

// root is the kustomization's one document; nothing where there is none.
func (r *reader) root() syntax.Value {
	var names []string
	for _, name := range kustomizationNames {
		if _, ok := r.overlay.Files[name]; ok {
			r.used[name] = true
			names = append(names, name)
		}
	}
	f := fileFinding(unsupported, r.overlay, r.overlay.Dir)
	switch {
	case len(names) == 0:
		f.Message, f.Help = "the overlay has no kustomization.yaml", "add one that lists resources and patches"
	case len(names) > 1:
		f.Message, f.Help = "the overlay has both "+strings.Join(names, " and "), "keep one of them"
	case len(r.overlay.Files[names[0]]) != 1:
		f = fileFinding(unsupported, r.overlay, r.overlay.Dir+"/"+names[0])
		f.Message, f.Help = fmt.Sprintf("the file holds %d documents; expected one", len(r.overlay.Files[names[0]])), "a kustomization is one document with resources and patches"
	default:
		root := r.overlay.Files[names[0]][0]
		if root.IsMapping() {
			return root
		}
		f.Span, f.Message, f.Help = root.Span(), "the kustomization is "+root.Describe()+"; expected fields", "begin with resources: or patches:"
	}
	r.found.Add(f)
	return syntax.Value{}
}

// fields admits a small part of kustomize's language. Fields that are not listed are refused by name, whatever a later kustomize
// may mean by them.
func (r *reader) fields(root syntax.Value) {
	for _, key := range root.Keys() {
		want, fixed := map[string]string{"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}[key.Name()]
		switch {
		case key.Name() == "resources" || key.Name() == "patches":
		case !fixed:
			r.add(unsupported, key, fmt.Sprintf("writ does not apply %q", key.Name()), fieldHelp(key.Name()))
		default:
			if text, _ := root.Get(key.Name()).Text(); text != want {
				r.add(unsupported, root.Get(key.Name()), fmt.Sprintf("%s is %s; expected %s", key.Name(), root.Get(key.Name()).Describe(), want), "write "+want)
			}
		}
	}
}

func fieldHelp(name string) string {
	switch name {
	case "patchesStrategicMerge", "patchesJson6902":
		return "kustomize has given it up: write each as an entry of patches"
	case "bases", "components":
		return "list files of this folder under resources"
	case "commonLabels", "commonAnnotations", "labels":
		return "write a patch with a target"
	}
	if near := diag.Nearest(name, []string{"resources", "patches", "apiVersion", "kind"}); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "an overlay has resources and patches; nothing is generated, fetched or run"
}

// list is the items of a field that may be missing.
func (r *reader) list(v syntax.Value) []syntax.Value {
	if v.Exists() && !v.IsList() {
		r.add(unsupported, v, v.Path()+" is "+v.Describe()+"; expected a list", "begin each item with '-'")
	}
	return v.Items()
}

var remote = regexp.MustCompile(`://|^git@|^(www\.)?(github|gitlab|bitbucket)\.`)

// file is the name of the file that the value means, empty where the folder has none of that name.
func (r *reader) file(v syntax.Value) string {
	text, ok := v.Text()
	if !ok {
		r.add(notInFolder, v, v.Path()+" is "+v.Describe()+"; expected the name of a file", "name a file of this folder")
		return ""
	}
	name, names := path.Clean(text), r.overlay.Names()
	help := "name a file of the folder"
	if near := diag.Nearest(name, names); near != "" {
		help = fmt.Sprintf("did you mean %q?", near)
	}
	switch {
	case remote.MatchString(text):
		r.add(notInFolder, v, fmt.Sprintf("%q lies elsewhere, and nothing is fetched", text), "copy what you need into the overlay's folder")
	case path.IsAbs(name) || name == ".." || strings.HasPrefix(name, "../"):
		r.add(notInFolder, v, fmt.Sprintf("%q leads out of the overlay's folder", text), "move the file into "+r.overlay.Dir)
	case slices.Contains(kustomizationNames, path.Base(name)):
		r.add(notInFolder, v, fmt.Sprintf("%q is a kustomization", text), "list the files that it names here instead")
	case name == "." || slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, name+"/") }):
		r.add(notInFolder, v, fmt.Sprintf("%q is a folder", text), "list its files one by one")
	case !slices.Contains(names, name):
		r.add(notInFolder, v, fmt.Sprintf("there is no file %q in %s", text, r.overlay.Dir), help)
	default:
		r.used[name] = true
		return name
	}
	return ""
}

// resources makes objects of a file's documents.
func (r *reader) resources(name string) {
	documents := r.overlay.Files[name]
	if len(documents) == 0 {
		f := fileFinding(cannotAdd, r.overlay, r.overlay.Dir+"/"+name)
		f.Message, f.Help = "the file holds no object", "add one, or take the file out of resources"
		r.found.Add(f)
	}
	for _, v := range documents {
		if o := r.object(v); o != nil {
			r.objects = append(r.objects, *o)
		}
	}
}

var (
	// https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
	objectName    = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
	namespaceName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

// object is the hand-written object with what writ puts into each; nil where it cannot be added.
func (r *reader) object(v syntax.Value) *istio.Object {
	kind, ok := r.kind(v)
	if !ok {
		return nil
	}
	meta := v.Get("metadata")
	name, _ := meta.Get("name").Text()
	namespace, _ := meta.Get("namespace").Text()
	at := v
	for _, nearer := range []syntax.Value{v.Get("kind"), meta.Get("name")} {
		if nearer.Exists() {
			at = nearer
		}
	}
	switch {
	case !objectName.MatchString(name) || len(name) > 200: // the rest of 255 is the file's kind and extension
		r.add(cannotAdd, at, "metadata.name is "+meta.Get("name").Describe()+"; expected a name", "write small letters, digits, '-' and '.', 200 at most")
		return nil
	case !namespaceName.MatchString(namespace):
		r.add(cannotAdd, at, fmt.Sprintf("metadata.namespace of %s %s is %s; expected a namespace", kind, name, meta.Get("namespace").Describe()), "add metadata.namespace: the folder of the object in out/ has its name")
		return nil
	}
	tree, _ := v.JSON().(map[string]any)
	for field, value := range kept(tree) {
		if strings.HasPrefix(field, annotationsField) || field == managedByField && value != istio.ManagedBy {
			r.add(changesIdentity, at, fmt.Sprintf("%s %s/%s sets %s itself", kind, namespace, name, field), "leave it out: writ sets it")
			return nil
		}
	}
	if err := seal(tree, r.overlay.Dir); err != nil {
		r.add(cannotAdd, at, fmt.Sprintf("%s %s/%s: %v", kind, namespace, name, err), "write a mapping of texts")
		return nil
	}
	return &istio.Object{
		File: emit.File{Path: istio.PathOf(r.overlay.Cluster, namespace, kind, name), Data: write(tree, v)},
		Kind: kind, Namespace: namespace, Name: name, Origin: at.Span(), Overlay: r.overlay.Dir,
	}
}

// apiVersions are those of the kinds that can be patched and added.
var apiVersions = istio.Kinds()

// kind is the kind of a hand-written object, if it is one that Istio's validation can judge.
func (r *reader) kind(v syntax.Value) (string, bool) {
	kind, isText := v.Get("kind").Text()
	version, _ := v.Get("apiVersion").Text()
	names := slices.Sorted(maps.Keys(apiVersions))
	switch want, ok := apiVersions[kind]; {
	case !v.IsMapping():
		r.add(cannotAdd, v, "this is "+v.Describe()+"; expected an object", "begin with apiVersion and kind")
	case !v.Get("kind").Exists():
		r.add(cannotAdd, v, "the object has no kind", "add one of "+strings.Join(names, ", "))
	case !isText:
		r.add(cannotAdd, v.Get("kind"), "kind is "+v.Get("kind").Describe()+"; expected text", "write one of "+strings.Join(names, ", "))
	case !ok:
		r.add(cannotAdd, v.Get("kind"), fmt.Sprintf("writ does not add objects of kind %q", kind), "it adds "+strings.Join(names, ", ")+"; keep others in a folder of your own, beside out/")
	case version != want:
		at := v.Get("kind")
		if v.Get("apiVersion").Exists() {
			at = v.Get("apiVersion")
		}
		r.add(cannotAdd, at, fmt.Sprintf("the apiVersion of a %s is %s; expected %s", kind, v.Get("apiVersion").Describe(), want), "write apiVersion: "+want)
	default:
		return kind, true
	}
	return "", false
}
