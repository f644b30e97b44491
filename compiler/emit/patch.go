package emit

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// Patch is the difference between the folder and the files that it should hold, for `git apply`; empty where there is none. The folder
// is called dir in it. What is in the way stays in the way.
func (d Drift) Patch(fsys fs.FS, dir string, files []File) ([]byte, error) {
	wanted := want(files)
	ours := map[string]bool{} // and whether the folder has it
	for _, p := range d.Missing {
		ours[p] = false
	}
	for _, p := range slices.Concat(d.Changed, d.Orphaned) {
		ours[p] = true
	}
	for _, o := range d.Blocked {
		delete(ours, o.Path)
	}
	var b bytes.Buffer
	for _, p := range slices.Sorted(maps.Keys(ours)) {
		var before []byte
		if ours[p] {
			var err error
			if before, err = fs.ReadFile(fsys, p); err != nil {
				return nil, err
			}
		}
		after, stays := wanted[p]
		writePatch(&b, path.Join(dir, p), before, after, !ours[p], !stays)
	}
	return b.Bytes(), nil
}

// writePatch writes the difference of one file. The header is git's own, so that files come and go even where they are empty.
func writePatch(b *bytes.Buffer, p string, before, after []byte, comes, goes bool) {
	from, to := gitName("a/"+p), gitName("b/"+p)
	fmt.Fprintf(b, "diff --git %s %s\n", from, to)
	if comes {
		b.WriteString("new file mode 100644\n")
		from = "/dev/null"
	}
	if goes {
		b.WriteString("deleted file mode 100644\n")
		to = "/dev/null"
	}
	_, hunks, changed := bytes.Cut(diff.Diff("a", before, "b", after), []byte("\n@@ "))
	if changed {
		fmt.Fprintf(b, "--- %s\n+++ %s\n@@ ", from, to)
		b.Write(hunks)
	}
}

// gitName is a path as git writes it: in quotes, with C's escapes, where it has anything but plain characters.
func gitName(p string) string {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("/._-+:@", r)
	}
	if strings.TrimFunc(p, plain) == "" {
		return p
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(p) {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
