package vocabulary

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"
)

//go:embed *.yaml
var files embed.FS

// Table says what a table is made of, for exports to print.
type Table struct {
	Name    string   `yaml:"name"`
	Title   string   `yaml:"title"`
	Version string   `yaml:"version"` // of its source
	AsOf    string   `yaml:"asOf"`    // the day it was last held against its sources, as YYYY-MM-DD
	Sources []string `yaml:"sources"`
	// ReviewDays is after how many days it should be looked at again. Zero for a table of a pinned version, which does not age.
	ReviewDays int `yaml:"reviewDays"`
}

// tableNames are the tables, in the order in which exports tell them; each is a file.
var tableNames = []string{"categories", "uses", "subjects", "legal-bases", "conditions", "mechanisms", "countries", "adequacy"}

var tables = sync.OnceValue(func() []Table {
	all := make([]Table, len(tableNames))
	for i, name := range tableNames {
		var loose struct {
			Table Table          `yaml:"table"`
			Rest  map[string]any `yaml:",inline"`
		}
		read(name, &loose)
		all[i] = loose.Table
	}
	return all
})

// Tables returns what this package knows, for exports to say what they rest on.
func Tables() []Table {
	all := slices.Clone(tables())
	for i := range all {
		all[i].Sources = slices.Clone(all[i].Sources)
	}
	return all
}

// Stale returns the tables that should have been looked at again before a day, given as YYYY-MM-DD.
func Stale(day string) []Table {
	now := parseDay(day)
	return slices.DeleteFunc(Tables(), func(t Table) bool {
		return t.ReviewDays == 0 || !now.After(parseDay(t.AsOf).AddDate(0, 0, t.ReviewDays))
	})
}

// read reads a table, which is ours: what is wrong with it is our mistake, and a test reads them all.
func read(name string, into any) {
	file, err := files.Open(name + ".yaml")
	if err != nil {
		panic(err)
	}
	loader, err := yaml.NewLoader(file, yaml.WithKnownFields(), yaml.WithUniqueKeys())
	if err != nil {
		panic(err)
	}
	if err := loader.Load(into); err != nil {
		panic(fmt.Sprintf("vocabulary: %s.yaml: %v", name, err))
	}
	if err := loader.Load(new(any)); !errors.Is(err, io.EOF) {
		panic(fmt.Sprintf("vocabulary: %s.yaml is more than one document", name))
	}
}

// must panics where a table contradicts itself.
func must(ok bool, table, format string, args ...any) {
	if !ok {
		panic(fmt.Sprintf("vocabulary: "+table+".yaml: "+format, args...))
	}
}

func readTaxonomy(name string) *Taxonomy {
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
	read(name, &file)
	t := &Taxonomy{terms: map[string]Term{}, moved: file.Moved}
	for _, row := range file.Terms {
		must(keyShape.MatchString(row.Key), name, "%q is not a key", row.Key)
		must(t.terms[row.Key].Key == "", name, "%q stands twice", row.Key)
		above := t.above(row.Key)
		class := above.Class
		if row.Class != "" {
			var ok bool
			class, ok = ParseClass(row.Class)
			must(ok && class > above.Class, name, "the class of %q is not above that of %q", row.Key, above.Key)
		}
		reveals := slices.Concat(above.Reveals, row.Reveals)
		slices.Sort(reveals)
		t.terms[row.Key] = Term{
			Key: row.Key, Title: row.Title, Description: row.Text, Class: class, Reveals: slices.Compact(reveals),
			Vague: row.Vague, Unspecified: row.Unspecified,
		}
	}
	t.keys = sortedKeys(t.terms)
	for from, to := range t.moved {
		must(t.terms[from].Key == "" && t.terms[to].Key != "", name, "%q cannot have moved to %q", from, to)
	}
	return t
}

func readCodes(name string) codes {
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
	read(name, &file)
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
		must(c.name[code.Base].ID == code.Base, name, "%s refines %s, which the table lacks", code.ID, code.Base)
	}
	slices.SortFunc(c.all, func(a, b Code) int { return strings.Compare(a.ID, b.ID) })
	return c
}

func readPlaces() placeTable {
	var file struct {
		Table         Table             `yaml:"table"`
		EEA           []string          `yaml:"eea"`
		Countries     map[string]string `yaml:"countries"`
		Organisations map[string]string `yaml:"organisations"`
	}
	read("countries", &file)
	t := placeTable{places: map[string]Place{}}
	for code, name := range file.Countries {
		t.places[code] = Place{Code: code, Name: name, EEA: slices.Contains(file.EEA, code)}
	}
	for code, name := range file.Organisations {
		must(t.places[code].Code == "", "countries", "%q stands twice", code)
		t.places[code] = Place{Code: code, Name: name, Organisation: true}
	}
	for _, code := range file.EEA {
		must(t.places[code].EEA, "countries", "the EEA has %q, which is no country", code)
	}
	t.codes = sortedKeys(t.places)
	return t
}

func readDecisions() []Decision {
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
	read("adequacy", &file)
	all := make([]Decision, len(file.Decisions))
	for i, row := range file.Decisions {
		all[i] = Decision(row)
		_, known := Country(row.Code)
		must(known, "adequacy", "%q is no place", row.Code)
		must(slices.Contains([]Extent{Full, Certified, Commercial, PrivateSector}, row.Extent), "adequacy", "%q is no extent", row.Extent)
		for _, day := range []string{row.ValidFrom, row.ValidTo} {
			if day != "" {
				parseDay(day)
			}
		}
	}
	return all
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
