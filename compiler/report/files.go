package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"writ.dev/writ/compiler/emit"
	"writ.dev/writ/compiler/privacy/vocabulary"
)

// Origin is what a report was made from, for a reader to make it again.
type Origin struct {
	// Version is writ's own.
	Version string
	// Commit is the revision of the documents, "" where there is no git. Uncommitted says that they are not quite those of it.
	Commit      string
	Uncommitted bool
	// Base is the revision that was compared, as it was named, with its commit.
	Base, BaseCommit string
	// Documents digests policies/: the digests of all its files with their names, sorted by name.
	Documents      string
	DocumentsCount int
	// Proof is the proof in a line, and Proved whether it holds.
	Proof  string
	Proved bool
	// Current says that out/ holds what was rendered.
	Current bool
}

// limits are what no register can say, and so each export does.
var limits = []string{
	"The registers repeat what documents declare. Declarations can be wrong; writ never looks into data.",
	"What is rendered and proved is what the manifests allow. Whether a cluster has them, and what happened there, is not collected.",
	"Channels, shared databases, files and people are outside the mesh: they are declared, and nothing here enforces them.",
	"An identity is a service account. Whoever can create pods in a namespace can take any identity in it.",
	"Where only a port is enforced, whoever may use one thing behind it may use all.",
	"The absence of a finding says that no rule of this version of writ objected, and no more. This is no legal advice.",
}

// PageName is the page that people open first, ManifestName what says what the folder holds.
const (
	PageName     = "index.html"
	ManifestName = "manifest.json"
)

// Files are the report's files, sorted by path. The same report from the same origin has the same bytes.
func (r *Report) Files(o Origin) ([]emit.File, error) {
	var files []emit.File
	for _, t := range r.Registers {
		files = append(files, emit.File{Path: "csv/" + t.Name + ".csv", Data: writeCSV(t)})
	}
	workbook, err := r.workbook(o)
	if err != nil {
		return nil, fmt.Errorf("write the workbook: %w", err)
	}
	page, err := r.page(o)
	if err != nil {
		return nil, fmt.Errorf("write the page: %w", err)
	}
	data, err := encode(r.document(o))
	if err != nil {
		return nil, err
	}
	files = append(files, emit.File{Path: "report.xlsx", Data: workbook}, emit.File{Path: PageName, Data: page}, emit.File{Path: "report.json", Data: data})
	slices.SortFunc(files, func(a, b emit.File) int { return strings.Compare(a.Path, b.Path) })
	manifest, err := encode(r.manifest(o, files))
	if err != nil {
		return nil, err
	}
	return append(files, emit.File{Path: ManifestName, Data: manifest}), nil
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return b.Bytes(), err
}

// originJSON is where the report comes from. Within a version of the document fields are added, never renamed or removed.
type originJSON struct {
	Writ         string          `json:"writ"` // its version
	AsOf         string          `json:"asOf"`
	Commit       string          `json:"commit"`      // "" where there is no git
	Uncommitted  bool            `json:"uncommitted"` // policies/ is not quite the commit's
	Base         *baseJSON       `json:"base"`        // null where none was compared
	Documents    documentsJSON   `json:"documents"`
	Proof        proofJSON       `json:"proof"`
	OutIsCurrent bool            `json:"outIsCurrent"`
	Tables       []vocabularyRow `json:"tables"`
	Limits       []string        `json:"limits"`
}

type baseJSON struct {
	Revision string `json:"revision"`
	Commit   string `json:"commit"`
}

type documentsJSON struct {
	Files  int    `json:"files"`
	SHA256 string `json:"sha256"`
}

type proofJSON struct {
	Holds   bool   `json:"holds"`
	Summary string `json:"summary"`
}

type vocabularyRow struct {
	Name    string   `json:"name"`
	Title   string   `json:"title"`
	Version string   `json:"version"`
	AsOf    string   `json:"asOf"`
	Stale   bool     `json:"stale"` // should have been looked at again before the day of the report
	Sources []string `json:"sources"`
}

func (r *Report) origin(o Origin) originJSON {
	j := originJSON{
		Writ: o.Version, AsOf: r.AsOf, Commit: o.Commit, Uncommitted: o.Uncommitted,
		Documents: documentsJSON{o.DocumentsCount, o.Documents}, Proof: proofJSON{o.Proved, o.Proof}, OutIsCurrent: o.Current,
		Tables: r.tables(), Limits: limits,
	}
	if o.Base != "" {
		j.Base = &baseJSON{o.Base, o.BaseCommit}
	}
	return j
}

func (r *Report) tables() []vocabularyRow {
	stale := vocabulary.Stale(r.AsOf)
	var all []vocabularyRow
	for _, t := range vocabulary.Tables() {
		old := slices.ContainsFunc(stale, func(s vocabulary.Table) bool { return s.Name == t.Name })
		all = append(all, vocabularyRow{t.Name, t.Title, t.Version, t.AsOf, old, t.Sources})
	}
	return all
}

// documentJSON is report.json.
type documentJSON struct {
	Version      int            `json:"version"` // 1
	Organisation string         `json:"organisation"`
	Origin       originJSON     `json:"origin"`
	Registers    []registerJSON `json:"registers"`
}

type registerJSON struct {
	Name    string       `json:"name"`
	Title   string       `json:"title"`
	About   string       `json:"about"`
	Columns []columnJSON `json:"columns"`
	// Rows have the values of each column by its key. A value that is required and missing is told as such.
	Rows []map[string][]string `json:"rows"`
}

type columnJSON struct {
	Key   string `json:"key"`
	Title string `json:"title"`
	Basis Basis  `json:"basis"`
	Law   string `json:"law"`
}

func (r *Report) document(o Origin) documentJSON {
	doc := documentJSON{Version: 1, Organisation: r.Organisation, Origin: r.origin(o)}
	for _, t := range r.Registers {
		j := registerJSON{Name: t.Name, Title: t.Title, About: t.About, Rows: []map[string][]string{}}
		for _, c := range t.Columns {
			j.Columns = append(j.Columns, columnJSON{c.Key, c.Title, c.Basis, c.Law})
		}
		for i := range t.Rows {
			row := map[string][]string{}
			for k, c := range t.Columns {
				row[c.Key] = t.Rows[i].Cells[k].Items
			}
			j.Rows = append(j.Rows, row)
		}
		doc.Registers = append(doc.Registers, j)
	}
	return doc
}

// manifestJSON is manifest.json.
type manifestJSON struct {
	Version int        `json:"version"` // 1
	Report  string     `json:"report"`  // what knows the folder again
	Origin  originJSON `json:"origin"`
	Files   []fileJSON `json:"files"`
}

type fileJSON struct {
	Path   string `json:"path"`
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// mark is in every manifest, so that a later report replaces no folder but one of its own.
const mark = "writ report"

func (r *Report) manifest(o Origin, files []emit.File) manifestJSON {
	m := manifestJSON{Version: 1, Report: mark, Origin: r.origin(o)}
	for _, f := range files {
		sum := sha256.Sum256(f.Data)
		m.Files = append(m.Files, fileJSON{f.Path, len(f.Data), hex.EncodeToString(sum[:])})
	}
	return m
}

// Listed are the files that a manifest lists, itself included, and whether it is one of a report.
func Listed(manifest []byte) ([]string, bool) {
	var m manifestJSON
	if err := json.Unmarshal(manifest, &m); err != nil || m.Report != mark {
		return nil, false
	}
	all := []string{ManifestName}
	for _, f := range m.Files {
		all = append(all, f.Path)
	}
	return all, true
}
