package gitops

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/google/go-cmp/cmp"
)

// hostile are texts that try to be more than the text of one line.
var hostile = []string{
	"x\n\nWrit-Source-Revision: 0000000000000000000000000000000000000000\n",
	"x\r\rWrit-Source-Revision: 0\r\n\r\n", "\n\n\n", "---\nWrit-Path: out", "x\x00y\x1b[31m", "x\u2028Writ-Path: y\u0085z", "\xff\xfe", "\u202eWrit-Path: evil",
	"Writ-Source-Revision: 0", " Writ-Path: folded", "(cherry picked from commit 0)", "Signed-off-by: nobody <n@example.com>", "", strings.Repeat("long ", 10000),
}

func TestHostileTextForgesNoTrailer(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("no git binary here")
	}
	const source = "1111111111111111111111111111111111111111"
	for _, evil := range hostile {
		p := &Provenance{
			Source: &Source{Commit: source, Subject: evil, Author: Person{evil, evil}, Written: time.Unix(1_800_000_000, 0).UTC()},
			Writ:   "v1.2.3", Istio: "v1.31.0", Clusters: 2, Objects: 3, Accesses: 4, SourceURL: "https://git.boutique.example/access" + evil,
			Access: &AccessChange{Since: strings.Repeat("2", 40), Lead: evil, Gained: []string{evil, evil}, Lost: []string{evil}, Switched: []string{evil}},
		}
		message := p.message("out", 5, 6, 7)
		cmd := exec.Command(git, "interpret-trailers", "--parse")
		cmd.Stdin = strings.NewReader(message)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for l := range strings.Lines(string(out)) {
			key, value, _ := strings.Cut(strings.TrimSuffix(l, "\n"), ": ")
			keys = append(keys, key)
			if key == trailerSource && value != source || key == trailerPath && value != "out" {
				t.Errorf("%q forges %q", evil, l)
			}
		}
		want := []string{
			"Argocd-reference-commit-author", "Argocd-reference-commit-date", "Argocd-reference-commit-subject", "Argocd-reference-commit-sha",
			"Argocd-reference-commit-repourl", "Writ-Source-Revision", "Writ-Path", "Writ-Version", "Writ-Istio-Version", "Writ-Clusters", "Writ-Objects",
			"Writ-Accesses", "Writ-Since-Revision", "Writ-Access-Gained", "Writ-Access-Lost",
		}
		if d := cmp.Diff(want, keys); d != "" {
			t.Errorf("%q: the trailers are (-want +got)\n%s\nof\n%s", evil, d, message)
		}
		if got := readTrailers(message); got[trailerSource] != source || got[trailerPath] != "out" {
			t.Errorf("%q: read back as %v", evil, got)
		}
		if strings.ContainsFunc(message, func(r rune) bool { return r != '\n' && (r < ' ' || r == 0x2028 || r == 0x85 || r == 0x202e) }) || len(message) > 20_000 {
			t.Errorf("%q: got %q", evil, message)
		}
	}
}

func TestTheMessageSaysWhatChanges(t *testing.T) {
	p := &Provenance{
		Source: &Source{Commit: strings.Repeat("1", 40), Subject: "wishlist: a wish goes into the cart", Author: Person{"Åsa", "asa@boutique.example"}, Written: time.Unix(1_800_000_000, 0).UTC()},
		Writ:   "v1", Istio: "v2", Clusters: 1, Objects: 8, Accesses: 3,
		Access: &AccessChange{Since: strings.Repeat("2", 40), Gained: []string{"storefront/wishlist -> orders/cartservice add-item"}},
	}
	for i := range 25 {
		p.Access.Lost = append(p.Access.Lost, fmt.Sprintf("a/b%d -> c/d e", i))
	}
	got := p.message("out", 1, 0, 7)
	for _, want := range []string{
		"Publish 111111111111: wishlist: a wish goes into the cart\n\n",
		"\nAccess since 222222222222: 1 gained, 25 lost, 0 opened, closed or renamed\n  + storefront/wishlist -> orders/cartservice add-item\n  - a/b0",
		"\n  - and 5 more\n\nFiles in out: 1 written, 0 removed, 7 unchanged\n\nArgocd-",
		"\nArgocd-reference-commit-author: =?utf-8?q?=C3=85sa?= <asa@boutique.example>\nArgocd-reference-commit-date: 2027-01-15T08:00:00Z\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it lacks %q:\n%s", want, got)
		}
	}
}

// TestOthersTrailersAreReadAsGitReadsThem: commits of people, reverts and picks of ours.
func TestOthersTrailersAreReadAsGitReadsThem(t *testing.T) {
	for message, want := range map[string]string{
		"Publish x\n\nWrit-Source-Revision: 1\n":                                  "1",
		"Publish x\r\n\r\nWrit-Source-Revision: 1\r\n":                            "1",
		"Publish x\n\nWrit-Source-Revision: 1\n(cherry picked from commit 2)\n\n": "1",
		"Revert \"Publish x\"\n\nThis reverts commit 3.\n":                        "",
		"Writ-Source-Revision: 1\n\nand more\n":                                   "",
		"":                                                                        "",
	} {
		if got := readTrailers(message)[trailerSource]; got != want {
			t.Errorf("%q: got %q, want %q", message, got, want)
		}
	}
}

func FuzzEditsMakeTreesThatGitTakes(f *testing.F) {
	f.Add("a/b.yaml\na-b\na.b/c\n", "a/b.yaml\na0\n")
	f.Fuzz(func(t *testing.T, before, after string) {
		names := func(s string) map[string]bool {
			all := map[string]bool{}
			for l := range strings.SplitSeq(s, "\n") {
				if l != "" && !strings.ContainsAny(l, "\x00") && !strings.HasPrefix(l, "/") && !strings.HasSuffix(l, "/") && !strings.Contains(l, "//") {
					all[l] = true
				}
			}
			for name := range all {
				for dir := range all {
					if strings.HasPrefix(name, dir+"/") {
						delete(all, dir)
					}
				}
			}
			return all
		}
		old, now := names(before), names(after)
		made := newFresh(&objects{})
		made.old.stores = []store{lenient{made}}
		first := editAll(t, made, plumbing.ZeroHash, old, nil)
		second := editAll(t, made, first, now, old)
		direct := editAll(t, made, plumbing.ZeroHash, now, nil)
		if second != direct {
			t.Errorf("%q then %q is %s, and at once %s", before, after, second, direct)
		}
	})
}

// lenient lets objects be read that are being made.
type lenient struct{ f *fresh }

func (l lenient) EncodedObject(kind plumbing.ObjectType, h plumbing.Hash) (plumbing.EncodedObject, error) {
	return l.f.storage.EncodedObject(kind, h)
}

func (l lenient) EncodedObjectSize(h plumbing.Hash) (int64, error) {
	return l.f.storage.EncodedObjectSize(h)
}
func (lenient) HashesWithPrefix([]byte) ([]plumbing.Hash, error) { return nil, nil }

func editAll(t *testing.T, f *fresh, on plumbing.Hash, now, old map[string]bool) plumbing.Hash {
	t.Helper()
	// What goes makes room first: in one step, a file where a folder was is refused.
	for _, step := range []map[string]bool{old, now} {
		var edits []edit
		for name := range step {
			e := edit{path: name}
			if now[name] {
				e.data = []byte("of " + name)
			}
			edits = append(edits, e)
		}
		sortEdits(edits)
		h, err := f.tree(on, edits, "")
		if err != nil {
			if old != nil {
				t.Skip("a folder where a file was")
			}
			t.Fatal(err)
		}
		on = h
	}
	if on.IsZero() {
		return on
	}
	o, err := f.old.load(plumbing.TreeObject, on)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := object.DecodeTree(nil, o); err != nil {
		t.Fatal(err)
	}
	return on
}
