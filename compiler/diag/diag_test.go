package diag_test

import (
	"testing"

	"writ.dev/writ/compiler/diag"
)

func TestNearestGuessesOnlyWhereItIsSure(t *testing.T) {
	tests := []struct {
		word       string
		candidates []string
		want       string
	}{
		{"red-address", []string{"health", "read-address"}, "read-address"},
		{"custmoers", []string{"customers", "costs"}, "customers"}, // a swap of neighbours is one slip
		{"STRICT", []string{"strict", "permissive"}, "strict"},
		{"eu-3", []string{"eu-2", "eu-1"}, ""}, // two are equally near
		{"eu-3", []string{"eu-1", "eu-1"}, "eu-1"},
		{"checkout", []string{"redis"}, ""},
		{"checkout", []string{"checkout"}, ""},
		{"x", nil, ""},
	}
	for _, tt := range tests {
		if got := diag.Nearest(tt.word, tt.candidates); got != tt.want {
			t.Errorf("Nearest(%q, %q) = %q, want %q", tt.word, tt.candidates, got, tt.want)
		}
	}
}

func TestAFingerprintSurvivesMovingAndRewording(t *testing.T) {
	a := diag.Finding{Rule: unknownService, Objects: []string{"Service shop/a"}, Field: "spec.intents", Message: "m"}
	b := a
	b.Span, b.Message, b.Help = diag.Span{File: "other.yaml", Start: diag.At(9, 0, 0)}, "n", "h"
	if a.Fingerprint() != b.Fingerprint() {
		t.Error("file, line or text changed the fingerprint")
	}
	for name, c := range map[string]diag.Finding{
		"code":    {Rule: untilPassed, Objects: a.Objects, Field: a.Field},
		"objects": {Rule: a.Rule, Objects: []string{"Service shop", "a"}, Field: a.Field},
		"field":   {Rule: a.Rule, Objects: a.Objects, Field: "spec.grants"},
	} {
		if a.Fingerprint() == c.Fingerprint() {
			t.Errorf("another %s has the same fingerprint", name)
		}
	}
}

func TestIgnoredFindingsDoNotFail(t *testing.T) {
	list := diag.List{{Rule: unknownService, Ignored: &diag.Ignore{}}, {Rule: untilPassed}, {Rule: unusedGrant}}
	if list.Fails() || list.Stops() {
		t.Error("an ignored error, a warning and a notice fail")
	}
	if list.Count(diag.Error) != 0 || list.Count(diag.Warning) != 1 || list.Count(diag.Notice) != 1 {
		t.Error("the count of a level is wrong")
	}
	if list[0].Ignored = nil; !list.Fails() {
		t.Error("an error does not fail")
	}
}
