package syntax

import (
	"slices"
	"strings"

	"writ.dev/writ/compiler/diag"
)

// Literal is a number of somebody's in the text of a file, in a comment or anywhere else. Kept are its place and what it looks like, and
// never the number.
type Literal struct {
	What string // what it looks like: a card number, an IBAN, a BSN
	Span diag.Span
	// Object is the document that it stands in or before, or behind the last one; "" where there is none.
	Object string
}

// literals finds numbers with check digits that hold. A number is one only where it stands alone: as a part of a digest, a ticket, an
// address or a version it is none, although it may look like one.
func literals(src *source, roots []*node) []Literal {
	var all []Literal
	for i := 0; i < len(src.data); {
		if !isDigit(src.data[i]) {
			i++
			continue
		}
		end, what := literalAt(src.data, i)
		if what == "" {
			i = wordEnd(src.data, i)
			continue
		}
		start := i
		if what == iban {
			start -= 2
		}
		all = append(all, Literal{what, src.span(src.at(start), src.at(end)), objectAt(roots, start)})
		i = end
	}
	return all
}

const (
	iban = "an IBAN"
	card = "the number of a payment card"
	bsn  = "a Dutch citizen service number (BSN)"
)

// literalAt is what begins with the digit at i, or with the two letters before it, and where that ends.
func literalAt(data []byte, i int) (end int, what string) {
	if i >= 2 && isUpper(data[i-1]) && isUpper(data[i-2]) && apart(data, i-3) {
		if end := ibanEnd(data, i-2); end > 0 {
			return end, iban
		}
	}
	if !apart(data, i-1) {
		return 0, ""
	}
	digits, groups, end := number(data, i)
	if run := groups[0]; run == 9 && apart(data, i+run) && elevenTest(digits[:run]) {
		return i + run, bsn
	}
	if apart(data, end) && isCard(digits, groups) {
		return end, card
	}
	return 0, ""
}

// apart reports whether a number may begin or end beside the character: what joins the parts of a name makes it a part of one.
func apart(data []byte, i int) bool {
	if i < 0 || i >= len(data) {
		return true
	}
	c := data[i]
	switch {
	case isDigit(c) || isUpper(c) || c >= 'a' && c <= 'z' || c >= 0x80:
		return false
	case c == '.' || c == ',': // the end of a sentence or of an item, or inside of a number
		return i+1 >= len(data) || data[i+1] == ' ' || data[i+1] == '\n' || data[i+1] == '\r'
	}
	return !strings.ContainsRune("-_/:#=+@%&*$~", rune(c)) || c == ':' && i+1 < len(data) && (data[i+1] == ' ' || data[i+1] == '\n')
}

// number reads groups of digits with one kind of separator between them, a space or a dash.
func number(data []byte, i int) (digits string, groups []int, end int) {
	var all []byte
	separator := byte(0)
	for {
		start := i
		for i < len(data) && isDigit(data[i]) {
			i++
		}
		all, groups = append(all, data[start:i]...), append(groups, i-start)
		if len(all) > 19 || i+1 >= len(data) || data[i] != ' ' && data[i] != '-' || !isDigit(data[i+1]) || separator != 0 && data[i] != separator {
			return string(all), groups, i
		}
		separator = data[i]
		i++
	}
}

// isCard reports whether it is the number of a payment card: a known issuer's, in the groups in which cards have it, with Luhn's digit
// (ISO/IEC 7812-1).
func isCard(digits string, groups []int) bool {
	if len(digits) < 13 || len(digits) > 19 || !luhn(digits) {
		return false
	}
	grouped := slices.Equal(groups, []int{4, 4, 4, 4}) || slices.Equal(groups, []int{4, 6, 5}) || slices.Equal(groups, []int{4, 4, 4, 4, 3})
	if len(groups) > 1 && !grouped {
		return false
	}
	return slices.ContainsFunc(issuers, func(r issuer) bool {
		head := digits[:len(r.from)]
		return r.from <= head && head <= r.to && slices.Contains(r.lengths, len(digits))
	})
}

// issuer is a range of first digits, and how long such numbers are.
type issuer struct {
	from, to string
	lengths  []int
}

var issuers = []issuer{
	{"4", "4", []int{13, 16, 19}},
	{"51", "55", []int{16}},
	{"2221", "2720", []int{16}},
	{"34", "34", []int{15}},
	{"37", "37", []int{15}},
	{"6011", "6011", []int{16, 19}},
	{"644", "659", []int{16, 19}},
	{"3528", "3589", []int{16, 19}},
	{"36", "36", []int{14}},
	{"5018", "5020", []int{16, 18, 19}},
	{"67", "67", []int{16, 18, 19}},
}

func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			d *= 2
		}
		sum += d/10 + d%10
	}
	return sum%10 == 0
}

// elevenTest is the check of a BSN: the digits weighed from 9 to 2, less the last one, are a multiple of eleven.
func elevenTest(digits string) bool {
	sum := 0
	for i := range 8 {
		sum += (9 - i) * int(digits[i]-'0')
	}
	sum -= int(digits[8] - '0')
	return sum > 0 && sum%11 == 0
}

// ibanEnd is where the IBAN that begins at i ends (ISO 13616), 0 where none begins. It is written at a stretch or in groups of four.
func ibanEnd(data []byte, i int) int {
	length := ibanLengths[string(data[i:i+2])]
	var all []byte
	for group := 0; i < len(data) && len(all) < length; {
		if data[i] == ' ' && group == 4 && i+1 < len(data) && (isDigit(data[i+1]) || isUpper(data[i+1])) {
			group, i = 0, i+1
		}
		if !isDigit(data[i]) && !isUpper(data[i]) {
			break
		}
		all = append(all, data[i])
		group, i = group+1, i+1
	}
	if length == 0 || len(all) < length || !isDigit(all[2]) || !isDigit(all[3]) || !apart(data, i) || !mod97(all) {
		return 0
	}
	return i
}

// ibanLengths are how long each country's IBANs are (the SWIFT registry of ISO 13616).
var ibanLengths = func() map[string]int {
	const registry = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 " +
		"FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 " +
		"ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SD18 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 " +
		"UA29 VA22 VG24 XK20"
	lengths := map[string]int{}
	for _, entry := range strings.Fields(registry) {
		lengths[entry[:2]] = 10*int(entry[2]-'0') + int(entry[3]-'0')
	}
	return lengths
}()

func mod97(iban []byte) bool {
	rest := 0
	for _, c := range append(slices.Clone(iban[4:]), iban[:4]...) {
		if isUpper(c) {
			rest = (rest*100 + int(c-'A') + 10) % 97
		} else {
			rest = (rest*10 + int(c-'0')) % 97
		}
	}
	return rest == 1
}

// objectAt is the document that the offset lies in or before, the last one behind all.
func objectAt(roots []*node, offset int) string {
	object := ""
	for _, root := range roots {
		if root.kind != mapping {
			continue
		}
		object = (&document{root: root, kind: kindOf(root)}).object()
		if root.span.End.Offset() > offset {
			break
		}
	}
	return object
}

func kindOf(root *node) *Kind {
	n := root.get("kind")
	if n == nil {
		return nil
	}
	i := slices.IndexFunc(Kinds, func(k Kind) bool { return k.Name == n.value })
	if i < 0 {
		return nil
	}
	return &Kinds[i]
}

func wordEnd(data []byte, i int) int {
	for i < len(data) && (isDigit(data[i]) || isUpper(data[i]) || data[i] >= 'a' && data[i] <= 'z') {
		i++
	}
	return i
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
