package compiler

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"
)

func mustDescribe(t *testing.T, fsys fstest.MapFS) (map[Reference]Description, bool) {
	t.Helper()
	about, whole, err := Describe(t.Context(), fsys, today)
	if err != nil {
		t.Fatal(err)
	}
	return about, whole
}

// declared is the text that a description points at.
func declared(fsys fstest.MapFS, d Description) string {
	return string(fsys[d.Declared.File].Data[d.Declared.Start.Offset():d.Declared.End.Offset()])
}

func TestDescribeKnowsEverythingThatIsReferredTo(t *testing.T) {
	fsys := base(t)
	about, whole := mustDescribe(t, fsys)
	if !whole {
		t.Error("the estate is not whole")
	}
	for ref, text := range map[Reference]string{
		{Kind: "Mesh", Name: "main"}:                                            "main",
		{Kind: "Cluster", Name: "eu-1"}:                                         "eu-1",
		{Kind: "Team", Name: "shop"}:                                            "shop",
		{Kind: "Service", Name: "shop/checkout"}:                                "checkout",
		{Kind: "Service", Name: "identity/customers"}:                           "customers",
		{Kind: "Service", Name: "identity/customers", Endpoint: "read-address"}: "read-address",
	} {
		if d, known := about[ref]; !known || declared(fsys, d) != text {
			t.Errorf("%+v is %+v", ref, d)
		}
	}
	service := about[Reference{Kind: "Service", Name: "identity/customers"}]
	if service.Team != "identity" || service.Contact != "#identity" || !slices.Equal(service.Endpoints, []string{"health", "read-address"}) {
		t.Errorf("the Service is %+v", service)
	}
	if !slices.Equal(service.Callers, []string{"shop/checkout (grant)"}) {
		t.Errorf("the Service is called by %q", service.Callers)
	}
	endpoint := about[Reference{Kind: "Service", Name: "identity/customers", Endpoint: "read-address"}]
	if !slices.Equal(endpoint.Offers, []string{"GET /v1/customers/{id}/address"}) || !slices.Equal(endpoint.Callers, service.Callers) {
		t.Errorf("the endpoint is %+v", endpoint)
	}
	if callers := about[Reference{Kind: "Service", Name: "identity/customers", Endpoint: "health"}].Callers; callers != nil {
		t.Errorf("the other endpoint is called by %q", callers)
	}
}

// Who is said to call is who can: neither one that waits for consent nor one whose access an objection keeps out.
func TestDescribeLeavesOutWhatIsNotRendered(t *testing.T) {
	for name, file := range map[string]txtar.File{
		"pending": {Name: "policies/teams/identity/customers.yaml", Data: []byte(`apiVersion: writ.dev/v1alpha1
kind: Service
metadata: {name: customers, namespace: identity}
spec:
  ports: {http: {port: 80}}
  endpoints: {read-address: {methods: [GET], paths: [/a]}}
`)},
		"a caller without a sidecar": {Name: "policies/platform/mesh.yaml", Data: []byte(`apiVersion: writ.dev/v1alpha1
kind: Mesh
metadata: {name: main}
spec:
  exceptions:
    - {service: shop/checkout, stages: {mtls: none, authz: off, outbound: open}, because: its jobs hang, until: 2027-01-01}
`)},
	} {
		about, _ := mustDescribe(t, layOver(base(t), []txtar.File{file}))
		if callers := about[Reference{Kind: "Service", Name: "identity/customers"}].Callers; callers != nil {
			t.Errorf("%s: %q", name, callers)
		}
	}
}

func TestDescribeKnowsTheWordsForPersonalData(t *testing.T) {
	plain, _ := mustDescribe(t, base(t))
	fsys := layOver(layOver(base(t), Surroundings("PII-")), []txtar.File{{Name: "policies/privacy/privacy.yaml", Data: []byte(`apiVersion: writ.dev/v1alpha1
kind: Privacy
metadata: {name: privacy}
spec:
  controller: example
  owners: ["@example/privacy"]
  categories: [{key: user.behavior.x_boutique.wishlist, because: what shoppers marked, class: elevated}]
  uses: [{key: essential.service.x_boutique.wrapping, because: gifts get a card}]
`)}})
	own, _ := mustDescribe(t, fsys)
	for _, tt := range []struct{ kind, name, class, means string }{
		{DataCategory, "user.contact.email", "personal", "email"},
		{DataCategory, "user.contact", "personal", ""},
		{DataCategory, "user.biometric", "special", ""},
		{DataCategory, "user.demographic", "personal, some of it special", ""},
		{DataCategory, "user", "personal, some of it criminal", ""},
		{DataCategory, "system", "none", ""},
		{DataUse, "essential.service", "", ""},
		{DataSubject, "customer", "", ""},
	} {
		for _, about := range []map[Reference]Description{plain, own} {
			said, known := about[Reference{Kind: tt.kind, Name: tt.name}]
			if !known || said.Class != tt.class || said.Means == "" || !strings.Contains(said.Means, tt.means) || !said.Declared.IsZero() {
				t.Errorf("%s %s is %+v", tt.kind, tt.name, said)
			}
		}
	}
	for _, tt := range []struct{ kind, name, class, means string }{
		{DataCategory, "user.behavior.x_boutique.wishlist", "elevated", "what shoppers marked"},
		{DataUse, "essential.service.x_boutique.wrapping", "", "gifts get a card"},
	} {
		ref := Reference{Kind: tt.kind, Name: tt.name}
		if said := own[ref]; said.Class != tt.class || said.Means != tt.means || declared(fsys, said) != tt.name {
			t.Errorf("%s is %+v", tt.name, said)
		}
		if _, known := plain[ref]; known {
			t.Errorf("%s is known without its document", tt.name)
		}
	}
	if _, known := own[Reference{Kind: DataUse, Name: "collect"}]; known {
		t.Error("what is no purpose is described as one")
	}
}

func TestDescribeAnswersForTheRestOfABrokenEstate(t *testing.T) {
	fsys := layOver(base(t), []txtar.File{{Name: "policies/teams/shop/checkout.yaml", Data: []byte("kind: [")}})
	about, whole := mustDescribe(t, fsys)
	if _, known := about[Reference{Kind: "Service", Name: "identity/customers", Endpoint: "health"}]; whole || !known {
		t.Errorf("whole: %v, known: %v", whole, known)
	}
}
