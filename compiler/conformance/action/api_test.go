package action

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// hub is a GitHub that holds one repository, shop/access. Every call of its API is held against GitHub's own description of it.
type hub struct {
	t      *testing.T
	url    string
	router routers.Router
	git    string // the folder with bare repositories, "" for none

	mu        sync.Mutex
	pulls     []map[string]any
	comments  []map[string]any
	artifacts map[int64][]byte // zip archives by id
	named     map[int64]string
	calls     []string
	// refuse answers a call in place of the hub, which then does nothing more; nil for never.
	refuse func(call string, n int) (status int, header map[string]string)
	pushes map[string]string // tokens that may push, and as whom
}

const secret = "ghs_0123456789"

// description is GitHub's of its API, as npm has it, loaded once.
var description = sync.OnceValues(func() (*openapi3.T, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(cache, "writ-test", "octokit-openapi-23.0.2.json")
	if _, err := os.Stat(file); err != nil {
		if err := fetchDescription(file); err != nil {
			return nil, err
		}
	}
	return openapi3.NewLoader().LoadFromFile(file)
})

// fetchDescription installs the package that the lock file names by its digest, and keeps the one file of it that is asked for.
func fetchDescription(file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	folder, err := os.MkdirTemp(filepath.Dir(file), "npm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	for _, name := range []string{"package.json", "package-lock.json"} {
		data, err := os.ReadFile(filepath.Join("testdata/npm", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), data, 0o644)
		}
		if err != nil {
			return err
		}
	}
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-bin-links")
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return os.Rename(filepath.Join(folder, "node_modules/@octokit/openapi/generated/api.github.com.json"), file)
}

// must skips a test whose parts cannot be had, and fails it where they could.
func must(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s: %v", what, err)
	}
	t.Skipf("%s: %v", what, err)
}

func newHub(t *testing.T) *hub {
	t.Helper()
	doc, err := description()
	must(t, "GitHub's description of its API", err)
	h := &hub{t: t, artifacts: map[int64][]byte{}, named: map[int64]string{}}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	h.url = server.URL
	one := *doc
	one.Servers = openapi3.Servers{{URL: h.url}}
	if h.router, err = gorillamux.NewRouter(&one); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if rest, ours := strings.CutPrefix(r.URL.Path, "/shop/access/"); ours {
		r.URL.Path = "/shop/access.git/" + rest
	}
	if strings.HasPrefix(r.URL.Path, "/shop/access.git/") {
		h.serveGit(w, r)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/blob/") { // another host, for a client that follows a redirection
		if r.Header.Get("Authorization") != "" && !strings.HasPrefix(r.Host, "127.0.0.1") {
			h.t.Error("the token went to the store of artifacts")
		}
		id, _ := strconv.ParseInt(strings.TrimPrefix(r.URL.Path, "/blob/"), 10, 64)
		_, _ = w.Write(h.artifacts[id])
		return
	}
	call := r.Method + " " + r.URL.Path
	h.calls = append(h.calls, call)
	if r.Header.Get("Authorization") != "Bearer "+secret {
		say(w, http.StatusUnauthorized, map[string]any{"message": "Bad credentials"})
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	route, params, err := h.router.FindRoute(r)
	if err == nil {
		err = openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
			Request: r, PathParams: params, Route: route, Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
		})
	}
	if err != nil {
		h.t.Errorf("GitHub's description does not know %s %s: %v", call, body, err)
		say(w, http.StatusUnprocessableEntity, map[string]any{"message": "Validation Failed"})
		return
	}
	if h.refuse != nil {
		n := 0
		for _, c := range h.calls {
			if c == call {
				n++
			}
		}
		if status, header := h.refuse(call, n); status != 0 {
			for k, v := range header {
				w.Header().Set(k, v)
			}
			say(w, status, map[string]any{"message": "not now"})
			return
		}
	}
	h.answer(w, r, body)
}

func say(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// answer does what a call asks for. The lock is held.
func (h *hub) answer(w http.ResponseWriter, r *http.Request, body []byte) {
	rest, ours := strings.CutPrefix(r.URL.Path, "/repos/shop/access/")
	parts := strings.Split(rest, "/")
	switch {
	case !ours:
		say(w, http.StatusNotFound, map[string]any{"message": "Not Found"})
	case rest == "actions/workflows/writ.yml":
		say(w, http.StatusOK, map[string]any{"id": 41, "path": ".github/workflows/writ.yml"})
	case rest == "pulls":
		var found []any
		for _, p := range h.pulls {
			head := p["head"].(map[string]any)
			if p["state"] == r.URL.Query().Get("state") && fmt.Sprintf("%v:%v", head["owner"], head["ref"]) == r.URL.Query().Get("head") {
				found = append(found, p)
			}
		}
		h.page(w, r, found)
	case strings.HasPrefix(rest, "actions/runs/"):
		var found []any
		for id, name := range h.named {
			if name == r.URL.Query().Get("name") {
				found = append(found, map[string]any{"id": id, "name": name, "size_in_bytes": len(h.artifacts[id]), "expired": false})
			}
		}
		say(w, http.StatusOK, map[string]any{"total_count": len(found), "artifacts": found})
	case strings.HasPrefix(rest, "actions/artifacts/"):
		at, _ := url.Parse(h.url)
		http.Redirect(w, r, fmt.Sprintf("http://localhost:%s/blob/%s", at.Port(), parts[2]), http.StatusFound)
	case r.Method == http.MethodGet && strings.HasPrefix(rest, "issues/"):
		var found []any
		for _, c := range h.comments {
			if c["issue"] == parts[1] {
				found = append(found, c)
			}
		}
		h.page(w, r, found)
	default:
		h.change(w, r.Method, parts, body)
	}
}

// change writes a comment.
func (h *hub) change(w http.ResponseWriter, method string, parts []string, body []byte) {
	var said struct{ Body string }
	if json.Unmarshal(body, &said) != nil || utf8.RuneCountInString(said.Body) > 65536 {
		say(w, http.StatusUnprocessableEntity, map[string]any{"message": "Validation Failed", "errors": []any{map[string]any{"message": "Body is too long (maximum is 65536 characters)"}}})
		return
	}
	if method == http.MethodPost {
		c := map[string]any{"id": 9000 + len(h.comments), "issue": parts[1], "body": said.Body, "user": map[string]any{"login": "github-actions[bot]"}}
		h.comments = append(h.comments, c)
		say(w, http.StatusCreated, c)
		return
	}
	for _, c := range h.comments {
		if fmt.Sprint(c["id"]) == parts[2] {
			c["body"] = said.Body
			say(w, http.StatusOK, c)
			return
		}
	}
	say(w, http.StatusNotFound, map[string]any{"message": "Not Found"})
}

// page writes one page, with the address of the next as GitHub gives it.
func (h *hub) page(w http.ResponseWriter, r *http.Request, all []any) {
	per, page := 30, 1
	if n, err := strconv.Atoi(r.URL.Query().Get("per_page")); err == nil {
		per = min(n, 100)
	}
	if n, err := strconv.Atoi(r.URL.Query().Get("page")); err == nil {
		page = n
	}
	from := min((page-1)*per, len(all))
	to := min(from+per, len(all))
	if to < len(all) {
		q := r.URL.Query()
		q.Set("page", strconv.Itoa(page+1))
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?%s>; rel="next", <%s%s?page=99>; rel="last"`, h.url, r.URL.Path, q.Encode(), h.url, r.URL.Path))
	}
	say(w, http.StatusOK, append([]any{}, all[from:to]...))
}

// serveGit is git over HTTP, as GitHub has it: whoever has a token may push.
func (h *hub) serveGit(w http.ResponseWriter, r *http.Request) {
	_, password, _ := r.BasicAuth()
	if h.pushes[password] == "" {
		w.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	backend := cgi.Handler{
		Path: "/usr/bin/git", Args: []string{"http-backend"},
		Env: []string{"GIT_PROJECT_ROOT=" + h.git, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=" + h.pushes[password], "GIT_CONFIG_NOSYSTEM=1"},
	}
	http.StripPrefix("/shop", &backend).ServeHTTP(w, r)
}

// keep makes the artifact of files.
func (h *hub) keep(files map[string][]byte) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for file, data := range files {
		f, err := z.Create(file)
		if err == nil {
			_, err = f.Write(data)
		}
		if err != nil {
			h.t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		h.t.Fatal(err)
	}
	id := int64(100 + len(h.artifacts))
	h.artifacts[id], h.named[id] = b.Bytes(), "writ"
}
