package atoms

import (
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"
)

// program is all patterns of a division as one nondeterministic automaton without empty moves. Its states are numbers: those
// below the number of patterns say that one of them has matched, each other is a step that takes one byte.
type program struct {
	universe *Universe
	patterns int
	steps    []step
	follows  []uint32 // where steps lead, each a part of it
}

// step takes a byte of a class, or a byte that it names, of which there are two where case does not matter.
type step struct {
	names      bool
	class      class
	byte, twin byte // by rank
	pattern    uint32
	start, end uint32 // in follows
}

func (p *program) begin(u *Universe, patterns int) {
	p.universe, p.patterns, p.steps, p.follows = u, patterns, p.steps[:0], p.follows[:0]
}

// A pattern is compiled from its end to its beginning. Each of the functions below takes the states that follow a part of it,
// and returns those that the part begins with.

func (p *program) add(s step, next []uint32, loops bool) uint32 {
	id := uint32(p.patterns + len(p.steps))
	s.start = uint32(len(p.follows))
	if loops {
		p.follows = append(p.follows, id)
	}
	p.follows = append(p.follows, next...)
	s.end = uint32(len(p.follows))
	p.steps = append(p.steps, s)
	return id
}

func (p *program) literal(text string, fold bool, next []uint32) []uint32 {
	if text == "" {
		return next
	}
	first := make([]uint32, 1)
	for i := len(text) - 1; i >= 0; i-- {
		b := text[i]
		s := step{names: true, byte: p.universe.rank[b], twin: p.universe.rank[b]}
		if other := b ^ ('a' - 'A'); fold && (b|0x20) >= 'a' && (b|0x20) <= 'z' {
			s.twin = p.universe.rank[other]
		}
		first[0] = p.add(s, next, false)
		next = first
	}
	return next
}

func (p *program) plus(c class, next []uint32) []uint32 {
	return []uint32{p.add(step{class: c}, next, true)}
}

func (p *program) star(c class, next []uint32) []uint32 {
	return append(p.plus(c, next), next...)
}

// compile adds the pattern, whose match is the given state, and returns the states that it begins with.
func (p *program) compile(pattern Pattern, match uint32) []uint32 {
	first := len(p.steps)
	defer func() {
		for i := first; i < len(p.steps); i++ {
			p.steps[i].pattern = match
		}
	}()
	matched := []uint32{match}
	switch pattern.kind {
	case exact:
		return p.literal(pattern.text, pattern.fold, matched)
	case prefix:
		return p.literal(pattern.text, pattern.fold, p.star(anyByte, matched))
	case suffix:
		return p.star(anyByte, p.literal(pattern.text, pattern.fold, matched))
	case present:
		return p.plus(anyByte, matched)
	case template:
		return p.template(stars.Replace(pattern.text), matched)
	case expression:
		re, err := syntax.Parse(pattern.text, syntax.Perl)
		if err != nil {
			panic("atoms: " + err.Error())
		}
		return p.expression(re, matched)
	default:
		panic("atoms: a pattern that no function here made")
	}
}

func (p *program) template(text string, next []uint32) []uint32 {
	if text == "" {
		return next
	}
	if rest, ok := strings.CutPrefix(text, "**"); ok {
		return p.star(templateByte, p.template(rest, next))
	}
	if rest, ok := strings.CutPrefix(text, "*"); ok {
		return p.plus(segmentByte, p.template(rest, next))
	}
	literal := text
	if star := strings.IndexByte(text, '*'); star >= 0 {
		literal = text[:star]
	}
	return p.literal(literal, false, p.template(text[len(literal):], next))
}

func (p *program) expression(re *syntax.Regexp, next []uint32) []uint32 {
	switch re.Op {
	case syntax.OpEmptyMatch:
		return next
	case syntax.OpCapture:
		return p.expression(re.Sub[0], next)
	case syntax.OpConcat:
		for i := len(re.Sub) - 1; i >= 0; i-- {
			next = p.expression(re.Sub[i], next)
		}
		return next
	case syntax.OpAlternate:
		var first []uint32
		for _, sub := range re.Sub {
			first = append(first, p.expression(sub, next)...)
		}
		return first
	case syntax.OpQuest:
		return append(p.expression(re.Sub[0], next), next...)
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase == 0 {
			return p.literal(string(re.Rune), false, next)
		}
	case syntax.OpStar:
		if c, ok := classOf(re.Sub[0]); ok {
			return p.star(c, next)
		}
	case syntax.OpPlus:
		if c, ok := classOf(re.Sub[0]); ok {
			return p.plus(c, next)
		}
	case syntax.OpCharClass:
		if last := re.Rune[len(re.Rune)-1]; last < utf8.RuneSelf {
			return p.oneOf(re.Rune, next)
		}
	}
	panic("atoms: Istio does not generate the expression " + re.String())
}

// classOf is the class of bytes that repetitions of an expression for one character consist of. Alone it would have to take all
// bytes of a character at once. Newlines are in no universe.
func classOf(re *syntax.Regexp) (class, bool) {
	switch {
	case re.Op == syntax.OpAnyCharNotNL:
		return anyByte, true
	case re.Op == syntax.OpCharClass && len(re.Rune) == 4 &&
		re.Rune[0] == 0 && re.Rune[1] == '/'-1 && re.Rune[2] == '/'+1 && re.Rune[3] == unicode.MaxRune:
		return notSlash, true
	}
	return 0, false
}

// oneOf is what the parser makes of alternatives of one character each.
func (p *program) oneOf(ranges []rune, next []uint32) []uint32 {
	var first []uint32
	for i := 0; i < len(ranges); i += 2 {
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			first = append(first, p.literal(string(r), false, next)...)
		}
	}
	return first
}
