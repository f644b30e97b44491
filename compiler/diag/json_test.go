package diag_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"writ.dev/writ/compiler/diag"
)

func TestJSON(t *testing.T) {
	src := "a: <b>\n"
	list := diag.List{
		{Rule: untilPassed, Span: at("b.yaml", src, "<b>"), Message: "m", Ignored: &diag.Ignore{
			Until: "2026-12-01", Reason: "r",
			Span: diag.Span{File: "b.yaml", Start: diag.At(1, 0, 0)},
		}},
		{
			Rule: unknownService, Span: at("a.yaml", src, "<b>"), Message: `no service "<b>"`, Help: "h", Field: "spec.intents[shop/a].to",
			Objects: []string{"Service shop/a"}, Related: []diag.Related{{Span: at("b.yaml", src, "a"), Message: "here"}},
			Fix: &diag.Fix{Title: "rename", Edits: []diag.Edit{{Span: at("a.yaml", src, "<b>"), New: "c"}}},
		},
	}
	var b bytes.Buffer
	if err := diag.JSON(&b, list, func(f *diag.Finding) bool { return f.Rule == unknownService }); err != nil {
		t.Fatal(err)
	}
	want := `{
  "version": 1,
  "findings": [
    {
      "code": "REF-001",
      "name": "unknown-service",
      "effect": "withhold",
      "level": "error",
      "fingerprint": "` + list[1].Fingerprint() + `",
      "path": "a.yaml",
      "line": 1,
      "column": 4,
      "endLine": 1,
      "endColumn": 7,
      "message": "no service \"<b>\"",
      "help": "h",
      "objects": [
        "Service shop/a"
      ],
      "field": "spec.intents[shop/a].to",
      "related": [
        {
          "path": "b.yaml",
          "line": 1,
          "column": 1,
          "message": "here"
        }
      ],
      "fix": {
        "title": "rename",
        "edits": [
          {
            "path": "a.yaml",
            "start": 3,
            "end": 6,
            "new": "c"
          }
        ]
      },
      "ignored": null,
      "caused": true
    },
    {
      "code": "DAT-001",
      "name": "until-passed",
      "effect": "report",
      "level": "warning",
      "fingerprint": "` + list[0].Fingerprint() + `",
      "path": "b.yaml",
      "line": 1,
      "column": 4,
      "endLine": 1,
      "endColumn": 7,
      "message": "m",
      "help": "",
      "objects": [],
      "field": "",
      "related": [],
      "fix": null,
      "ignored": {
        "until": "2026-12-01",
        "reason": "r",
        "path": "b.yaml",
        "line": 1
      },
      "caused": false
    }
  ],
  "counts": {
    "errors": 1,
    "warnings": 0,
    "notices": 0,
    "ignored": 1
  }
}
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestJSONWithoutFindingsIsAWholeDocument(t *testing.T) {
	var b bytes.Buffer
	if err := diag.JSON(&b, nil, nil); err != nil {
		t.Fatal(err)
	}
	want := `{
  "version": 1,
  "findings": [],
  "counts": {
    "errors": 0,
    "warnings": 0,
    "notices": 0,
    "ignored": 0
  }
}
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}
