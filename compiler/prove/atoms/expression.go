package atoms

import (
	"fmt"
	"regexp/syntax"
	"unicode/utf8"
)

// longestExpression is far more than Istio writes of any name.
const longestExpression = 4096

// Expression is Regexp for an expression that comes from elsewhere: the error says that it is none that Istio writes.
func Expression(expr string) (Pattern, error) {
	if len(expr) > longestExpression {
		return Pattern{}, fmt.Errorf("a regular expression of %d bytes", len(expr))
	}
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil || !compiles(re) {
		return Pattern{}, fmt.Errorf("the regular expression %.80q", expr)
	}
	return Regexp(expr, expr), nil
}

// compiles reports whether program.expression takes an expression.
func compiles(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpEmptyMatch:
		return true
	case syntax.OpCapture, syntax.OpConcat, syntax.OpAlternate, syntax.OpQuest:
		for _, sub := range re.Sub {
			if !compiles(sub) {
				return false
			}
		}
		return true
	case syntax.OpLiteral:
		return re.Flags&syntax.FoldCase == 0
	case syntax.OpStar, syntax.OpPlus:
		_, ok := classOf(re.Sub[0])
		return ok
	case syntax.OpCharClass:
		return len(re.Rune) > 0 && re.Rune[len(re.Rune)-1] < utf8.RuneSelf
	}
	return false
}
