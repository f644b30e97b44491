package syntax

import (
	"net/netip"
	"strings"
	"time"
)

// corrections are what a value of the wrong form is usually meant to be, the smallest change first. The caller takes the first
// that its schema takes, so that none has to know the fields that it is for.
func corrections(value string) []string {
	v := strings.TrimSpace(value)
	if v == "" {
		return nil
	}
	lower := strings.ToLower(v)
	all := []string{
		v, lower, strings.ToUpper(v),
		strings.NewReplacer("_", "-", " ", "-").Replace(lower),
		strings.TrimPrefix(v, "/"),
		strings.TrimPrefix(v, "spiffe://"),
		"/" + v,
	}
	for _, layout := range []string{"2006-1-2", "2006/1/2", "2.1.2006", time.RFC3339} {
		if t, err := time.Parse(layout, v); err == nil {
			all = append(all, t.Format(time.DateOnly))
		}
	}
	if p, err := netip.ParsePrefix(v); err == nil {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		all = append(all, p.Masked().String())
	}
	if a, err := netip.ParseAddr(v); err == nil {
		all = append(all, netip.PrefixFrom(a.WithZone(""), a.BitLen()).String())
	}
	if parts := strings.Split(strings.TrimPrefix(lower, "v"), "."); len(parts) > 2 {
		all = append(all, parts[0]+"."+parts[1]) // a patch release behind a minor one
	}
	return all
}
