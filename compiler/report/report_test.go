package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"writ.dev/writ/compiler/diag"
)

func TestCellsShowEveryLetter(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a\u202egnp.exe": `a\u202egnp.exe`,
		"a\x00b\x1b[31m": `a\x00b\x1b[31m`,
		"two\nlines":     "two lines",
		"a\u2028b":       "a b",
		"a\u200bb":       `a\u200bb`,
		"\xff":           `\xff`,
	} {
		if got := required(text).Text(); got != want {
			t.Errorf("%q is told as %q, want %q", text, got, want)
		}
	}
	if c := required(" \n"); !c.Missing || c.Text() != missing {
		t.Errorf("spaces count as a declaration: %+v", c)
	}
}

func TestNoFieldIsAFormula(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"=1", "+1", "-1", "@a", "  =1", "\u00a0=1", "＝1", "|cmd", "%0"} {
		if got := harmless(text); got != "'"+text {
			t.Errorf("%q stays %q", text, got)
		}
	}
	for _, text := range []string{"none", "a=b", "PRIV-7", "'=1", "GET /v1"} {
		if got := harmless(text); got != text {
			t.Errorf("%q becomes %q", text, got)
		}
	}
}

func TestCSVIsReadBack(t *testing.T) {
	t.Parallel()
	r := tableOf([]string{`a "quoted", one`, "; semicolons", "=1"}, []string{"x", "", "ü"})
	data := writeCSV(r)
	if !bytes.HasSuffix(data, []byte("\r\n")) || bytes.Count(data, []byte("\r\n")) != 3 {
		t.Errorf("not lines of RFC 4180: %q", data)
	}
	got, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"0", "1", "2"}, {`a "quoted", one`, "; semicolons", "'=1"}, {"x", missing, "ü"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// tableOf is a register of the texts.
func tableOf(rows ...[]string) *Register {
	var columns []column[[]string]
	for i := range rows[0] {
		columns = append(columns, says(fmt.Sprint(i), fmt.Sprint(i), func(row []string) Cell { return required(row[i]) }))
	}
	return about[[]string]{name: "table", title: "Table", columns: columns, row: func(row []string) Row { return Row{Key: row[0]} }}.of(rows)
}

// A cell that a sheet cannot hold says where the rest is, and nothing is lost without a word.
func TestLongCellsSayWhereTheRestIs(t *testing.T) {
	t.Parallel()
	for _, text := range []string{strings.Repeat("a", mostChars), strings.Repeat("a", mostChars+1), strings.Repeat("😀", mostChars)} {
		r := &Report{AsOf: "2026-11-23", Registers: []*Register{tableOf([]string{text})}}
		data, err := r.workbook(Origin{})
		if err != nil {
			t.Fatal(err)
		}
		book, err := excelize.OpenReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		got, err := book.GetCellValue("table", "A2")
		if err != nil {
			t.Fatal(err)
		}
		fits := len(text) == mostChars
		if fits && got != text || !fits && !strings.HasSuffix(got, " ... the rest is in csv/table.csv") {
			t.Errorf("%d bytes become %d that end in %q", len(text), len(got), got[max(0, len(got)-50):])
		}
		book.Close()
	}
}

func TestSheetNames(t *testing.T) {
	t.Parallel()
	taken := map[string]bool{}
	long := strings.Repeat("subject-", 5)
	var got []string
	for _, name := range []string{"access", "Access", long + "a", long + "b", "a[b]:*?/c"} {
		got = append(got, sheetName(name, taken))
	}
	want := []string{"access", "Access-2", long[:mostTitle], long[:mostTitle-2] + "-2", "a-b-----c"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestAnnotationsOfPoliciesAreRead(t *testing.T) {
	t.Parallel()
	got := uses("observability/prometheus metrics (infrastructure)\norders/checkout convert,list\noutsider edge read\nodd\n")
	want := []Use{{"observability/prometheus", "metrics", true}, {"orders/checkout", "convert", false}, {"orders/checkout", "list", false}, {"outsider edge", "read", false}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// Entries that came, went and changed are told once each; a column that has no name for a change has none.
func TestChangesOfRegisters(t *testing.T) {
	t.Parallel()
	make := func(rows ...[3]string) *Report {
		return &Report{Registers: []*Register{about[[3]string]{
			name: "things", title: "Things",
			columns: []column[[3]string]{
				says("name", "Name", func(r [3]string) Cell { return required(r[0]) }).main(),
				says("recipients", "Recipients", func(r [3]string) Cell { return listed(strings.Fields(r[1])) }).change("recipients"),
				source(func(r [3]string) diag.Span { return diag.Span{File: r[2], Start: diag.At(1, 1, 0)} }),
			},
			row: func(r [3]string) Row { return Row{Key: r[0], Label: r[0]} },
		}.of(rows)}}
	}
	before := make([3]string{"a", "x y", "f"}, [3]string{"b", "x", "f"}, [3]string{"c", "x", "f"}, [3]string{"c", "x", "f"})
	after := make([3]string{"a", "y z", "f"}, [3]string{"b", "x", "moved"}, [3]string{"c", "x", "f"}, [3]string{"d", "", "f"})
	var got []string
	for _, row := range changes(before, after).Rows {
		var texts []string
		for _, c := range row.Cells[1:8] {
			texts = append(texts, c.Text())
		}
		got = append(got, strings.Join(texts, " | "))
	}
	want := []string{
		"a | recipients | Recipients | x; y | y; z | z | x",
		"d | new entry | the entry | not there | d | none | none",
		"c | entry gone | the entry | c | not there | none | none",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if !slices.Equal(less([]string{"a", "b"}, []string{"b"}), []string{"a"}) {
		t.Error("less takes away the wrong ones")
	}
}

// The hashes of the page's policy are those of what stands in it: a browser runs the script and applies the style.
func TestThePageKeepsItsPolicy(t *testing.T) {
	t.Parallel()
	page, err := (&Report{AsOf: "2026-11-23"}).page(Origin{})
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for tag, name := range map[string]string{"script": "script-src", "style": "style-src"} {
		_, rest, _ := strings.Cut(text, "<"+tag+">")
		inner, _, _ := strings.Cut(rest, "</"+tag+">")
		if !strings.Contains(strings.ReplaceAll(text, "&#43;", "+"), name+" &#39;sha256-"+digest(inner)+"&#39;") {
			t.Errorf("%s does not have the digest of the %s", name, tag)
		}
	}
	for _, loads := range []string{"http://", "src=", "@import", "url(", "<link"} {
		if strings.Contains(strings.ReplaceAll(text, "https://", ""), loads) {
			t.Errorf("the page has %q", loads)
		}
	}
}
