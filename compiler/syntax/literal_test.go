package syntax

import (
	"strings"
	"testing"
	"testing/fstest"
)

// The numbers are those that issuers and authorities publish for tests.
func TestNumbersOfPeopleAreSeen(t *testing.T) {
	for text, what := range map[string]string{
		"ask 111222333 for more":                    bsn,
		"123456782":                                 bsn,
		"NL91ABNA0417164300":                        iban,
		"NL91 ABNA 0417 1643 00, at the bank":       iban,
		"(DE89370400440532013000)":                  iban,
		"4111111111111111":                          card,
		"4111 1111 1111 1111.":                      card,
		"card 5555-5555-5555-4444 of the test shop": card,
		"3782 822463 10005":                         card,
		"2026 4111 1111 1111 1111":                  card,

		"123456783":                     "", // no BSN: the check fails
		"000000000":                     "",
		"1234567820":                    "", // longer than one
		"PRIV-123456782":                "",
		"10.123456782":                  "",
		"host:123456782":                "",
		"/browse/123456782":             "",
		"a111222333":                    "",
		"sha256:4111111111111111aa":     "",
		"4111-1111-1111-1111-4111-1111": "",
		"4111111111111112":              "",
		"1764000000000":                 "", // milliseconds
		"2026-11-23 2026-11-24":         "",
		"NL92ABNA0417164300":            "", // the check fails
		"XX91ABNA0417164300":            "",
		"ANL91ABNA0417164300":           "",
		"8080, 15012, 443":              "",
		"411111 1111 111111":            "", // no card has such groups
		"9999999999999999":              "", // nobody issues them
	} {
		src := newSource("a.yaml", []byte("# "+text+"\n"))
		found := literals(src, nil)
		got := ""
		for _, l := range found {
			got += l.What
			if cutOut := string(src.data[l.Span.Start.Offset():l.Span.End.Offset()]); !strings.Contains(text, cutOut) || apart([]byte(cutOut), 0) || !isDigit(cutOut[len(cutOut)-1]) {
				t.Errorf("%q: found at %q", text, cutOut)
			}
		}
		if got != what {
			t.Errorf("%q looks like %q, want %q", text, got, what)
		}
	}
}

func TestNumbersHaveTheirDocuments(t *testing.T) {
	text := "# 111222333\n" + meshDoc("a") + "---\n" + strings.Replace(meshDoc("b"), "{}", "{} # 123456782", 1) + "# 4111111111111111\n"
	tree, diags := Parse(t.Context(), fstest.MapFS{"policies/a.yaml": {Data: []byte(text)}})
	if len(diags) > 0 {
		t.Fatal(render(diags))
	}
	var got []string
	for _, l := range tree.Literals {
		got = append(got, l.Object+": "+l.What)
	}
	want := []string{"Mesh a: " + bsn, "Mesh b: " + bsn, "Mesh b: " + card}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}
