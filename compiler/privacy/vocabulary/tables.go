package vocabulary

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"slices"
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
		decode(name, text(name), &loose)
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

func text(name string) []byte {
	data, err := files.ReadFile(name + ".yaml")
	if err != nil {
		panic(err)
	}
	return data
}

// decode reads a table, which is ours: what is wrong with it is our mistake, and a test reads them all.
func decode(name string, text []byte, into any) {
	loader, err := yaml.NewLoader(bytes.NewReader(text), yaml.WithKnownFields(), yaml.WithUniqueKeys())
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
