package compiler

import (
	"hash/maphash"
	"io/fs"

	"writ.dev/writ/compiler/diag"
)

// forgotten are files whose text was let go, as hardly any is pointed into and all together are a tenth of what a compilation
// holds. One is read again where a finding points into it, and counts only if it is still the same.
type forgotten struct {
	fsys fs.FS
	seed maphash.Seed
	sums map[string]uint64
}

// forget lets go of the sources that neither a finding nor an ignore needs yet.
func forget(fsys fs.FS, sources map[string][]byte, found diag.List, ignores []diag.Ignore) *forgotten {
	needed := filesOf(found)
	for _, i := range ignores {
		needed[i.Span.File] = true
	}
	f := &forgotten{fsys, maphash.MakeSeed(), make(map[string]uint64, len(sources))}
	for name, data := range sources {
		if !needed[name] {
			f.sums[name] = maphash.Bytes(f.seed, data)
			delete(sources, name)
		}
	}
	return f
}

// recall reads again what the findings point into. A file that has changed meanwhile stays forgotten: the places in it are
// those of another text.
func (f *forgotten) recall(sources map[string][]byte, found diag.List) {
	if f == nil {
		return
	}
	for name := range filesOf(found) {
		sum, known := f.sums[name]
		if !known {
			continue
		}
		if data, err := fs.ReadFile(f.fsys, name); err == nil && maphash.Bytes(f.seed, data) == sum {
			sources[name] = data
		}
	}
}

// filesOf are the files that findings point into or edit.
func filesOf(found diag.List) map[string]bool {
	files := map[string]bool{}
	for _, f := range found {
		files[f.Span.File] = true
		for _, r := range f.Related {
			files[r.Span.File] = true
		}
		if f.Fix != nil {
			for _, e := range f.Fix.Edits {
				files[e.Span.File] = true
			}
		}
	}
	return files
}
