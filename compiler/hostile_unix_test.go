//go:build unix

package compiler

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
	"golang.org/x/tools/txtar"
)

// TestHostileFiles compiles what only a disk can hold. A build that followed, or waited, would hang here.
func TestHostileFiles(t *testing.T) {
	const x = "policies/teams/shop/x.yaml"
	const hidden = "apiVersion: writ.dev/v1alpha1\nkind: Service\nmetadata: {name: hidden, namespace: shop}\nspec: {}\n"
	link := func(to string) func(string) error { return func(at string) error { return os.Symlink(to, at) } }
	for _, tt := range []struct {
		name, at string
		make     func(at string) error
		want     string
	}{
		{"link out of the tree", x, link("/etc/passwd"), x + ":1:1 SYN-006 the file is a symbolic link\n"},
		{"link to a document outside", x, link("../../../outside.yaml"), x + ":1:1 SYN-006 the file is a symbolic link\n"},
		{"link to itself", x, link("x.yaml"), x + ":1:1 SYN-006 the file is a symbolic link\n"},
		{"link to nothing", x, link("nowhere"), x + ":1:1 SYN-006 the file is a symbolic link\n"},
		{"link to the folder above", "policies/teams/shop/loop", link(".."), "policies/teams/shop/loop:1:1 SYN-006 the file is a symbolic link\n"},
		{"link to a device that never ends", x, link("/dev/zero"), x + ":1:1 SYN-006 the file is a symbolic link\n"},
		{"named pipe", x, func(at string) error { return unix.Mkfifo(at, 0o644) }, x + ":1:1 SYN-006 this is not a plain file\n"},
		{"100 MB", x, func(at string) error {
			return errors.Join(os.WriteFile(at, []byte(hidden), 0o644), os.Truncate(at, 100_000_000))
		}, x + ":1:1 SYN-004 the file is larger than 1 MiB\n"},
		{"a folder named like a file", x, func(at string) error { return os.Mkdir(at, 0o755) }, ""},
		{
			"a name that is a command", "policies/teams/shop/::error::a.yaml", func(at string) error { return os.WriteFile(at, []byte("a\n"), 0o644) },
			"policies/teams/shop/::error::a.yaml:1:1 SYN-016 the document is the text \"a\"; expected fields like apiVersion and kind\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			onDisk(t, dir, append(Surroundings(""), txtar.File{Name: "outside.yaml", Data: []byte(hidden)}))
			if err := tt.make(filepath.Join(dir, tt.at)); err != nil {
				t.Skip(err)
			}
			root, err := os.OpenRoot(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			r := compileFor(t, root.FS(), costOfText)
			if got := brief(r.Findings); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if r.Fails() != (tt.want != "") || (r.Files == nil) != (tt.want != "") {
				t.Errorf("fails: %v, and %d files would be written", r.Fails(), len(r.Files))
			}
		})
	}
}

func onDisk(t *testing.T, dir string, files []txtar.File) {
	t.Helper()
	for _, f := range files {
		name := filepath.Join(dir, f.Name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, f.Data, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}
