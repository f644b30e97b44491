package manifest

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// scalar is what a cluster takes a scalar for. Quotes make a string of anything; without them YAML 1.1 decides, which is what
// Kubernetes reads by (https://github.com/kubernetes-sigs/yaml): "no" is a boolean there, and 0o17 is 15. A date stays a string,
// as Kubernetes has it. The value is a string, bool, int64, uint64, float64 or nil.
func scalar(n *yaml.Node) any {
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return n.Value
	}
	text := n.Value
	if text == "" {
		return nil
	}
	switch c := text[0]; {
	case strings.IndexByte("yYnNtTfFoO~", c) >= 0:
		return word(text)
	case c >= '0' && c <= '9', c == '+', c == '-', c == '.':
		return number(text)
	}
	return text
}

func word(text string) any {
	switch text {
	case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		return true
	case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		return false
	case "~", "null", "Null", "NULL":
		return nil
	}
	return text
}

// float is the numbers that need not be integers.
var float = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)

func number(text string) any {
	switch text {
	case ".nan", ".NaN", ".NAN":
		return math.NaN()
	case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF":
		return math.Inf(1)
	case "-.inf", "-.Inf", "-.INF":
		return math.Inf(-1)
	}
	if text[0] == '.' {
		if v, err := strconv.ParseFloat(text, 64); err == nil {
			return v
		}
		return text
	}
	digits := strings.ReplaceAll(text, "_", "")
	if v, err := strconv.ParseInt(digits, 0, 64); err == nil {
		return v
	}
	if v, err := strconv.ParseUint(digits, 0, 64); err == nil {
		return v
	}
	if float.MatchString(digits) {
		if v, err := strconv.ParseFloat(digits, 64); err == nil {
			return v
		}
	}
	return text
}
