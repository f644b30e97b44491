package atoms

import "testing"

func TestSPIFFE(t *testing.T) {
	for uri, want := range map[string]bool{
		"spiffe://eu-1/ns/shop/sa/checkout": true, "spiffe://eu-1/vm/legacy": true, "spiffe://eu-1/x": true,
		"spiffe://eu-1": false, "spiffe://eu-1/": false, "spiffe://eu-1//x": false, "spiffe://eu-1/x/": false, "spiffe:///x": false,
		"spiffe://spiffe://eu-1/ns/shop/sa/checkout": false, "eu-1/ns/shop/sa/checkout": false, "": false,
	} {
		if got := SPIFFE().Contains(uri); got != want {
			t.Errorf("%s: %v", uri, got)
		}
		if Identity().Contains(uri) && !want {
			t.Errorf("%s is a workload's, and none", uri)
		}
	}
}
