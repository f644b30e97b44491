package vocabulary

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	countryShape = regexp.MustCompile(`^[A-Z]{2}$`)

	kinds    = []Kind{Adequacy, Safeguard, Derogation}
	extents  = []Extent{Full, Certified, Commercial, PrivateSector}
	evidence = []Evidence{ConsentRecord, Statute, InterestsAssessment, TransferAssessment, Authorisation}
)

// readTaxonomy reads a table in which what lies above stands before what lies below.
func readTaxonomy(name string, text []byte) *Taxonomy {
	var file struct {
		Table Table `yaml:"table"`
		Terms []struct {
			Key         string   `yaml:"key"`
			Title       string   `yaml:"title"`
			Text        string   `yaml:"text"`
			Class       string   `yaml:"class"`
			Reveals     []string `yaml:"reveals"`
			Vague       bool     `yaml:"vague"`
			Unspecified bool     `yaml:"unspecified"`
		} `yaml:"terms"`
		Moved map[string]string `yaml:"moved"`
	}
	decode(name, text, &file)
	t := &Taxonomy{terms: map[string]Term{}, moved: file.Moved}
	for _, row := range file.Terms {
		must(keyShape.MatchString(row.Key), name, "%q is not a key", row.Key)
		must(t.terms[row.Key].Key == "", name, "%q stands twice", row.Key)
		must(row.Title != "" && row.Text != "", name, "%q says nothing", row.Key)
		above, organisation := t.above(row.Key), strings.Contains(row.Key, ".x_")
		must(above.Key == parent(row.Key) || organisation, name, "%q stands before what it lies below", row.Key)
		class := above.Class
		if row.Class != "" {
			var ok bool
			class, ok = ParseClass(row.Class)
			must(ok && class > above.Class, name, "%q cannot have the class %q, or need not say it", row.Key, row.Class)
		}
		reveals := slices.Concat(above.Reveals, row.Reveals)
		slices.Sort(reveals)
		t.terms[row.Key] = Term{
			Key: row.Key, Title: row.Title, Description: row.Text, Class: class, Reveals: slices.Compact(reveals),
			Vague: row.Vague, Unspecified: row.Unspecified,
		}
	}
	t.keys = sortedKeys(t.terms)
	for _, row := range file.Terms {
		for _, key := range row.Reveals {
			must(t.terms[key].Class >= Special, name, "%q cannot reveal %q", row.Key, key)
		}
	}
	for from, to := range t.moved {
		must(t.terms[from].Key == "" && t.terms[to].Key != "", name, "%q cannot have moved to %q", from, to)
	}
	return t
}

func readCodes(name string, text []byte) codes {
	var file struct {
		Table Table `yaml:"table"`
		Codes []struct {
			ID      string     `yaml:"id"`
			Base    string     `yaml:"base"`
			Aliases []string   `yaml:"aliases"`
			Article string     `yaml:"article"`
			Title   string     `yaml:"title"`
			Text    string     `yaml:"text"`
			Fides   string     `yaml:"fides"`
			Needs   []Evidence `yaml:"needs"`
			Kind    Kind       `yaml:"kind"`
		} `yaml:"codes"`
	}
	decode(name, text, &file)
	c := codes{name: map[string]Code{}}
	for _, row := range file.Codes {
		code := Code{
			ID: row.ID, Base: row.Base, Aliases: row.Aliases, Article: row.Article, Title: row.Title, Description: row.Text,
			Fides: row.Fides, Needs: row.Needs, Kind: row.Kind,
		}
		if code.Base == "" {
			code.Base = code.ID
		}
		c.all = append(c.all, code)
		for _, word := range append([]string{code.ID}, code.Aliases...) {
			must(c.name[word].ID == "", name, "%q stands twice", word)
			c.name[word] = code
		}
	}
	for _, code := range c.all {
		must(code.Article != "" && code.Title != "" && code.Description != "" && code.Fides != "", name, "%s says too little", code.ID)
		must((code.Kind != "") == (name == "mechanisms"), name, "%s is of kind %q", code.ID, code.Kind)
		must(code.Kind == "" || slices.Contains(kinds, code.Kind), name, "%q is no kind", code.Kind)
		for _, need := range code.Needs {
			must(slices.Contains(evidence, need), name, "%q is no evidence", need)
		}
		must(c.name[code.Base].ID == code.Base, name, "%s refines %s, which the table lacks", code.ID, code.Base)
	}
	return c
}

func readPlaces(name string, text []byte) placeTable {
	var file struct {
		Table         Table             `yaml:"table"`
		EEA           []string          `yaml:"eea"`
		Countries     map[string]string `yaml:"countries"`
		Organisations map[string]string `yaml:"organisations"`
	}
	decode(name, text, &file)
	t := placeTable{places: map[string]Place{}}
	for code, title := range file.Countries {
		must(countryShape.MatchString(code) && title != "", name, "%q is no code", code)
		t.places[code] = Place{Code: code, Name: title, EEA: slices.Contains(file.EEA, code)}
	}
	for code, title := range file.Organisations {
		must(t.places[code].Code == "" && title != "", name, "%q stands twice, or for nothing", code)
		t.places[code] = Place{Code: code, Name: title, Organisation: true}
	}
	for _, code := range file.EEA {
		must(t.places[code].EEA, name, "the EEA has %q, which is no country", code)
	}
	t.codes = sortedKeys(t.places)
	return t
}

func readDecisions(name string, text []byte) []Decision {
	var file struct {
		Table     Table `yaml:"table"`
		Decisions []struct {
			Code      string   `yaml:"code"`
			Extent    Extent   `yaml:"extent"`
			Scope     string   `yaml:"scope"`
			Decision  string   `yaml:"decision"`
			ValidFrom string   `yaml:"validFrom"`
			ValidTo   string   `yaml:"validTo"`
			Fragile   string   `yaml:"fragile"`
			NotFrom   []string `yaml:"notFrom"`
			Source    string   `yaml:"source"`
		} `yaml:"decisions"`
	}
	decode(name, text, &file)
	all := make([]Decision, len(file.Decisions))
	for i, row := range file.Decisions {
		all[i] = Decision(row)
		must(slices.Contains(extents, row.Extent), name, "%q is no extent", row.Extent)
		must(row.Scope != "" && row.Source != "", name, "%q says too little", row.Code)
		for _, code := range append(slices.Clone(row.NotFrom), row.Code) {
			_, known := Country(code)
			must(known, name, "%q is no place", code)
		}
		for _, day := range []string{row.ValidFrom, row.ValidTo} {
			if day != "" {
				_, err := time.Parse(time.DateOnly, day)
				must(err == nil, name, "%q is no day", day)
			}
		}
	}
	return all
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
