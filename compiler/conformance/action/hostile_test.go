package action

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"
)

// direct runs `writ comment` without a workflow around it, and returns its exit code and what it says.
func (h *hub) direct(payload map[string]any, env ...string) (int, string) {
	h.t.Helper()
	data, err := json.Marshal(payload)
	if err != nil {
		h.t.Fatal(err)
	}
	event := filepath.Join(h.t.TempDir(), "event.json")
	if err := os.WriteFile(event, data, 0o600); err != nil {
		h.t.Fatal(err)
	}
	cmd := exec.Command(built.writ, "comment")
	cmd.Env = environment(append([]string{"GITHUB_API_URL=" + h.url, "GITHUB_TOKEN=" + secret, "GITHUB_EVENT_PATH=" + event}, env...)...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		h.t.Fatal(err)
	}
	if strings.Contains(string(out), secret) {
		h.t.Errorf("the token is told: %s", out)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

const (
	quietReview = `{"version": 1, "passes": true, "based": true, "access": {}}`
	loudReview  = `{"version": 1, "errors": 1, "findings": [{"level": "error", "caused": true, "message": "m"}]}`
)

// ready is a hub with a pull request of a stranger, whose check has left the review.
func ready(t *testing.T, review string) *hub {
	t.Helper()
	h := newHub(t)
	h.keep(map[string][]byte{"review.json": []byte(review)})
	h.open(7, "stranger", "change", head, 99)
	return h
}

func TestNothingToCommentOn(t *testing.T) {
	t.Parallel()
	stranger := func() map[string]any { return runOf("stranger", 99) }
	in := func(payload map[string]any, key string, value any) map[string]any {
		payload["workflow_run"].(map[string]any)[key] = value
		return payload
	}
	tests := []struct {
		name    string
		change  func(*hub)
		payload map[string]any
		want    string
	}{
		{"the branch has moved", func(h *hub) { h.pulls[0]["head"].(map[string]any)["sha"] = strings.Repeat("b", 40) }, stranger(), "has moved on to another commit"},
		{"a victim's commit in a fork", nil, runOf("stranger", 66), "no open pull request has this commit"},
		{"a branch of the same name in the repository itself", nil, runOf("shop", 1), "no open pull request has this commit"},
		{"closed", func(h *hub) { h.pulls[0]["state"] = "closed" }, stranger(), "no open pull request has this commit"},
		{"into another repository", func(h *hub) { h.pulls[0]["base"].(map[string]any)["repo"] = map[string]any{"id": 5} }, stranger(), "no open pull request has this commit"},
		{"two of one branch", func(h *hub) { h.open(8, "stranger", "change", head, 99) }, stranger(), "several pull requests"},
		{"another workflow of the same name", nil, in(stranger(), "workflow_id", 666), "it is no run of writ.yml"},
		{"a push", nil, in(stranger(), "event", "push"), "it ran for a push"},
		{"a fork that is gone", nil, in(stranger(), "head_repository", nil), "the fork that it ran for is gone"},
		{"a run that kept nothing", func(h *hub) { clear(h.named) }, stranger(), "the run has kept no review"},
		{"an artifact of another name", func(h *hub) { h.named[100] = "writ-sarif" }, stranger(), "the run has kept no review"},
	}
	for _, test := range tests {
		h := ready(t, loudReview)
		if test.change != nil {
			test.change(h)
		}
		code, said := h.direct(test.payload)
		if code != 0 || !strings.HasPrefix(said, "no comment: ") || !strings.Contains(said, test.want) || len(h.comments) > 0 {
			t.Errorf("%s: exit code %d, %d comments: %s", test.name, code, len(h.comments), said)
		}
	}
	// What passes and changes nothing is not worth a comment.
	h := ready(t, quietReview)
	if code, said := h.direct(stranger()); code != 0 || len(h.comments) > 0 || said != "pull request 7: nothing to say\n" {
		t.Errorf("exit code %d, %d comments: %s", code, len(h.comments), said)
	}
	// But it is said where something else was said before.
	h.comments = append(h.comments, map[string]any{"id": 1, "issue": "7", "body": "<!-- writ: review -->\nfails", "user": map[string]any{"login": "github-actions[bot]"}})
	if code, said := h.direct(stranger()); code != 0 || !strings.Contains(h.comments[0]["body"].(string), "passes") {
		t.Errorf("exit code %d: %s", code, said)
	}
}

func TestHostileArtifacts(t *testing.T) {
	t.Parallel()
	link := func() []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		header := &zip.FileHeader{Name: "review.json"}
		header.SetMode(os.ModeSymlink | 0o777)
		f, _ := z.CreateHeader(header)
		_, _ = f.Write([]byte("/proc/self/environ"))
		z.Close()
		return b.Bytes()
	}
	twice := func() []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for range 2 {
			f, _ := z.Create("review.json")
			_, _ = f.Write([]byte(loudReview))
		}
		z.Close()
		return b.Bytes()
	}
	tests := map[string]struct {
		files   map[string][]byte
		archive []byte
		want    string
	}{
		"no zip":            {archive: []byte("GITHUB_ENV"), want: "cannot be read"},
		"nothing":           {archive: []byte{}, want: "cannot be read"},
		"another file":      {files: map[string][]byte{"../review.json": []byte(loudReview)}, want: "has no \"review.json\""},
		"a bomb":            {files: map[string][]byte{"review.json": bytes.Repeat([]byte(" "), 100<<20)}, want: "more than 8388608 bytes"},
		"a link":            {archive: link(), want: "as no plain file"},
		"twice":             {archive: twice(), want: "twice"},
		"no JSON":           {files: map[string][]byte{"review.json": []byte("<script>")}, want: "cannot be read"},
		"nested for ever":   {files: map[string][]byte{"review.json": []byte(strings.Repeat(`{"access":`, 100_000))}, want: "cannot be read"},
		"another version":   {files: map[string][]byte{"review.json": []byte(`{"version": 2}`)}, want: "is of version 2"},
		"another kind":      {files: map[string][]byte{"review.json": []byte(`{"version": 1, "findings": "all"}`)}, want: "cannot be read"},
		"larger than asked": {archive: bytes.Repeat([]byte("x"), 9<<20), want: "no review has more than"},
	}
	for name, test := range tests {
		h := ready(t, loudReview)
		if test.files != nil {
			h.keep(test.files)
		} else {
			h.artifacts[101], h.named[101] = test.archive, "writ"
		}
		code, said := h.direct(runOf("stranger", 99))
		if code != 2 || !strings.Contains(said, test.want) || len(h.comments) > 0 || strings.Count(said, "\n") > 1 {
			t.Errorf("%s: exit code %d, %d comments: %.500s", name, code, len(h.comments), said)
		}
	}
}

// spiteful are texts made to break out of whatever they are put into.
var spiteful = []string{
	"</code></td></table><script>alert(1)</script><img src=x onerror=alert(1)>", "@org/everybody please merge", "a | b || c \\| d", "`code` ``` ~~~\n# heading\n",
	"\n\n## writ: passes\n\n", "<!-- writ: review -->", "::error file=x::pwned\n::set-output name=result::clean", "![x](https://evil.example/x.png) [y](javascript:alert(1))",
	"$(touch pwned) `touch pwned` ; touch pwned", "\x1b[31m\u202eevil\u2066\u0000", "%0A::stop-commands::x", "https://evil.example www.evil.example a@evil.example #1 GH-1", "``", "`", "\\", "\\`", "- [ ] x\n> y", strings.Repeat("a`|", 500),
}

// spite makes a review in which every text is one of them.
func spite(text string) string {
	data, err := json.Marshal(map[string]any{
		"version": 1, "based": true, "errors": -5, "warnings": 1 << 40, "behind": text, "lacks": slices.Repeat([]string{text}, 50), "lacksAll": 1 << 40, "proved": text,
		"access": map[string]any{
			"Gained": slices.Repeat([]any{map[string]any{
				"Caller": text, "Callee": text, "Endpoint": text, "Requests": slices.Repeat([]string{text}, 9), "Because": text,
				"Routes": []any{map[string]any{"From": []string{text}, "To": []string{text}}}, "Unenforced": []string{text},
			}}, 60),
			"Switched":  slices.Repeat([]any{map[string]any{"Subject": text, "Clusters": []string{text}, "What": text, "Before": text, "After": text, "Looser": true}}, 60),
			"Disclosed": slices.Repeat([]any{map[string]any{"Recipient": text, "Category": text, "Places": []string{text}, "From": []string{text}}}, 60),
		},
		"agreements": slices.Repeat([]any{map[string]any{"Who": text, "Why": text, "First": true}}, 60),
		"findings": slices.Repeat([]any{map[string]any{
			"level": text, "caused": true, "file": text, "line": -1, "code": text, "message": text, "help": strings.Repeat(text+"\n", 30), "fix": text,
		}}, 60),
	})
	if err != nil {
		panic(err)
	}
	return string(data)
}

// rendered is Markdown as GitHub shows it, raw HTML with it, before GitHub sanitizes.
func rendered(t *testing.T, markdown string) string {
	t.Helper()
	var b bytes.Buffer
	md := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe()))
	if err := md.Convert([]byte(markdown), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var (
	tag    = regexp.MustCompile(`</?([a-zA-Z0-9]+)([^>]*)>`)
	inCode = regexp.MustCompile(`(?s)<code>.*?</code>`)
)

// unharmed fails where a page has anything that writ did not put there.
func unharmed(t *testing.T, markdown, server string) {
	t.Helper()
	page := rendered(t, markdown)
	page = inCode.ReplaceAllString(page, "")
	for _, m := range tag.FindAllStringSubmatch(page, -1) {
		attributes := strings.TrimSuffix(strings.TrimSpace(m[2]), "/")
		known := slices.Contains(strings.Fields("h2 h3 p ul li strong table thead tbody tr th td br sub"), m[1]) && attributes == "" ||
			m[1] == "a" && (m[0] == "</a>" || server != "" && strings.HasPrefix(attributes, ` href="`+server+`/shop/access/actions/runs/`) || strings.HasPrefix(attributes, `href="`+server+`/shop/access/actions/runs/`))
		if !known {
			t.Errorf("the page has %s", m[0])
		}
	}
	rest := tag.ReplaceAllString(page, " ")
	for _, bad := range []string{"@", "://", "www.", ".example", "javascript:", "::", "#1", "GH-", "$("} {
		if strings.Contains(rest, bad) {
			t.Errorf("outside of code the page says %q: %.300s", bad, rest[max(0, strings.Index(rest, bad)-100):])
		}
	}
	rows := strings.Count(page, "<tr>")
	if cells := strings.Count(page, "<td>"); cells%5 != 0 || rows > 0 && cells != 5*(rows-strings.Count(page, "<thead>")) {
		t.Errorf("%d cells in %d rows", cells, rows)
	}
}

func TestSpitefulReviewIsShownAsText(t *testing.T) {
	t.Parallel()
	for i, text := range spiteful {
		h := ready(t, spite(text))
		code, said := h.direct(runOf("stranger", 99), "GITHUB_SERVER_URL="+h.url)
		if code != 0 || len(h.comments) != 1 {
			t.Errorf("%d: exit code %d, %d comments: %s", i, code, len(h.comments), said)
			continue
		}
		body := h.comments[0]["body"].(string)
		if n := utf8.RuneCountInString(body); n > 60_000 || len(body) > 65_536 {
			t.Errorf("%d: the comment has %d characters", i, n)
		}
		if !strings.HasPrefix(body, "<!-- writ: review -->\n## writ: fails") || strings.Count(body, "\n## writ: ") != 1 {
			t.Errorf("%d: %.200s", i, body)
		}
		unharmed(t, strings.TrimPrefix(body, "<!-- writ: review -->\n"), h.url)
	}
}

func TestGitHubIsAskedAgain(t *testing.T) {
	t.Parallel()
	const list, post = "GET /repos/shop/access/issues/7/comments", "POST /repos/shop/access/issues/7/comments"
	soon := strconv.FormatInt(time.Now().Unix(), 10)
	later := strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)
	tests := []struct {
		name, call string
		times      int
		status     int
		header     map[string]string
		code       int
		want       string
	}{
		{"a fault", list, 1, 502, nil, 0, "commented"},
		{"slow down", list, 2, 429, map[string]string{"Retry-After": "0"}, 0, "commented"},
		{"slow down with what creates", post, 2, 429, map[string]string{"Retry-After": "0"}, 0, "commented"},
		{"the hour is used up, and over", "GET /repos/shop/access/pulls", 1, 403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": soon}, 0, "commented"},
		{"the hour is used up", "GET /repos/shop/access/pulls", 99, 403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": later}, 2, "answers 403"},
		{"too few rights", post, 99, 403, nil, 2, "the job needs `permissions: {actions: read, pull-requests: write}`"},
		{"a wrong token", list, 99, 401, nil, 2, "the token is not valid"},
		{"gone", list, 99, 404, nil, 2, "answers 404"},
		{"a fault where something is created", post, 1, 500, nil, 0, "commented"},
	}
	for _, test := range tests {
		h := ready(t, loudReview)
		h.refuse = func(call string, n int) (int, map[string]string) {
			if call == test.call && n <= test.times {
				return test.status, test.header
			}
			return 0, nil
		}
		begun := time.Now()
		code, said := h.direct(runOf("stranger", 99))
		if code != test.code || !strings.Contains(said, test.want) || len(h.comments) != 1-min(test.code, 1) {
			t.Errorf("%s: exit code %d, %d comments after %s: %s\n%s", test.name, code, len(h.comments), time.Since(begun), said, strings.Join(h.calls, "\n"))
		}
	}
}

// TestAnAnswerThatIsLost: GitHub has written the comment and cannot say so. It is not written twice.
func TestAnAnswerThatIsLost(t *testing.T) {
	t.Parallel()
	h := ready(t, loudReview)
	const post = "POST /repos/shop/access/issues/7/comments"
	h.refuse = func(call string, n int) (int, map[string]string) {
		if call != post {
			return 0, nil
		}
		code, _, body := http.StatusBadGateway, 0, "<!-- writ: review -->\nearlier"
		h.comments = append(h.comments, map[string]any{"id": n, "issue": "7", "body": body, "user": map[string]any{"login": "github-actions[bot]"}})
		return code, nil
	}
	if code, said := h.direct(runOf("stranger", 99)); code != 0 || len(h.comments) != 1 || !strings.Contains(h.comments[0]["body"].(string), "fails") {
		t.Errorf("exit code %d, %d comments: %s", code, len(h.comments), said)
	}
}

func TestTokenGoesOverNoOpenWire(t *testing.T) {
	t.Parallel()
	h := ready(t, loudReview)
	for api, want := range map[string]string{"http://api.example.org": "in the clear", "api": "is no address", "https://a:b@api.example.org": "is no address"} {
		if code, said := h.direct(runOf("stranger", 99), "GITHUB_API_URL="+api); code != 2 || !strings.Contains(said, want) {
			t.Errorf("%s: exit code %d: %s", api, code, said)
		}
	}
}
