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
