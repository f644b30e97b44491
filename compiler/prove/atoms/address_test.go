package atoms

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func prefixes(texts ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, s := range texts {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		prefixes []netip.Prefix
		want     []string
	}{
		{"nothing", nil, []string{"192.0.2.1"}},
		{"one", prefixes("10.0.0.0/8"), []string{"192.0.2.1", "10.0.0.1"}},
		{"one address", prefixes("10.1.2.3/32"), []string{"192.0.2.1", "10.1.2.3"}},
		{"nested", prefixes("10.0.0.0/8", "10.0.0.0/16", "10.0.0.0/24"), []string{"192.0.2.1", "10.1.0.0", "10.0.1.0", "10.0.0.1"}},
		{"halves", prefixes("10.0.0.0/8", "10.0.0.0/9", "10.128.0.0/9"), []string{"192.0.2.1", "10.0.0.1", "10.128.0.1"}},
		{"all of IPv4", prefixes("0.0.0.0/0"), []string{"2001:db8::1", "192.0.2.1"}},
		{"all", prefixes("0.0.0.0/0", "::/0"), []string{"192.0.2.1", "2001:db8::1"}},
		{"all in parts", prefixes("0.0.0.0/1", "128.0.0.0/1", "::/0"), []string{"0.0.0.1", "192.0.2.1", "2001:db8::1"}},
		{"documentation", prefixes("192.0.2.0/24"), []string{"198.51.100.1", "192.0.2.1"}},
		{
			"the ends", prefixes("255.255.255.255/32", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"),
			[]string{"192.0.2.1", "255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		},
		{"mapped", prefixes("::ffff:0:0/96", "10.0.0.0/8"), []string{"192.0.2.1", "10.0.0.1", "::ffff:0.0.0.1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, w := range DivideAddresses(c.prefixes).Witness {
				got = append(got, w.String())
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("witnesses are %v, want %v", got, c.want)
			}
		})
	}
}

func TestAddressesAgreeWithNetip(t *testing.T) {
	t.Parallel()
	// Few bits, near both ends of both families, so that prefixes meet.
	address := rapid.Custom(func(t *rapid.T) netip.Addr {
		b := slices.Repeat([]byte{rapid.SampledFrom([]byte{0, 255}).Draw(t, "end")}, rapid.SampledFrom([]int{4, 16}).Draw(t, "size"))
		b[0] ^= rapid.SampledFrom([]byte{0, 1, 2, 128}).Draw(t, "first")
		b[len(b)-1] ^= rapid.ByteRange(0, 7).Draw(t, "last")
		if rapid.IntRange(0, 9).Draw(t, "mapped") == 0 && len(b) == 16 {
			copy(b, netip.MustParseAddr("::ffff:0.0.0.0").AsSlice()[:12])
		}
		a, _ := netip.AddrFromSlice(b)
		return a
	})
	prefix := rapid.Custom(func(t *rapid.T) netip.Prefix {
		a := address.Draw(t, "address")
		n := a.BitLen()
		return netip.PrefixFrom(a, rapid.SampledFrom([]int{0, 1, 2, 7, 8, n - 3, n - 2, n - 1, n}).Draw(t, "bits"))
	})
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(prefix, 0, 8).Draw(t, "prefixes")
		signature := func(a netip.Addr) string {
			b := make([]byte, len(list))
			for i, p := range list {
				b[i] = '0'
				if p.Contains(a) {
					b[i] = '1'
				}
			}
			return string(b)
		}
		space := DivideAddresses(list)
		known := map[string]bool{}
		for atom, w := range space.Witness {
			sign := signature(w)
			if known[sign] {
				t.Fatalf("two atoms are alike, one of them %v", w)
			}
			known[sign] = true
			for i, p := range list {
				if space.Set(p).Has(atom) != (sign[i] == '1') {
					t.Fatalf("%v in %v: %v", w, p, space.Set(p).Has(atom))
				}
			}
		}
		for _, a := range rapid.SliceOfN(address, 30, 30).Draw(t, "addresses") {
			if !known[signature(a)] {
				t.Fatalf("%v is in no atom", a)
			}
		}
		slices.Reverse(list)
		if again := DivideAddresses(list); !slices.Equal(space.Witness, again.Witness) {
			t.Fatalf("in another order %v, not %v", again.Witness, space.Witness)
		}
	})
}

func TestSetOfAnotherPrefixPanics(t *testing.T) {
	t.Parallel()
	space := DivideAddresses(prefixes("10.1.2.3/8"))
	if got := space.Set(netip.MustParsePrefix("10.0.0.0/8")); !got.Equal(Only(1)) {
		t.Errorf("the same prefix with other bits behind it is %v", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("there is a set for a prefix that was not asked about")
		}
	}()
	space.Set(netip.MustParsePrefix("10.0.0.0/9"))
}
