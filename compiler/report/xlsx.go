package report

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/xuri/excelize/v2"
)

// What a worksheet holds at most (https://support.microsoft.com/office/1672b34d-7043-467e-8e27-269d656771c3).
const (
	mostRows  = 1_048_576
	mostChars = 32_767
	mostTitle = 31
)

// workbook has a sheet for each register, and one in front that says what it was made from.
func (r *Report) workbook(o Origin) ([]byte, error) {
	book := excelize.NewFile()
	defer book.Close()
	head, err := book.NewStyle(&excelize.Style{
		Font: &excelize.Font{Bold: true, Color: "FFFFFF"}, Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"24415F"}},
		Alignment: &excelize.Alignment{WrapText: true, Vertical: "top"},
	})
	if err != nil {
		return nil, err
	}
	body, err := book.NewStyle(&excelize.Style{Alignment: &excelize.Alignment{WrapText: true, Vertical: "top"}})
	if err != nil {
		return nil, err
	}
	lack, err := book.NewStyle(&excelize.Style{
		Font: &excelize.Font{Bold: true, Color: "9C0006"}, Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"FFC7CE"}},
		Alignment: &excelize.Alignment{WrapText: true, Vertical: "top"},
	})
	if err != nil {
		return nil, err
	}
	const first = "About"
	if err := book.SetSheetName("Sheet1", first); err != nil {
		return nil, err
	}
	if err := sheet(book, first, r.front(o), head, body, lack); err != nil {
		return nil, err
	}
	taken := map[string]bool{strings.ToLower(first): true}
	for _, t := range r.Registers {
		name := sheetName(t.Name, taken)
		if _, err := book.NewSheet(name); err != nil {
			return nil, err
		}
		if err := sheet(book, name, t, head, body, lack); err != nil {
			return nil, err
		}
	}
	// The day of the report stands for the time of its making, so that it can be made again.
	made := r.AsOf + "T00:00:00Z"
	if err := book.SetDocProps(&excelize.DocProperties{Creator: "writ", LastModifiedBy: "writ", Title: "Records of " + r.Organisation, Created: made, Modified: made}); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := book.Write(&b); err != nil {
		return nil, err
	}
	return repack(b.Bytes())
}

// front says what the workbook was made from.
func (r *Report) front(o Origin) *Register {
	type fact struct{ what, value string }
	all := []fact{
		{"Organisation", r.Organisation},
		{"As of", r.AsOf},
		{"Made by", "writ " + o.Version},
		{"Commit", commit(o)},
		{"Compared with", base(o)},
		{"Documents", fmt.Sprintf("%d files, sha256 %s", o.DocumentsCount, o.Documents)},
		{"Proof", proof(o)},
		{"out/", current(o)},
	}
	for _, t := range r.tables() {
		text := fmt.Sprintf("%s, as of %s", t.Version, t.AsOf)
		if t.Stale {
			text += " (should have been looked at again)"
		}
		all = append(all, fact{"Table: " + t.Title, text})
	}
	for _, l := range limits {
		all = append(all, fact{"To bear in mind", l})
	}
	return about[fact]{
		name: "about", title: "About",
		columns: []column[fact]{
			says("what", "What", func(f fact) Cell { return required(f.what) }),
			says("value", "Value", func(f fact) Cell { return required(f.value) }),
		},
		row: func(f fact) Row { return Row{Key: f.what} },
	}.of(all)
}

func commit(o Origin) string {
	switch {
	case o.Commit == "":
		return "none known: no git repository, or nothing committed"
	case o.Uncommitted:
		return o.Commit + ", with changes that are not committed"
	default:
		return o.Commit
	}
}

func base(o Origin) string {
	if o.Base == "" {
		return "no earlier revision"
	}
	return o.Base + " (" + o.BaseCommit + ")"
}

func proof(o Origin) string {
	if o.Proved {
		return "holds: " + o.Proof
	}
	return "does not hold: " + o.Proof
}

func current(o Origin) string {
	if o.Current {
		return "holds what was rendered"
	}
	return "does not hold what was rendered: run writ build"
}

// sheet writes a register, row by row: cells are texts, never formulas.
func sheet(book *excelize.File, name string, t *Register, head, body, lack int) error {
	w, err := book.NewStreamWriter(name)
	if err != nil {
		return err
	}
	for i := range t.Columns {
		if err := w.SetColWidth(i+1, i+1, width(t, i)); err != nil {
			return err
		}
	}
	if err := w.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	row := make([]any, len(t.Columns))
	for i, c := range t.Columns {
		row[i] = excelize.Cell{StyleID: head, Value: heading(c)}
	}
	if err := w.SetRow("A1", row); err != nil {
		return err
	}
	for i := range t.Rows[:min(len(t.Rows), mostRows-2)] {
		for j, c := range t.Rows[i].Cells {
			style := body
			if c.Missing {
				style = lack
			}
			row[j] = excelize.Cell{StyleID: style, Value: fitting(c.Text(), t.Name)}
		}
		if err := w.SetRow(fmt.Sprintf("A%d", i+2), row); err != nil {
			return err
		}
	}
	if more := len(t.Rows) - (mostRows - 2); more > 0 {
		if err := w.SetRow(fmt.Sprintf("A%d", mostRows), []any{fmt.Sprintf("%d more in csv/%s.csv", more, t.Name)}); err != nil {
			return err
		}
	}
	return w.Flush()
}

// fitting is text that fits a cell; excelize would cut it without a word.
func fitting(text, register string) string {
	if len(utf16.Encode([]rune(text))) <= mostChars {
		return text
	}
	tail := " ... the rest is in csv/" + register + ".csv"
	runes := []rune(text)
	for len(utf16.Encode(runes))+len(tail) > mostChars {
		runes = runes[:len(runes)-max(1, (len(utf16.Encode(runes))+len(tail)-mostChars)/2)]
	}
	return string(runes) + tail
}

// width is a column's, in characters: that of its longest item, within reason.
func width(t *Register, column int) float64 {
	most := 12
	for i := range t.Rows {
		for _, item := range t.Rows[i].Cells[column].Items {
			most = max(most, len(item))
		}
	}
	return float64(min(most+2, 60))
}

// sheetName is a name that a workbook can have, and no other sheet has.
func sheetName(name string, taken map[string]bool) string {
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`[]:*?/\'`, r) {
			return '-'
		}
		return r
	}, name)
	fits := name[:min(len(name), mostTitle)]
	for n := 2; taken[strings.ToLower(fits)]; n++ {
		tail := fmt.Sprintf("-%d", n)
		fits = name[:min(len(name), mostTitle-len(tail))] + tail
	}
	taken[strings.ToLower(fits)] = true
	return fits
}

// epoch is the day that ZIP archives count from, which is what files without a time have.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// repack writes the archive anew with its files in one order and without the times of their making.
func repack(data []byte) ([]byte, error) {
	old, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(old.File, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range old.File {
		from, err := f.Open()
		if err != nil {
			return nil, err
		}
		to, err := w.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Deflate, Modified: epoch})
		if err == nil {
			_, err = io.Copy(to, from)
		}
		from.Close()
		if err != nil {
			return nil, err
		}
	}
	err = w.Close()
	return b.Bytes(), err
}
