package atoms

import "testing"

// What Expression takes can be divided, and what it does not take is an error.
func TestExpressionsFromElsewhere(t *testing.T) {
	t.Parallel()
	for expr, taken := range map[string]bool{
		`.*/ns/shop/.*`: true, `spiffe://.+/ns/shop/(.+/|)sa/x(/.+)?`: true, `spiffe://a[^/]*b/.*`: true, `a|b`: true, ``: true,
		`[`: false, `a{2,3}`: false, `(?i)a`: false, `^a$`: false, `[^a]`: false, `[a-z]+`: false, `\pL`: false, `a*`: false, `(a|b)+`: false, `.`: false,
	} {
		p, err := Expression(expr)
		if (err == nil) != taken {
			t.Errorf("%q: %v", expr, err)
		}
		if err != nil {
			continue
		}
		if _, err := Divide(SPIFFE(), []Pattern{p}, 1000); err != nil {
			t.Errorf("%q: %v", expr, err)
		}
	}
}
