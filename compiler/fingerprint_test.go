package compiler

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"writ.dev/writ/compiler/argocd"
)

// TestFingerprintsSurviveMoves: a finding that the base has is not caused by a change that moves lines, renames files or joins
// them. Every rule's bad example is moved; what cannot be read has no name but its file's.
func TestFingerprintsSurviveMoves(t *testing.T) {
	t.Parallel()
	for _, d := range Rules() {
		if d.Retired || d.Later != "" || generated[d.Code] != nil || strings.HasPrefix(d.Code, "SYN") {
			continue
		}
		t.Run(d.Code, func(t *testing.T) {
			t.Parallel()
			before := layOver(around(d), d.Bad)
			want := fingerprints(mustCompile(t, before))
			if got := fingerprints(mustCompile(t, moved(before))); !slices.Equal(got, want) {
				t.Errorf("moved, the findings are %v, not %v", got, want)
			}
			r, err := Compile(t.Context(), moved(before), Options{AsOf: today, Base: before})
			if err != nil {
				t.Fatal(err)
			}
			for i := range r.Findings {
				if r.Caused(&r.Findings[i]) {
					t.Errorf("a move causes %v", describe(r.Findings[i:i+1]))
				}
			}
		})
	}
}

func TestAChangeFailsOnWhatItCauses(t *testing.T) {
	t.Parallel()
	broken := with(t, checkoutFile, strings.Replace(string(base(t)[checkoutFile].Data), "read-address", "read-adress", 1))
	stopped := with(t, "policies/teams/shop/cart.yaml", "kind: Servcie\n")
	both := layOver(broken, []txtar.File{{Name: "policies/teams/shop/cart.yaml", Data: []byte("kind: Servcie\n")}})
	for _, c := range []struct {
		name      string
		base, now fs.FS
		fails     bool
	}{
		{"the change breaks it", base(t), broken, true},
		{"it was broken before", broken, broken, false},
		{"it stopped before, and still does", stopped, stopped, true},
		{"the change mends what stopped, and not what that hid", both, broken, false},
		{"the change mends it", broken, base(t), false},
		{"a first change, over nothing", fstest.MapFS{}, base(t), false},
	} {
		r, err := Compile(t.Context(), c.now, Options{AsOf: today, Base: c.base})
		if err != nil {
			t.Fatal(err)
		}
		if r.Fails() != c.fails {
			t.Errorf("%s: fails is %v: %v", c.name, r.Fails(), describe(r.Findings))
		}
	}
}

// moved is the same estate with every document some lines further down, in a file of another name. The files of an overlay name
// each other, and move together.
func moved(fsys fstest.MapFS) fstest.MapFS {
	all := fstest.MapFS{}
	for name, f := range fsys {
		if !strings.HasPrefix(name, "policies/") || name == argocd.Path { // no document, and it has one place
			all[name] = f
			continue
		}
		dir, file := path.Split(name)
		to := dir + "moved/to-" + file
		if strings.Contains(name, "/overlay/") {
			to = strings.Replace(name, "/clusters/", "/moved/clusters/", 1)
		}
		all[to] = &fstest.MapFile{Data: append([]byte("# moved\n\n# down\n"), f.Data...), Mode: f.Mode}
	}
	return all
}

func fingerprints(r *Result) []string {
	var all []string
	for i := range r.Findings {
		all = append(all, r.Findings[i].Rule.Code+" "+r.Findings[i].Fingerprint())
	}
	slices.Sort(all)
	return all
}

// TestOneMoreOfTheSameIsCaused: a finding that stands for many is caused by the change that adds one of them.
func TestOneMoreOfTheSameIsCaused(t *testing.T) {
	t.Parallel()
	for _, d := range Rules() {
		if d.Code != "CLU-006" {
			continue
		}
		before := layOver(base(t), d.Bad)
		now := layOver(before, []txtar.File{{Name: "policies/teams/shop/reports.yaml", Data: []byte(
			"apiVersion: writ.dev/v1alpha1\nkind: Service\nmetadata: {name: reports, namespace: shop}\nspec:\n" +
				"  intents: [{to: identity/customers, endpoints: [health], because: it waits for it}]\n")}})
		r, err := Compile(t.Context(), now, Options{AsOf: today, Base: before})
		if err != nil {
			t.Fatal(err)
		}
		if !r.Fails() {
			t.Errorf("one access more is withheld, and the change does not fail: %v", describe(r.Findings))
		}
	}
}
