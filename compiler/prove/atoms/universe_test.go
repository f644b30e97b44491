package atoms

import "testing"

func TestAPartHasNoSpace(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"spiffe:// /ns/x/sa/y", "spiffe://x/ns/ /sa/y", "spiffe://x/ns/x/sa/ b", "spiffe://x/ns/x/sa/ "} {
		if Identity().Contains(s) {
			t.Errorf("%q is no identity", s)
		}
	}
}

func TestMergedSlashes(t *testing.T) {
	t.Parallel()
	// Envoy merges what is between the first and the last slash of a path, so that one of slashes alone keeps two.
	for _, c := range []struct {
		path string
		can  bool
	}{{"/", true}, {"//", true}, {"/x/", true}, {"///", false}, {"//x", false}, {"/x//", false}, {"/./", false}} {
		if Path("MERGE_SLASHES").Contains(c.path) != c.can {
			t.Errorf("%q: can be %t", c.path, !c.can)
		}
	}
}
