package manifest

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// scalar is what a cluster takes a scalar for: a string, bool, int64, uint64, float64 or nil.
func scalar(n *yaml.Node) any {
	if v, other := otherwise(n); other {
		return v
	}
	return n.Value
}

// otherwise is what a cluster takes a scalar for where it is no string. Quotes make a string of anything; without them YAML 1.1
// decides, which is what Kubernetes reads by (https://github.com/kubernetes-sigs/yaml): "no" is a boolean there, and 0o17 is 15.
// A date stays a string, as Kubernetes has it.
func otherwise(n *yaml.Node) (v any, other bool) {
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return nil, false
	}
	text := n.Value
	if text == "" {
		return nil, true
	}
	switch c := text[0]; {
	case strings.IndexByte("yYnNtTfFoO~", c) >= 0:
		return word(text)
	case c >= '0' && c <= '9', c == '+', c == '-', c == '.':
		return number(text)
	}
	return nil, false
}

func word(text string) (v any, is bool) {
	switch text {
	case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		return true, true
	case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		return false, true
	case "~", "null", "Null", "NULL":
		return nil, true
	}
	return nil, false
}

// float is the numbers that need not be integers.
var float = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)

func number(text string) (v any, is bool) {
	switch text {
	case ".nan", ".NaN", ".NAN":
		return math.NaN(), true
	case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF":
		return math.Inf(1), true
	case "-.inf", "-.Inf", "-.INF":
		return math.Inf(-1), true
	}
	if text[0] == '.' {
		v, err := strconv.ParseFloat(text, 64)
		return v, err == nil
	}
	digits := strings.ReplaceAll(text, "_", "")
	if v, err := strconv.ParseInt(digits, 0, 64); err == nil {
		return v, true
	}
	if v, err := strconv.ParseUint(digits, 0, 64); err == nil {
		return v, true
	}
	if float.MatchString(digits) {
		v, err := strconv.ParseFloat(digits, 64)
		return v, err == nil
	}
	return nil, false
}
