package manifest

import (
	"bytes"
	"encoding/json"

	"go.yaml.in/yaml/v4"
	kubernetes "sigs.k8s.io/yaml"
)

// asKubernetes reports whether Kubernetes' own reader takes the same from a document. It costs more than reading does, and so is
// asked only about what is not tame.
func asKubernetes(data []byte, root *yaml.Node) bool {
	theirs, err := kubernetes.YAMLToJSONStrict(data)
	if err != nil {
		return false
	}
	if root == nil {
		return string(theirs) == "null"
	}
	ours, err := json.Marshal(plain(root))
	return err == nil && bytes.Equal(ours, theirs)
}

// tame reports whether a document is written in so plain a style, which is writ's own, that all readers of YAML take it alike: a
// field or an entry a line, short lists in brackets, texts in several lines behind "|" or "|-", comments at the top alone. It is
// no judgement on the rest, which only has to be asked about: readers differ about tabs, about comments and brackets over several
// lines, about what the last line is.
func tame(data []byte) bool {
	top, block := true, -1 // block is where the field stands whose text over several lines goes on
	for line := range bytes.Lines(data) {
		text, whole := bytes.CutSuffix(line, []byte("\n"))
		if !whole || !printable(text) {
			return false
		}
		if top && (len(text) == 0 || text[0] == '#') {
			continue
		}
		top = false
		indent := len(text) - len(bytes.TrimLeft(text, " "))
		if block >= 0 && block < indent && indent < len(text) {
			continue
		}
		block = -1
		text = text[indent:]
		entry := false
		for bytes.HasPrefix(text, []byte("- ")) {
			text, indent, entry = text[2:], indent+2, true
		}
		field, value, both := bytes.Cut(text, []byte(": "))
		switch {
		case both && name(field) && (string(value) == "|" || string(value) == "|-"):
			block = indent
		case both && name(field) && (bare(value) || closed(value)):
		case both:
			return false
		case bytes.HasSuffix(text, []byte(":")) && name(text[:len(text)-1]):
		case entry && (bare(text) || closed(text)):
		default:
			return false
		}
	}
	return true
}

func printable(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// name reports whether a text is the name of a field.
func name(text []byte) bool { return bare(text) || len(text) > 0 && text[0] == '"' && closed(text) }

// bare reports whether a text means itself without quotes, as the name of a field too.
func bare(text []byte) bool {
	if len(text) == 0 || len(text) > 1000 || !letter(text[0]) {
		return false
	}
	last := text[len(text)-1]
	return last != ' ' && last != ':' && !bytes.Contains(text, []byte(": ")) && !bytes.Contains(text, []byte(" #"))
}

// closed reports whether a text is closed by what opens it, with nothing in between that could open or close anything else.
func closed(text []byte) bool {
	if len(text) < 2 {
		return false
	}
	inner := text[1 : len(text)-1]
	switch string([]byte{text[0], text[len(text)-1]}) {
	case `""`:
		return !bytes.ContainsAny(inner, `"\`)
	case "''":
		return !bytes.ContainsAny(inner, "'")
	case "{}":
		return len(inner) == 0
	case "[]":
		for item := range bytes.SplitSeq(inner, []byte(", ")) {
			if inside := bytes.Trim(item, `"`); len(item) > 0 && (len(item) != len(inside) && !closed(item) || !plainest(inside)) {
				return false
			}
		}
		return true
	}
	return false
}

// plainest reports whether a text means itself within brackets.
func plainest(text []byte) bool {
	for _, c := range text {
		if !letter(c) && c != '-' {
			return false
		}
	}
	return len(text) > 0 && text[0] != '-'
}

func letter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '/' || c == '.' || c == '_'
}
