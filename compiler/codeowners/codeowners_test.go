package codeowners

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

var estate = []Line{
	{"/policies/", []string{"@example/platform"}},
	{"/policies/platform/", []string{"@example/platform"}},
	{"/policies/privacy/", []string{"@example/privacy", "privacy@example.org"}},
	{"/policies/teams/shop/", []string{"@example/shop"}},
	{"/.github/CODEOWNERS", []string{"@example/platform"}},
}

func render(t *testing.T, file string, lines []Line) string {
	t.Helper()
	out, err := Render([]byte(file), lines)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestGolden(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile("testdata/CODEOWNERS")
	if err != nil {
		t.Fatal(err)
	}
	if got := render(t, "*.go @example/developers\n", estate); got != string(want) {
		t.Errorf("it is\n%s", got)
	}
}

// TestOutsideStaysAsItIs: whatever stands around the block is there after it was written, and written again it is the same.
func TestOutsideStaysAsItIs(t *testing.T) {
	t.Parallel()
	fresh := render(t, "", estate)
	for name, file := range map[string]string{
		"nothing": "", "a line": "* @a\n", "no final newline": "* @a", "only a newline": "\n", "only spaces": "  ",
		"CRLF": "* @a\r\n/x @b\r\n", "CRLF without an end": "* @a\r\n/x @b", "a byte order mark": "\ufeff* @a\n",
		"not UTF-8": "* @a \xff\n", "before and after": "* @a\n" + fresh + "/x @b\n", "after, without an end": fresh + "/x @b",
		"a block without an end": strings.TrimSuffix("* @a\n"+fresh, "\n"), "an old block": "* @a\n" + begin + "\n/old @old\n" + end + "\n\n\n/x @b\n",
		"CRLF around a block": strings.ReplaceAll("* @a\n"+fresh+"/x @b\n", "\n", "\r\n"),
	} {
		once := render(t, file, estate)
		if twice := render(t, once, estate); twice != once {
			t.Errorf("%s: written twice it is\n%q\nand once\n%q", name, twice, once)
		}
		b, err := find([]byte(once))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		had, err := find([]byte(file))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !strings.HasPrefix(once, file[:had.start]) || !strings.HasSuffix(once, file[had.end:]) || strings.TrimSpace(once[len(file[:had.start]):b.start]) != "" {
			t.Errorf("%s: around the block stands\n%q", name, once)
		}
		if crlf := strings.Contains(file, "\r\n"); crlf && strings.Contains(strings.ReplaceAll(once, "\r\n", ""), "\n") {
			t.Errorf("%s: some lines end otherwise\n%q", name, once)
		}
		lines, _, err := Current([]byte(once))
		if err != nil || !slices.Equal(lines, texts(estate)) {
			t.Errorf("%s: the block says %q: %v", name, lines, err)
		}
	}
}

func texts(lines []Line) []string {
	var all []string
	for _, l := range lines {
		all = append(all, l.String())
	}
	return all
}

func TestBrokenMarkersAreToldAndNothingIsWritten(t *testing.T) {
	t.Parallel()
	for file, line := range map[string]int{
		"* @a\n" + begin + "\n/x @b\n":                               2,
		"* @a\n" + end + "\n":                                        2,
		end + "\n" + begin + "\n":                                    1,
		begin + "\n" + begin + "\n" + end + "\n":                     2,
		begin + "\n" + end + "\n/x @b\n" + begin + "\n" + end + "\n": 4,
		begin + "\n" + end + "\n" + end + "\n":                       3,
		"* @a\r\n" + begin + "\r\n":                                  2,
	} {
		_, err := Render([]byte(file), estate)
		var broken *BrokenError
		if !errors.As(err, &broken) || broken.Line != line {
			t.Errorf("%q: %v, not on line %d", file, err, line)
		}
		if !Managed([]byte(file)) {
			t.Errorf("%q counts as nobody's", file)
		}
	}
	for _, file := range []string{"", "* @a\n", "# about " + begin + "\n", begin[:len(begin)-1] + "\n"} {
		if Managed([]byte(file)) {
			t.Errorf("%q counts as managed", file)
		}
	}
}

func TestHostileOwnersAreRefused(t *testing.T) {
	t.Parallel()
	for _, o := range []string{
		"", "shop", "@", "@a b", "@a\n* @evil", "@a\u2028* @evil", "@a\u00a0@evil", "@a # x", "@a/b/c", "@-a", "a@b", "a b@c.example",
		"@a\x00", "\u202e@a", "@ａ", "a@b.example\r", "@a/", "<a@b.example>",
	} {
		if out, err := Render(nil, []Line{{"/policies/", []string{o}}}); err == nil {
			t.Errorf("%q owns:\n%s", o, out)
		}
	}
	for _, p := range []string{"", "*", "/policies/ x", "/policies/\n*", "policies/", "/policies/*", "/policies/#x", "!/policies/", "/a\\ b/"} {
		if out, err := Render(nil, []Line{{p, []string{"@a"}}}); err == nil {
			t.Errorf("%q is a pattern:\n%s", p, out)
		}
	}
	if _, err := Render(nil, []Line{{Pattern: "/policies/"}}); err == nil {
		t.Error("a line without owners takes its files from everybody")
	}
	for _, o := range []string{"@a", "@example/shop", "@example/shop.team_1", "team-shop+review@shop.example.org"} {
		if _, err := Render(nil, []Line{{"/policies/", []string{o}}}); err != nil {
			t.Errorf("%q is refused: %v", o, err)
		}
	}
}

func TestAFileThatGitHubDoesNotReadIsNotWritten(t *testing.T) {
	t.Parallel()
	if _, err := Render(bytes.Repeat([]byte("# long\n"), Limit/7), estate); err == nil {
		t.Error("it is written")
	}
}

func TestLinesBehindTheBlockCanUndoIt(t *testing.T) {
	t.Parallel()
	fresh := render(t, "", estate)
	for line, undoes := range map[string]bool{
		"* @a": true, "** @a": true, "/policies/ @a": true, "/policies @a": true, "policies/** @a": true, "policies @a": true, "*.yaml @a": true,
		"/policies/teams/shop/x.yaml @a": true, "/pol*/ @a": true, "**/shop/ @a": true, "shop @a": true, "/policies/teams/ @a": true,
		"/policies/privacy/": true, "/policies/teams/other/ @a": true, "customers.yaml @a": true, "*.y?ml @a": true, "/[p]olicies/ @a": true,
		"/docs/ @a": false, "*.go @a": false, "README.md @a": false, "/cmd/** @a": false, "# * @a": false, "": false, "docs @a": false,
	} {
		got := Undoing([]byte("# first\n"+fresh+"\n"+line+"\n"), estate)
		if (len(got) > 0) != undoes {
			t.Errorf("%q undoes it: %v", line, got)
		}
		if len(got) > 0 && got[0] != strings.Count(fresh, "\n")+3 {
			t.Errorf("%q is on line %d", line, got[0])
		}
		if got := Undoing([]byte(line+"\n"+fresh), estate); len(got) > 0 {
			t.Errorf("%q before the block undoes it", line)
		}
	}
}
