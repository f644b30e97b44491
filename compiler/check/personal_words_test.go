package check

import (
	"slices"
	"strings"
	"testing"

	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy/vocabulary"
	"writ.dev/writ/compiler/syntax"
)

// TestEndpointsSoundLikeWhatTheyCarry: a proposal is right nearly always, or is not made.
func TestEndpointsSoundLikeWhatTheyCarry(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"read-address /v1/customers/{id}/address":  "user.contact.address",
		"list /v1/emails":                          "user.contact.email",
		"phone /v1/phone":                          "user.contact.phone_number",
		"orders /v1/purchase-history":              "user.behavior.purchase_history",
		"born /v1/customers/{id}/date-of-birth":    "user.demographic.date_of_birth",
		"card grpc:shop.v1.Cards/GetCreditCard":    "user.financial.credit_card",
		"list /v1/orders":                          "",
		"get-quote grpc:shop.v1.Shipping/GetQuote": "",
		"settings /v1/settings":                    "",
		"health /healthz":                          "",
	} {
		name, path, _ := strings.Cut(said, " ")
		e := &model.Endpoint{Name: name, Doc: &syntax.Endpoint{}}
		if method, grpc := strings.CutPrefix(path, "grpc:"); grpc {
			e.Doc.GRPC.Items = []syntax.Text{{Value: method}}
		} else {
			e.Doc.Paths.Items = []syntax.Text{{Value: path}}
		}
		if got := soundsLike(vocabulary.Categories(), e); strings.Join(got, " ") != want && !slices.Contains(got, want) {
			t.Errorf("%s sounds like %q, want %q", said, got, want)
		} else if len(got) > 1 {
			t.Errorf("%s sounds like %q", said, got)
		}
	}
}
