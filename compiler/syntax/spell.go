package syntax

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"writ.dev/writ/compiler/diag"
)

// quoted is a user's text for a message, cut where it is long.
func quoted(s string) string {
	const most = 64
	if r := []rune(s); len(r) > most {
		return strconv.Quote(string(r[:most])) + "..."
	}
	return strconv.Quote(s)
}

// describe says what a value is, for messages about its type.
func (n *node) describe() string {
	switch {
	case n.kind == mapping:
		return "a mapping"
	case n.kind == sequence:
		return "a list"
	case n.isNull():
		return "empty"
	case n.tag == "!!str" || n.tag == "!!timestamp":
		return "the text " + quoted(n.value)
	default:
		return n.value
	}
}

// replace is the fix that puts the text in the place of the scalar.
func (n *node) replace(text string) *diag.Fix {
	return &diag.Fix{
		Title: fmt.Sprintf("replace %s with %s", quoted(n.value), quoted(text)),
		Edits: []diag.Edit{{Span: n.span, New: n.spell(text)}},
	}
}

// rename is the fix that gives the field another name.
func (n *node) rename(key string) *diag.Fix {
	return &diag.Fix{
		Title: fmt.Sprintf("rename %s to %s", quoted(n.value), quoted(key)),
		Edits: []diag.Edit{{Span: n.span, New: n.spell(key)}},
	}
}

// rewrite is the fix that writes the scalar as the YAML says.
func (n *node) rewrite(yaml string) *diag.Fix {
	return &diag.Fix{
		Title: fmt.Sprintf("write %s", yaml),
		Edits: []diag.Edit{{Span: n.span, New: yaml}},
	}
}

// spell writes the text as YAML in the quotes that the scalar has, and in some where plain text would be read as another.
func (n *node) spell(text string) string {
	switch {
	case n.quote == '\'' && !strings.ContainsAny(text, "\n\t"):
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	case n.quote == 0 && readsAsText(text):
		return text
	default:
		return doubleQuoted(text)
	}
}

// doubleQuoted writes the text in double quotes: JSON's are YAML's (https://yaml.org/spec/1.2.2/#12-yaml-history).
func doubleQuoted(text string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		panic(err) // a string can be encoded
	}
	return strings.TrimSuffix(b.String(), "\n")
}

var (
	plainText = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9/._@-]*$|^[0-9.]+/[0-9]+$|^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
	// truthWords are truth values to readers of YAML 1.1 (https://yaml.org/type/bool.html).
	truthWords = regexp.MustCompile(`^(?i:y|yes|n|no|on|off|true|false)$`)
	nullWord   = regexp.MustCompile(`^(?i:null)$`)
)

// readsAsText reports whether every reader of YAML takes the text, written plain anywhere, for the text that it is.
func readsAsText(text string) bool {
	return plainText.MatchString(text) && !truthWords.MatchString(text) && !nullWord.MatchString(text)
}
