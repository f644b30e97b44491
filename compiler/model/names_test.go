package model

import (
	"fmt"
	"slices"
	"testing"
)

// TestMeantPattern: the notations that people bring from elsewhere, and what each would be here.
func TestMeantPattern(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"v1/customers":                       "/v1/customers",
		"/v1//customers":                     "/v1/customers",
		"/v1/customers/":                     "/v1/customers/",
		"/v1/*":                              "/v1/{rest...}",
		"/v1/*/address":                      "/v1/{id}/address",
		"/v1/**":                             "/v1/{rest...}",
		"/v1/{**}":                           "/v1/{rest...}",
		"/v1/{*}":                            "/v1/{id}",
		"/v1/{*}/address":                    "/v1/{id}/address",
		"/v1/:customer/address":              "/v1/{customer}/address",
		"/v1/me?x=1":                         "/v1/me",
		"/v1/me#top":                         "/v1/me",
		"https://shop.example/v1/me":         "/v1/me",
		"https://shop.example:8080/v1/*?x=1": "/v1/{rest...}",
		"https://shop.example":               "/",
		"shop.example/v1/me":                 "",
		"shop:8080/v1/me":                    "",
		"/v1/**/address":                     "",
		"/a b":                               "",
		"":                                   "/",
	} {
		if got := meantPattern(text); got != want {
			t.Errorf("%q is taken for %q, want %q", text, got, want)
		}
	}
}

func TestNearestName(t *testing.T) {
	t.Parallel()
	known := []string{"identity/customers", "identity/keys", "shop/cart", "shop/checkout", "shop/keys"}
	for name, want := range map[string]string{
		"shop/chekout":                        "shop/checkout",
		"shop/customers":                      "identity/customers", // the one that is called so
		"customers":                           "identity/customers",
		"keys":                                "", // of which there are two
		"cart.shop.svc.cluster.local":         "shop/cart",
		"customers.identity":                  "identity/customers",
		"customers.shop.svc.cluster.local":    "",
		"ledger.accounting.svc.cluster.local": "",
		"accounting/ledger":                   "",
		"accounting/cart.shop":                "",
	} {
		if got := nearestName(name, known); got != want {
			t.Errorf("%q is taken for %q, want %q", name, got, want)
		}
	}
}

func TestTeamOfFile(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"policies/teams/shop/cart.yaml":      "shop",
		"policies/teams/shop/eu/cart.yaml":   "shop",
		"policies/platform/teams/shop.yaml":  "",
		"policies/privacy/a.yaml":            "",
		"policies/teamsters/shop/cart.yaml":  "",
		"other/policies/teams/shop/cart.yml": "",
	} {
		if got := teamOfFile(file); got != want {
			t.Errorf("%s is of team %q, want %q", file, got, want)
		}
	}
}

func TestShorten(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 9 {
		names = append(names, fmt.Sprintf("n%d", 8-i))
	}
	if got, want := shorten(append(names[1:], names[1])), []string{"n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7"}; !slices.Equal(got, want) {
		t.Errorf("eight names, one of them twice: %v", got)
	}
	if got, want := shorten(names), []string{"n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7", "... (9 in all)"}; !slices.Equal(got, want) {
		t.Errorf("nine names: %v", got)
	}
}
