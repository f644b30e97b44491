package report

import (
	"bytes"
	"strings"
)

// writeCSV is the register as RFC 4180 has it, in UTF-8. Every field is quoted, so that no other separator that a spreadsheet may go
// by, such as a semicolon, divides one.
func writeCSV(r *Register) []byte {
	var b bytes.Buffer
	titles := make([]string, len(r.Columns))
	for i, c := range r.Columns {
		titles[i] = heading(c)
	}
	record(&b, titles)
	for i := range r.Rows {
		fields := make([]string, len(r.Columns))
		for j, c := range r.Rows[i].Cells {
			fields[j] = harmless(c.Text())
		}
		record(&b, fields)
	}
	return b.Bytes()
}

// heading is a column's title with what it rests on, where that is not a document.
func heading(c Column) string {
	if c.Basis == Declared {
		return c.Title
	}
	return c.Title + " (" + string(c.Basis) + ")"
}

func record(b *bytes.Buffer, fields []string) {
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		b.WriteString(strings.ReplaceAll(f, `"`, `""`))
		b.WriteByte('"')
	}
	b.WriteString("\r\n")
}

// harmless is text that no spreadsheet takes for a formula: an apostrophe before what one would
// (https://owasp.org/www-community/attacks/CSV_Injection). The full-width forms count in some locales. Control characters are gone
// already.
func harmless(text string) string {
	if strings.IndexAny(strings.TrimLeft(text, " \u00a0\u3000"), "=+-@|%＝＋－＠") == 0 {
		return "'" + text
	}
	return text
}
