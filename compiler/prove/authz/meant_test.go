package authz

import "testing"

// TestPathsAsPeopleWriteThem holds the two readings of a meant path against each other and against what is expected.
func TestPathsAsPeopleWriteThem(t *testing.T) {
	for written, paths := range map[string]map[string]bool{
		"/v1/{id}/address": {
			"/v1/a=1/address": true, "/v1//address": false, "/v1/a/b/address": false, "/v1/a|b/address": false, "/v1/é/address": false,
			"/v1/a/address/": false, "/v1/a": false, "/V1/a/address": false,
		},
		"/v1/{rest...}": {"/v1/": true, "/v1": false, "/v1/a/b": true, "/v1/a//b": true, "/v1/a/|": false, "/v10/a": false},
		"/v1/{id}":      {"/v1/a": true, "/v1/": false, "/v1/a/": false},
		"/{rest...}":    {"/": true, "/a": true},
		"/v1/":          {"/v1/": true, "/v1": false, "/v1/a": false},
	} {
		for path, want := range paths {
			if got := onPath(written, path); got != want {
				t.Errorf("%s on %s: %v", path, written, got)
			}
			if got := meantPath(written).Match(path); got != want {
				t.Errorf("%s on %s, as a pattern: %v", path, written, got)
			}
		}
	}
}
