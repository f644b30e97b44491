package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/CycloneDX/cyclonedx-gomod/pkg/generate/bin"
	"github.com/google/licensecheck"
	"github.com/rs/zerolog"
)

// permitted are the licences that a part of writ may have: those that ask for their text, a notice, or the source of that part alone,
// which the bill of materials says where to get.
var permitted = []string{"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MPL-2.0", "Unlicense"}

// part is a module whose packages are in the binary, or the standard library.
type part struct {
	Path, Version string
	Dir           string
	Packages      []string // folders of it that are in the binary
	Licences      []string // by their names in SPDX
	Texts         []text
}

// text is a file of a module that says under which terms it comes.
type text struct {
	Name string
	Data []byte
}

// terms are the names of such files.
var terms = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|copyright|patents|unlicense)([-._].*)?$`)

// modules are the modules of which something is in the binary for a platform, sorted, each with its licences.
func (d *dist) modules(ctx context.Context, env []string) ([]*part, error) {
	out, err := d.goTool(ctx, env, "list", "-deps", "-json=Dir,Standard,Module", "./cmd/writ")
	if err != nil {
		return nil, err
	}
	toolchain, err := d.goTool(ctx, nil, "env", "GOVERSION", "GOROOT")
	if err != nil {
		return nil, err
	}
	version, root, _ := strings.Cut(strings.TrimSpace(string(toolchain)), "\n")
	std := &part{Path: "std", Version: version, Dir: strings.TrimSpace(root)}
	byPath := map[string]*part{std.Path: std}
	for packages := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Dir      string
			Standard bool
			Module   *struct {
				Path, Version, Dir string
				Main               bool
			}
		}
		if err := packages.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		switch {
		case p.Standard: // one licence; that of crypto/internal/boring is for object files that no release links
		case p.Module.Main:
		default:
			m := byPath[p.Module.Path]
			if m == nil {
				m = &part{Path: p.Module.Path, Version: p.Module.Version, Dir: p.Module.Dir}
				byPath[m.Path] = m
			}
			m.Packages = append(m.Packages, p.Dir)
		}
	}
	var all []*part
	for _, m := range byPath {
		if err := m.read(); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *part) int { return strings.Compare(a.Path, b.Path) })
	return all, nil
}

// read finds the texts in the folders of the packages and in those above, up to the module's: a package of others that lies in a module
// has its own.
func (m *part) read() error {
	dirs := map[string]bool{m.Dir: true}
	for _, dir := range m.Packages {
		for ; len(dir) > len(m.Dir) && !dirs[dir]; dir = filepath.Dir(dir) {
			dirs[dir] = true
		}
	}
	var names []string
	for dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.Type().IsRegular() && terms.MatchString(e.Name()) && !strings.HasSuffix(e.Name(), ".go") {
				names = append(names, filepath.Join(dir, e.Name()))
			}
		}
	}
	slices.Sort(names)
	known := map[string]bool{}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(m.Dir, name)
		if err != nil {
			return err
		}
		m.Texts = append(m.Texts, text{filepath.ToSlash(relative), data})
		if strings.HasPrefix(strings.ToUpper(filepath.Base(name)), "PATENTS") {
			continue // grants more, and has no name in SPDX
		}
		for _, match := range licensecheck.Scan(data).Match {
			known[match.ID] = true
		}
	}
	for id := range known {
		if !slices.Contains(permitted, id) {
			return fmt.Errorf("%s@%s comes under %s, which is none of %s", m.Path, m.Version, id, strings.Join(permitted, ", "))
		}
		m.Licences = append(m.Licences, id)
	}
	slices.Sort(m.Licences)
	if len(m.Licences) == 0 {
		return fmt.Errorf("%s@%s has no licence that is known", m.Path, m.Version)
	}
	return nil
}

// licences is one page with all texts.
func licences(modules []*part) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "writ is made of the modules below, besides its own code, whose terms are in LICENSE and NOTICE.\nEach comes under the terms that follow its name; its source is at https://proxy.golang.org/<module>/@v/<version>.zip.\n\n")
	for _, m := range modules {
		fmt.Fprintf(&out, "  %s %s: %s\n", m.Path, m.Version, strings.Join(m.Licences, ", "))
	}
	for _, m := range modules {
		for _, t := range m.Texts {
			fmt.Fprintf(&out, "\n%s\n%s %s: %s\n\n%s\n", strings.Repeat("=", 100), m.Path, m.Version, t.Name, bytes.TrimSpace(bytes.ReplaceAll(t.Data, []byte("\r\n"), []byte("\n"))))
		}
	}
	return out.Bytes()
}

// bill is the bill of materials of a binary in CycloneDX, with the licences, and without anything that two runs would say differently.
func bill(binary string, modules []*part) ([]byte, error) {
	generator, err := bin.NewGenerator(binary, bin.WithLogger(zerolog.Nop()), bin.WithIncludeStdlib(true))
	if err != nil {
		return nil, err
	}
	bom, err := generator.Generate()
	if err != nil {
		return nil, err
	}
	own := cdx.Licenses{{License: &cdx.License{ID: "Apache-2.0"}}}
	bom.Metadata.Component.Licenses = &own
	known := map[string]*part{}
	for _, m := range modules {
		known[m.Path] = m
	}
	for i := range *bom.Components {
		c := &(*bom.Components)[i]
		m := known[c.Name]
		if m == nil {
			return nil, fmt.Errorf("%s is in the binary, and its licence was not looked for", c.Name)
		}
		var list cdx.Licenses
		for _, id := range m.Licences {
			list = append(list, cdx.LicenseChoice{License: &cdx.License{ID: id}})
		}
		c.Licenses = &list
		delete(known, c.Name)
	}
	for path := range known {
		return nil, fmt.Errorf("%s has packages that writ imports, and is not in the binary", path)
	}
	var out bytes.Buffer
	err = cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).Encode(bom)
	return out.Bytes(), err
}
