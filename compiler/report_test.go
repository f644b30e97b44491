package compiler

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
	"golang.org/x/tools/txtar"

	"writ.dev/writ/compiler/emit"
	"writ.dev/writ/compiler/report"
)

// privateEstate is the estate that the registers are tried on, as it is and as it was.
func privateEstate(t testing.TB) (now, before fstest.MapFS) {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/report/estate.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var is, was []txtar.File
	for _, f := range archive.Files {
		if name, old := strings.CutPrefix(f.Name, "base/"); old {
			was = append(was, txtar.File{Name: name, Data: f.Data})
		} else {
			is = append(is, f)
		}
	}
	now = layOver(layOver(fstest.MapFS{}, Surroundings("PII-001")), is)
	before = layOver(layOver(layOver(fstest.MapFS{}, Surroundings("PII-001")), is), was)
	return now, before
}

// registers are the report of the repository, with out/ as a build leaves it.
func registers(t testing.TB, fsys fstest.MapFS, opts ReportOptions) *Reported {
	t.Helper()
	for _, f := range mustCompile(t, fsys).Files {
		fsys["out/"+f.Path] = &fstest.MapFile{Data: f.Data}
	}
	fsys["out/.gitattributes"] = &fstest.MapFile{Data: []byte("** linguist-generated=true\n")}
	opts.AsOf, opts.Version = today, "v1.2.3"
	r, err := Report(t.Context(), fsys, opts)
	if err != nil {
		t.Fatal(err)
	}
	if r.Report == nil {
		t.Fatalf("no report: %v", describe(r.Findings))
	}
	return r
}

func fileOf(t testing.TB, r *Reported, path string) []byte {
	t.Helper()
	i := slices.IndexFunc(r.Files, func(f emit.File) bool { return f.Path == path })
	if i < 0 {
		t.Fatalf("the report has no %s", path)
	}
	return r.Files[i].Data
}

// TestRegisters holds every cell of every register against testdata/report/registers.txt, a paragraph for each row. Findings of
// rules stand apart: each has tests of its own.
func TestRegisters(t *testing.T) {
	t.Parallel()
	now, before := privateEstate(t)
	r := registers(t, now, ReportOptions{Options: Options{Base: before}, BaseName: "main", BaseCommit: "c0ffee"})
	var b bytes.Buffer
	for _, reg := range r.Report.Registers {
		if reg.Name == "findings" {
			continue
		}
		b.WriteString("=== " + reg.Name + ": " + reg.Title + "\n\n")
		for _, row := range reg.Rows {
			for i, c := range reg.Columns {
				b.WriteString(c.Title + " [" + string(c.Basis) + "]: " + row.Cells[i].Text() + "\n")
			}
			b.WriteString("\n")
		}
	}
	got := regexp.MustCompile(`\b[0-9a-f]{64}\b`).ReplaceAllString(b.String(), "SHA256") // a digest says nothing to who reads this
	const golden = "testdata/report/registers.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("differs from %s (-want +got); `make golden` rewrites it:\n%s", golden, d)
	}
}

func TestTheSameReportHasTheSameBytes(t *testing.T) {
	t.Parallel()
	now, before := privateEstate(t)
	opts := ReportOptions{Options: Options{Base: before}, BaseName: "main", Commit: "c0ffee", Committed: now}
	first := registers(t, now, opts)
	for range 3 {
		again := registers(t, now, opts)
		if len(again.Files) != len(first.Files) {
			t.Fatalf("%d files, and %d the first time", len(again.Files), len(first.Files))
		}
		for i, f := range again.Files {
			if f.Path != first.Files[i].Path || !bytes.Equal(f.Data, first.Files[i].Data) {
				t.Errorf("%s differs", f.Path)
			}
		}
	}
}

// No cell is empty in any register, and a required one that nobody fills says so in every format.
func TestNoCellIsEmpty(t *testing.T) {
	t.Parallel()
	now, before := privateEstate(t)
	r := registers(t, now, ReportOptions{Options: Options{Base: before}, BaseName: "main"})
	for _, reg := range slices.Concat(r.Report.Registers, example(t).Report.Registers) {
		for _, row := range reg.Rows {
			for i, c := range row.Cells {
				if c.Text() == "" || slices.Contains(c.Items, "") {
					t.Errorf("%s: %s of %s is empty", reg.Name, reg.Columns[i].Title, row.Label)
				}
				if c.Missing && c.Text() != "DECLARATION MISSING" {
					t.Errorf("%s: %s of %s is missing and says %q", reg.Name, reg.Columns[i].Title, row.Label, c.Text())
				}
				if basis := reg.Columns[i].Basis; (basis == report.Live || basis == report.Observed) && c.Text() != "not collected" {
					t.Errorf("%s: %s says %q of what writ has not seen", reg.Name, reg.Columns[i].Title, c.Text())
				}
			}
		}
	}
	for _, path := range []string{"csv/gaps.csv", "csv/controller.csv", "index.html", "report.json"} {
		if !bytes.Contains(fileOf(t, r, path), []byte("DECLARATION MISSING")) {
			t.Errorf("%s does not say what is missing", path)
		}
	}
}

// What writ exports never judges whether something is as the law wants it.
func TestNoExportSaysCompliant(t *testing.T) {
	t.Parallel()
	now, before := privateEstate(t)
	r := registers(t, now, ReportOptions{Options: Options{Base: before}, BaseName: "main"})
	for _, f := range slices.Concat(r.Files, example(t).Files) {
		text := f.Data
		if strings.HasSuffix(f.Path, ".xlsx") {
			text = []byte(strings.Join(slices.Concat(cells(t, f.Data)...), "\n"))
		}
		if bytes.Contains(bytes.ToLower(text), []byte("complian")) {
			t.Errorf("%s says it", f.Path)
		}
	}
}

// cells are those of all sheets, by row.
func cells(t testing.TB, workbook []byte) [][]string {
	t.Helper()
	book, err := excelize.OpenReader(bytes.NewReader(workbook))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	var all [][]string
	for _, sheet := range book.GetSheetList() {
		rows, err := book.GetRows(sheet)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rows...)
	}
	return all
}

// Every format has every cell.
func TestFormatsAgree(t *testing.T) {
	t.Parallel()
	now, before := privateEstate(t)
	r := registers(t, now, ReportOptions{Options: Options{Base: before}, BaseName: "main"})
	var doc struct {
		Registers []struct {
			Name string
			Rows []map[string][]string
		}
	}
	if err := json.Unmarshal(fileOf(t, r, "report.json"), &doc); err != nil {
		t.Fatal(err)
	}
	book, err := excelize.OpenReader(bytes.NewReader(fileOf(t, r, "report.xlsx")))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	page := string(fileOf(t, r, "index.html"))
	for i, reg := range r.Report.Registers {
		records, err := csv.NewReader(bytes.NewReader(fileOf(t, r, "csv/"+reg.Name+".csv"))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		rows, err := book.GetRows(reg.Name)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(reg.Rows); len(records) != n+1 || len(rows) != n+1 || len(doc.Registers[i].Rows) != n {
			t.Errorf("%s has %d rows, the table %d, the sheet %d, the document %d", reg.Name, n, len(records)-1, len(rows)-1, len(doc.Registers[i].Rows))
			continue
		}
		if !strings.Contains(page, `<section id="`+reg.Name+`">`) {
			t.Errorf("the page has no %s", reg.Name)
		}
		for j, row := range reg.Rows {
			for k, c := range row.Cells {
				if records[j+1][k] != c.Text() || rows[j+1][k] != c.Text() || !slices.Equal(doc.Registers[i].Rows[j][reg.Columns[k].Key], c.Items) {
					t.Errorf("%s: row %d, %s: %q, %q, %q", reg.Name, j, reg.Columns[k].Key, c.Text(), records[j+1][k], rows[j+1][k])
				}
			}
		}
	}
}

// What people write is text in every format, whatever it looks like.
func TestHostileTextStaysText(t *testing.T) {
	t.Parallel()
	now, _ := privateEstate(t)
	const titles = "title: Customer account"
	hostile := map[string]string{
		`=HYPERLINK("http://evil.example","x")`: `'=HYPERLINK("http://evil.example","x")`,
		`+1+cmd|' /C calc'!A0`:                  `'+1+cmd|' /C calc'!A0`,
		`@SUM(1,1)`:                             `'@SUM(1,1)`,
		`-2+3`:                                  `'-2+3`,
		`</script><script>alert(1)</script>`:    `</script><script>alert(1)</script>`,
		`"><img src=x onerror=alert(1)>`:        `"><img src=x onerror=alert(1)>`,
		`a; =1+1`:                               `a; =1+1`,
		`{{.Organisation}}`:                     `{{.Organisation}}`,
		`＝1+1`:                                  `'＝1+1`,
		`data:text/html,<script>alert(1)</script>`:       `data:text/html,<script>alert(1)</script>`,
		`' onmouseover='alert(1)' style='position:fixed`: `' onmouseover='alert(1)' style='position:fixed`,
	}
	for text, want := range hostile {
		fsys := layOver(now, nil)
		path := "policies/privacy/activities.yaml"
		quoted, _ := json.Marshal(text) // a quoted scalar of YAML too
		data := strings.ReplaceAll(string(now[path].Data), titles, "title: "+string(quoted))
		if data == string(now[path].Data) {
			t.Fatal("the estate has no such title")
		}
		fsys[path] = &fstest.MapFile{Data: []byte(data)}
		r := registers(t, fsys, ReportOptions{})
		records, err := csv.NewReader(bytes.NewReader(fileOf(t, r, "csv/controller.csv"))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if records[1][1] != want {
			t.Errorf("%q is %q as CSV", text, records[1][1])
		}
		noFormula(t, fileOf(t, r, "report.xlsx"))
		page := string(fileOf(t, r, "index.html"))
		if n := strings.Count(page, "<script"); n != 1 {
			t.Errorf("%q makes %d scripts of one", text, n)
		}
		for _, bad := range []string{"<img", "onerror=alert(1)>", " onmouseover='"} {
			if strings.Contains(page, bad) {
				t.Errorf("%q puts %q on the page", text, bad)
			}
		}
	}
}

func noFormula(t *testing.T, workbook []byte) {
	t.Helper()
	book, err := excelize.OpenReader(bytes.NewReader(workbook))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	for _, sheet := range book.GetSheetList() {
		rows, err := book.GetRows(sheet)
		if err != nil {
			t.Fatal(err)
		}
		for i, row := range rows {
			for j := range row {
				cell, _ := excelize.CoordinatesToCellName(j+1, i+1)
				if formula, err := book.GetCellFormula(sheet, cell); err != nil || formula != "" {
					t.Errorf("%s!%s is the formula %q, %v", sheet, cell, formula, err)
				}
			}
		}
	}
}

// The manifest says what the folder holds and what it was made from.
func TestReportManifest(t *testing.T) {
	t.Parallel()
	now, before := privateEstate(t)
	r := registers(t, now, ReportOptions{Options: Options{Base: before}, BaseName: "main", BaseCommit: "b45e", Commit: "c0ffee", Committed: before})
	var m struct {
		Origin struct {
			Writ, AsOf, Commit string
			Uncommitted        bool
			OutIsCurrent       bool
			Base               struct{ Revision, Commit string }
			Documents          struct{ Files int }
			Proof              struct{ Holds bool }
			Tables             []struct{ Name, Version, AsOf string }
		}
		Files []struct{ Path, SHA256 string }
	}
	if err := json.Unmarshal(fileOf(t, r, report.ManifestName), &m); err != nil {
		t.Fatal(err)
	}
	o := m.Origin
	if o.Writ != "v1.2.3" || o.AsOf != today || o.Commit != "c0ffee" || !o.Uncommitted || !o.Proof.Holds || !o.OutIsCurrent || o.Base.Revision != "main" || o.Base.Commit != "b45e" {
		t.Errorf("made from %+v", o)
	}
	if len(o.Tables) < 8 || o.Tables[0].Version == "" || o.Tables[0].AsOf == "" || o.Documents.Files == 0 {
		t.Errorf("made from %+v", o)
	}
	if len(m.Files) != len(r.Files)-1 {
		t.Errorf("%d files are listed of %d", len(m.Files), len(r.Files))
	}
	for _, f := range m.Files {
		if got := sha256Of(fileOf(t, r, f.Path)); got != f.SHA256 {
			t.Errorf("%s has %s and not %s", f.Path, got, f.SHA256)
		}
	}
	if r := registers(t, now, ReportOptions{Commit: "c0ffee", Committed: now}); bytes.Contains(fileOf(t, r, report.ManifestName), []byte(`"uncommitted": true`)) {
		t.Error("documents as they are committed are called uncommitted")
	}
}

func TestOnlyAReportIsReplaced(t *testing.T) {
	t.Parallel()
	now, _ := privateEstate(t)
	folder := fstest.MapFS{}
	for _, f := range registers(t, now, ReportOptions{}).Files {
		folder[f.Path] = &fstest.MapFile{Data: f.Data}
	}
	if err := OwnReport(folder); err != nil {
		t.Error(err)
	}
	folder["notes.txt"] = &fstest.MapFile{Data: []byte("mine")}
	if err := OwnReport(folder); err == nil || !strings.Contains(err.Error(), "notes.txt") {
		t.Errorf("somebody's file would be lost: %v", err)
	}
	for _, not := range []fs.FS{fstest.MapFS{"a": &fstest.MapFile{}}, fstest.MapFS{"manifest.json": &fstest.MapFile{Data: []byte(`{"files": []}`)}}} {
		if OwnReport(not) == nil {
			t.Error("a folder of somebody else would be replaced")
		}
	}
}

// example is the report of the repository's own estate, with two meshes.
func example(t testing.TB) *Reported {
	t.Helper()
	r, err := Report(t.Context(), os.DirFS(".."), ReportOptions{Options: Options{AsOf: today}})
	if err != nil || r.Report == nil {
		t.Fatalf("%v, %v", err, r)
	}
	return r
}

// What a register calls proved stands in out/: in the file that it names, which has the digest, and names the caller's identity.
func TestWhatIsCalledProvedStandsInOut(t *testing.T) {
	t.Parallel()
	r := example(t)
	reg := r.Report.Register("access")
	at := map[string]int{}
	for i, c := range reg.Columns {
		at[c.Key] = i
	}
	looked := 0
	for _, row := range reg.Rows {
		if !strings.HasPrefix(row.Cells[at["state"]].Text(), "rendered and proved") {
			continue
		}
		paths, digests := row.Cells[at["policies"]].Items, row.Cells[at["digests"]].Items
		if len(paths) != len(digests) || len(paths) == 0 {
			t.Fatalf("%s: %d policies with %d digests", row.Label, len(paths), len(digests))
		}
		for i, path := range paths {
			data, err := os.ReadFile("../" + path)
			if err != nil {
				t.Fatal(err)
			}
			named := slices.ContainsFunc(row.Cells[at["identities"]].Items, func(id string) bool { return bytes.Contains(data, []byte(id+"\n")) })
			if sha256Of(data) != digests[i] || !named {
				t.Errorf("%s rests on %s, which has another digest or names nobody of it", row.Label, path)
			}
			looked++
		}
	}
	if looked == 0 {
		t.Error("nothing is proved")
	}
}

// What is not proved, not enforced, not rendered or not in out/ is never called rendered and proved.
func TestStatesOfAnAccess(t *testing.T) {
	t.Parallel()
	const place = "policies/teams/shop/checkout.yaml"
	cases := map[string]struct {
		change func(fstest.MapFS)
		want   string
	}{
		"as it is": {func(fstest.MapFS) {}, "rendered and proved"},
		"in shadow": {func(f fstest.MapFS) {
			replaceIn(t, f, "policies/platform/mesh.yaml", "spec: {}", "spec: {stages: {authz: shadow}}")
			retireFloors(t, f)
		}, "not enforced: whoever reaches it can call it"},
		"without consent": {func(f fstest.MapFS) {
			replaceIn(t, f, "policies/teams/identity/customers.yaml", "  grants:\n    - {from: shop/checkout, endpoints: [read-address]}\n", "")
		}, "waits for consent: nobody is let in"},
		"withheld": {func(f fstest.MapFS) {
			replaceIn(t, f, place, "categories: [user.name, user.contact.address, user.behavior.purchase_history]", "categories: [user.name]")
		}, "withheld: nobody is let in (PII-010)"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now, _ := privateEstate(t)
			c.change(now)
			if got := stateOf(t, registers(t, now, ReportOptions{}), "shop/checkout -> identity/customers read-address"); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	now, _ := privateEstate(t)
	r, err := Report(t.Context(), now, ReportOptions{Options: Options{AsOf: today}}) // nothing was built
	if err != nil {
		t.Fatal(err)
	}
	if got := stateOf(t, r, "shop/checkout -> identity/customers read-address"); got != "rendered and proved; out/ does not hold it yet" {
		t.Errorf("what out/ lacks is %q", got)
	}
}

func replaceIn(t testing.TB, fsys fstest.MapFS, path, old, renewed string) {
	t.Helper()
	data := strings.Replace(string(fsys[path].Data), old, renewed, 1)
	if data == string(fsys[path].Data) {
		t.Fatalf("%s has no %q", path, old)
	}
	fsys[path] = &fstest.MapFile{Data: []byte(data)}
}

func retireFloors(t testing.TB, fsys fstest.MapFS) {
	t.Helper()
	for _, team := range []string{"shop", "identity", "insight"} {
		replaceIn(t, fsys, "policies/platform/teams/"+team+".yaml", "{floor: true}", "{}")
	}
}

func stateOf(t testing.TB, r *Reported, access string) string {
	t.Helper()
	reg := r.Report.Register("access")
	state := slices.IndexFunc(reg.Columns, func(c report.Column) bool { return c.Key == "state" })
	for _, row := range reg.Rows {
		if row.Label == access {
			return row.Cells[state].Text()
		}
	}
	return "no such access"
}

func sha256Of(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
