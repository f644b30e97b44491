package istio

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"writ.dev/writ/compiler/diag"
)

// everywhere is a manifest with the strings wherever manifests have strings.
func everywhere(a, b, c string) manifest {
	m := newManifest(a, b, c, diag.Span{}, authorizationPolicy{
		Selector: &selector{map[string]string{a: b}},
		Action:   b,
		Rules: []rule{
			{},
			{From: []from{{source{Principals: []string{a, b}, IPBlocks: []string{c}}}}, To: []to{{operation{Ports: []string{a}, Methods: []string{b, c}, Paths: []string{c, a}}}}},
		},
	})
	m.APIVersion, m.Kind = a, b
	return m
}

// TestPlainEncodingIsTheLibrarys holds the short way against the long one, on strings of every nasty kind in every place.
func TestPlainEncodingIsTheLibrarys(t *testing.T) {
	plain := 0
	hold := func(t fataler, m manifest) {
		t.Helper()
		data, ok := appendPlainly(nil, &m)
		if !ok {
			return
		}
		plain++
		if want := Encode(&m); string(data) != string(want) {
			t.Fatalf("got\n%s\nwant\n%s", data, want)
		}
	}
	for _, a := range append(scalars, "shop", "/v1/{*}", "8080", "a\nb c", "eu.example/ns/shop/sa/checkout", "GET", "M-SEARCH", "a (b)", "yes, no", "1e3", "NO") {
		hold(t, everywhere(a, "b", "c"))
		hold(t, everywhere("a", a, "c"))
		hold(t, everywhere("a", "b", a))
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(nearlyPlain(), rapid.SampledFrom(scalars))
		hold(t, everywhere(text.Draw(t, "a"), text.Draw(t, "b"), text.Draw(t, "c")))
	})
	rapid.Check(t, func(t *rapid.T) {
		c := clusters().Draw(t, "cluster")
		for _, k := range kinds {
			if k.manifests == nil {
				continue
			}
			for _, m := range k.manifests(c) {
				m.APIVersion, m.Kind = k.apiVersion, k.name
				hold(t, m)
			}
		}
	})
	if plain == 0 {
		t.Error("nothing was plain")
	}
}

// nearlyPlain draws strings on both sides of what is plain.
func nearlyPlain() *rapid.Generator[string] {
	character := rapid.SampledFrom(strings.Split(`aZnoYx019-./@_ ()*,{}:;'"#&%=+?!~$|<>[]`+"`^\\é\n\t\u0085\u2028\ufeff", ""))
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(character, 0, 8).Draw(t, "characters"), "")
	})
}

// FuzzPlainEncoding is the same for strings that the fuzzer finds.
func FuzzPlainEncoding(f *testing.F) {
	for _, s := range scalars {
		f.Add(s, "a\nb", "8080")
	}
	f.Fuzz(func(t *testing.T, a, b, c string) {
		m := everywhere(a, b, c)
		if data, ok := appendPlainly(nil, &m); ok {
			if want := Encode(&m); string(data) != string(want) {
				t.Fatalf("got\n%s\nwant\n%s", data, want)
			}
		}
	})
}

// TestManifestsAreEncodedPlainly: the short way pays only if what people usually have takes it.
func TestManifestsAreEncodedPlainly(t *testing.T) {
	c := largeCluster(3)
	for _, k := range kinds {
		if k.manifests == nil {
			continue
		}
		for _, m := range k.manifests(c) {
			m.APIVersion, m.Kind = k.apiVersion, k.name
			if _, ok := appendPlainly(nil, &m); !ok {
				t.Errorf("%s %s takes the long way", k.name, m.Metadata.Name)
			}
		}
	}
}
