package syntax

import (
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
)

// Overlay is a folder policies/platform/.../clusters/<cluster>/overlay. Its YAML is in kustomize's language and in
// Kubernetes', so here it has places and no meaning yet.
type Overlay struct {
	Dir string
	// Cluster is the name of the folder that the overlay lies in.
	Cluster string
	// Files are the documents of each file that is YAML or JSON, or is called Kustomization, by its path within Dir.
	Files map[string][]Value
	// Sources are the bytes of the same files, by their whole path.
	Sources map[string][]byte
}

// Names are the files, sorted.
func (o *Overlay) Names() []string { return slices.Sorted(maps.Keys(o.Files)) }

// ParseOverlays reads the overlays below policies/platform/, sorted by folder. What a document of writ may not hold a file of an
// overlay may not hold either: links, a size beyond all need, anchors and aliases, a key twice, text that readers of YAML read
// differently.
func ParseOverlays(fsys fs.FS) ([]Overlay, diag.List) {
	var overlays []Overlay
	var diags diag.List
	// What cannot be read here Parse has told of already.
	_ = fs.WalkDir(fsys, folder+"/platform", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return fs.SkipDir
		}
		if cluster, ok := overlayOf(name); ok && entry.IsDir() {
			o := Overlay{Dir: name, Cluster: cluster, Files: map[string][]Value{}, Sources: map[string][]byte{}}
			diags = append(diags, o.read(fsys)...)
			overlays = append(overlays, o)
			return fs.SkipDir
		}
		return nil
	})
	return overlays, diags
}

// overlayOf is the cluster whose overlay lies in the folder.
func overlayOf(dir string) (cluster string, ok bool) {
	rest, platform := strings.CutPrefix(dir, folder+"/platform/")
	names := strings.Split(rest, "/")
	n := len(names)
	if !platform || n < 3 || names[n-1] != "overlay" || names[n-3] != "clusters" {
		return "", false
	}
	return names[n-2], true
}

func (o *Overlay) read(fsys fs.FS) diag.List {
	var diags diag.List
	_ = fs.WalkDir(fsys, o.Dir, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			diags.Add(fileFinding(unreadableFile, name, "the folder cannot be read: "+cause(err), "let writ read it"))
			return fs.SkipDir
		case entry.IsDir() || strings.HasPrefix(entry.Name(), ".#"):
		case entry.Type()&fs.ModeSymlink != 0:
			diags.Add(fileFinding(notAPlainFile, name, "the file is a symbolic link", "put the file itself there"))
		case !isYAML(name) && path.Ext(name) != ".json" && entry.Name() != "Kustomization":
		case !entry.Type().IsRegular():
			diags.Add(fileFinding(notAPlainFile, name, "this is not a plain file", "remove it"))
		default:
			diags = append(diags, o.readFile(fsys, name)...)
		}
		return nil
	})
	return diags
}

func (o *Overlay) readFile(fsys fs.FS, name string) diag.List {
	data, err := readBytes(fsys, name)
	if err != nil {
		return diag.List{fileFinding(unreadableFile, name, "the file cannot be read: "+cause(err), "let writ read it")}
	}
	if len(data) > maxSize {
		return diag.List{fileFinding(fileTooLarge, name, "the file is larger than 1 MiB", "split it")}
	}
	o.Sources[name] = data
	values, diags := ParseValues(name, data)
	o.Files[strings.TrimPrefix(name, o.Dir+"/")] = values
	return diags
}

// ParseValues reads YAML that is in another language than writ's, with the same suspicion. Empty documents are left out.
func ParseValues(name string, data []byte) ([]Value, diag.List) {
	src := newSource(name, data)
	if fault := src.readable(); fault != nil {
		fault.Objects = []string{name}
		return nil, diag.List{*fault}
	}
	var values []Value
	var diags diag.List
	roots, fault := readYAML(src)
	if fault != nil {
		diags.Add(*fault)
	}
	for _, root := range roots {
		b := &builder{source: src}
		n := b.build(root, nil, 0, 0)
		if !b.opaque {
			c := &checker{document: &document{root: n, file: name}}
			n.scalars(c.ambiguous)
			b.diags = append(b.diags, c.diags...)
		}
		if diags = append(diags, b.diags...); !n.isNull() {
			values = append(values, Value{n})
		}
	}
	for i := range diags {
		diags[i].Objects = []string{name}
	}
	return values, diags
}

var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)\.[0-9]+$`)

// ambiguous is rewritten for a language that has fractions.
func (c *checker) ambiguous(n *node, isKey bool) {
	if isKey || n.tag != "!!float" || !decimal.MatchString(n.value) {
		c.rewritten(n, isKey)
	}
}

// Value is a value of a document that is not in writ's language. The zero Value is one that is not there.
type Value struct{ n *node }

// Exists reports whether the value is written.
func (v Value) Exists() bool { return v.n != nil }

// IsMapping reports whether the value has fields.
func (v Value) IsMapping() bool { return v.n != nil && v.n.kind == mapping }

// IsList reports whether the value has items.
func (v Value) IsList() bool { return v.n != nil && v.n.kind == sequence }

// IsFlow reports whether the value is a list or a mapping in brackets.
func (v Value) IsFlow() bool { return v.n != nil && v.n.flow }

// Span is where the value stands.
func (v Value) Span() diag.Span { return v.n.span }

// Path is the value by its keys, like patches[0].target.
func (v Value) Path() string { return v.n.path() }

// Describe says what the value is, for messages about its type.
func (v Value) Describe() string {
	if v.n == nil {
		return "missing"
	}
	return v.n.describe()
}

// Text is the value of a text; ok says that it is one.
func (v Value) Text() (text string, ok bool) {
	if v.n == nil || v.n.kind != scalar || v.n.tag != "!!str" && v.n.tag != "!!timestamp" {
		return "", false
	}
	return v.n.value, true
}

// Get is the value of a field.
func (v Value) Get(key string) Value { return Value{v.n.get(key)} }

// Keys are the fields, as they are written, in their order.
func (v Value) Keys() []Value {
	var keys []Value
	if v.IsMapping() {
		for _, k := range v.n.keys {
			keys = append(keys, Value{k})
		}
	}
	return keys
}

// Name is the text of a key.
func (v Value) Name() string { return v.n.value }

// Items are the items of a list, in their order.
func (v Value) Items() []Value {
	var items []Value
	if v.IsList() {
		for _, item := range v.n.items {
			items = append(items, Value{item})
		}
	}
	return items
}

// JSON is the value as encoding/json knows values; numbers are json.Number, with the digits that are written.
func (v Value) JSON() any { return v.n.json() }
