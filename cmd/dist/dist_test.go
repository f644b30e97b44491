package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"
)

// clone is the repository at its last commit, in a folder of its own: what is not committed is no part of a release.
func clone(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "of", "writ")
	command(t, ".", nil, "git", "clone", "-q", "--no-checkout", "../..", dir)
	command(t, dir, nil, "git", "checkout", "-q", "--detach", head())
	return dir
}

// head is the last commit when the tests begin.
var head = sync.OnceValue(func() string {
	out, err := exec.Command("git", "rev-parse", "HEAD").Output()
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(out))
})

func command(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s%s", name, args, err, out, stderr.String())
	}
	return string(out)
}

// made runs dist and returns its files.
func made(t *testing.T, env []string, platforms ...string) map[string][]byte {
	t.Helper()
	told, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer told.Close()
	d := dist{Source: clone(t), Out: filepath.Join(t.TempDir(), "dist"), Platforms: platforms, Told: told, Env: env}
	if err := d.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(d.Out)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(d.Out, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// TestTheSameCommitGivesTheSameBytes, in another folder and with nothing compiled before. DIST_ALL=1 asks for every platform.
func TestTheSameCommitGivesTheSameBytes(t *testing.T) {
	some := []string{runtime.GOOS + "/" + runtime.GOARCH}
	if os.Getenv("DIST_ALL") == "1" {
		some = platforms
	}
	first := made(t, nil, some...)
	second := made(t, []string{"GOCACHE=" + t.TempDir()}, some...)
	if len(first) != len(some)+1 || len(first) != len(second) {
		t.Errorf("there are %d files and %d", len(first), len(second))
	}
	for name, data := range first {
		if !bytes.Equal(data, second[name]) {
			t.Errorf("%s has %d bytes, and others the second time", name, len(data))
		}
		if name != "SHA256SUMS" {
			holdArchive(t, name, data, string(first["SHA256SUMS"]))
		}
	}
}

// holdArchive looks at what a user gets.
func holdArchive(t *testing.T, name string, data []byte, sums string) {
	t.Helper()
	if line := fmt.Sprintf("%x  %s\n", sha256.Sum256(data), name); !strings.Contains(sums, line) {
		t.Errorf("SHA256SUMS lacks %q", line)
	}
	files := unpack(t, name, data)
	binary := "writ"
	if strings.HasSuffix(name, ".zip") {
		binary += ".exe"
	}
	want := []string{"LICENSE", "LICENSES.txt", "NOTICE", "README.md", "completions/_writ", "completions/writ.bash", "completions/writ.fish", "completions/writ.ps1", binary, "writ.cdx.json"}
	var got []string
	for f := range files {
		got = append(got, f)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s holds %v, want %v", name, got, want)
	}
	var bill cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(files["writ.cdx.json"]), cdx.BOMFileFormatJSON).Decode(&bill); err != nil {
		t.Fatal(err)
	}
	if bill.Components == nil || len(*bill.Components) < 50 || bill.SerialNumber != "" || bill.Metadata.Timestamp != "" {
		t.Errorf("%s: the bill of materials is %+v", name, bill.Metadata)
	}
	for _, c := range *bill.Components {
		if c.Licenses == nil || len(*c.Licenses) == 0 || !strings.Contains(string(files["LICENSES.txt"]), "\n"+c.Name+" "+c.Version+": ") {
			t.Errorf("%s: %s %s comes without its licence", name, c.Name, c.Version)
		}
	}
	for _, f := range []string{"LICENSES.txt", "writ.cdx.json", binary} {
		for _, place := range []string{os.TempDir() + "/", os.Getenv("HOME") + "/", strings.TrimSpace(command(t, ".", nil, "go", "env", "GOROOT"))} {
			if len(place) > 1 && bytes.Contains(files[f], []byte(place)) {
				t.Errorf("%s: %s tells where it was built: %s", name, f, place)
			}
		}
	}
	if !strings.Contains(name, "_"+runtime.GOOS+"_"+runtime.GOARCH+".") {
		return
	}
	file := filepath.Join(t.TempDir(), binary)
	if err := os.WriteFile(file, files[binary], 0o755); err != nil {
		t.Fatal(err)
	}
	v := version(t, file)
	if v.Modified || v.Revision != head() || !strings.HasPrefix(name, "writ_"+strings.TrimPrefix(v.Version, "v")+"_") {
		t.Errorf("%s says that it is %+v", name, v)
	}
}

func version(t *testing.T, binary string) (v struct {
	Version, Revision string
	Modified          bool
},
) {
	t.Helper()
	if err := json.Unmarshal([]byte(command(t, ".", nil, binary, "version", "--json")), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// unpack reads an archive.
func unpack(t *testing.T, name string, data []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	add := func(entry string, r io.Reader) {
		if path.Clean(entry) != entry || strings.HasPrefix(entry, "..") || path.IsAbs(entry) {
			t.Errorf("%s has %q", name, entry)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[entry] = data
	}
	if strings.HasSuffix(name, ".zip") {
		archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			add(f.Name, r)
		}
		return files
	}
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		add(h.Name, archive)
	}
}

// TestAReleaseHasItsTag, and is of a commit with nothing beside it.
func TestAReleaseHasItsTag(t *testing.T) {
	source, out := clone(t), filepath.Join(t.TempDir(), "dist")
	told, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer told.Close()
	command(t, source, nil, "git", "tag", "v0.9.7")
	run := func(version string) error {
		d := dist{Source: source, Out: out, Version: version, Platforms: []string{runtime.GOOS + "/" + runtime.GOARCH}, Told: told}
		return d.run(t.Context())
	}
	if err := run("v0.9.8"); err == nil || !strings.Contains(err.Error(), "this is v0.9.7, not v0.9.8") {
		t.Errorf("another tag: %v", err)
	}
	if found, _ := filepath.Glob(out); found != nil {
		t.Error("it left something behind")
	}
	if err := run("v0.9.7"); err != nil {
		t.Error(err)
	}
	if found, _ := filepath.Glob(filepath.Join(out, "writ_0.9.7_*")); len(found) != 1 {
		t.Errorf("there is %v", found)
	}
	if err := os.WriteFile(filepath.Join(source, "cmd/writ/more.go"), []byte("package main\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := run("v0.9.7"); err == nil || !strings.Contains(err.Error(), "this is v0.9.7+dirty, not v0.9.7") {
		t.Errorf("something beside the commit: %v", err)
	}
}

// TestBothKindsOfArchivesAreTheSameAgain: no time but the commit's, no owner, no order but that of names.
func TestBothKindsOfArchivesAreTheSameAgain(t *testing.T) {
	t.Parallel()
	files := []file{{"a", []byte("a"), 0o644}, {"b/writ", []byte("b"), 0o755}}
	at := time.Date(2026, 11, 23, 22, 0, 1, 0, time.UTC)
	for _, system := range []string{"windows", "linux"} {
		one, ext, err := pack(system, files, at)
		if err != nil {
			t.Fatal(err)
		}
		other, _, err := pack(system, files, at.In(time.FixedZone("", 3600)).UTC())
		if err != nil || !bytes.Equal(one, other) {
			t.Errorf("%s: %v", system, err)
		}
		if got := unpack(t, "writ_1"+ext, one); string(got["b/writ"]) != "b" || len(got) != 2 {
			t.Errorf("%s: %v", system, got)
		}
	}
}

// TestALicenceIsKnownOrNothingIsMade: what nobody looked at is not given away.
func TestALicenceIsKnownOrNothingIsMade(t *testing.T) {
	t.Parallel()
	mit, err := os.ReadFile("../../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		files map[string]string
		fails string
	}{
		"known":             {map[string]string{"LICENSE": string(mit)}, ""},
		"none":              {map[string]string{"README": "free"}, "has no licence that is known"},
		"not known":         {map[string]string{"LICENSE": "do what you want"}, "has no licence that is known"},
		"not permitted":     {map[string]string{"LICENSE": string(mit), "sub/LICENSE": agpl}, "comes under AGPL-3.0"},
		"in another folder": {map[string]string{"LICENSE": string(mit), "other/LICENSE": agpl}, ""},
	} {
		dir := t.TempDir()
		for file, text := range c.files {
			if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(file)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.MkdirAll(filepath.Join(dir, "sub/deep"), 0o755); err != nil {
			t.Fatal(err)
		}
		m := &part{Path: "example.com/m", Version: "v1.0.0", Dir: dir, Packages: []string{filepath.Join(dir, "sub/deep")}}
		err := m.read()
		if (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// agpl is the notice that files under this licence carry.
const agpl = `This program is free software: you can redistribute it and/or modify it under the terms of the GNU Affero General Public
License as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.

This program is distributed in the hope that it will be useful, but WITHOUT ANY WARRANTY; without even the implied warranty of
MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE. See the GNU Affero General Public License for more details.

You should have received a copy of the GNU Affero General Public License along with this program. If not, see
<https://www.gnu.org/licenses/>.
`

// TestGoInstallWorks from a module proxy, as for anybody: no replacement, and nothing missing that is embedded.
func TestGoInstallWorks(t *testing.T) {
	const release = "v0.0.1"
	proxy, bin := t.TempDir(), t.TempDir()
	versions := filepath.Join(proxy, "writ.dev/writ/@v")
	if err := os.MkdirAll(versions, 0o755); err != nil {
		t.Fatal(err)
	}
	source := clone(t)
	archive, err := os.Create(filepath.Join(versions, release+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	if err := modzip.CreateFromDir(archive, module.Version{Path: "writ.dev/writ", Version: release}, source); err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{release + ".mod": string(mod), release + ".info": `{"Version": "` + release + `"}`, "list": release + "\n"} {
		if err := os.WriteFile(filepath.Join(versions, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cache := strings.TrimSpace(command(t, ".", nil, "go", "env", "GOMODCACHE"))
	others := "file://" + filepath.ToSlash(cache) + "/cache/download," + strings.TrimSpace(command(t, ".", nil, "go", "env", "GOPROXY"))
	fresh := t.TempDir()
	t.Cleanup(func() { command(t, ".", []string{"GOMODCACHE=" + fresh}, "go", "clean", "-modcache") }) // it is read-only
	command(t, t.TempDir(), []string{
		"GOPROXY=file://" + filepath.ToSlash(proxy) + "," + others, "GOSUMDB=off", "GOFLAGS=", "GOMODCACHE=" + fresh, "GOBIN=" + bin, "CGO_ENABLED=0",
	}, "go", "install", "-trimpath", "writ.dev/writ/cmd/writ@"+release)
	if v := version(t, filepath.Join(bin, "writ")); v.Version != release {
		t.Errorf("what was installed says that it is %+v", v)
	}
}
