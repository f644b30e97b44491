package vocabulary

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEveryTableIsRead(t *testing.T) {
	t.Parallel()
	Categories()
	Uses()
	Subjects()
	LegalBases()
	Conditions()
	Mechanisms()
	Countries()
	decisions()
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		t.Fatal(err)
	}
	var lie []string
	for _, e := range entries {
		lie = append(lie, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	names := slices.Sorted(slices.Values(tableNames))
	if !slices.Equal(lie, names) {
		t.Errorf("the tables are %v, and there lie %v", names, lie)
	}
	for i, table := range Tables() {
		if table.Name != tableNames[i] || table.Title == "" || table.Version == "" || len(table.Sources) == 0 {
			t.Errorf("%s.yaml has the header %+v", tableNames[i], table)
		}
		parseDay(table.AsOf)
	}
}

func TestOldTablesAreStale(t *testing.T) {
	t.Parallel()
	stale := func(day string) string {
		var names []string
		for _, table := range Stale(day) {
			names = append(names, table.Name)
		}
		return strings.Join(names, " ")
	}
	after := func(name string, days int) string {
		table := Tables()[slices.Index(tableNames, name)]
		return parseDay(table.AsOf).AddDate(0, 0, days).Format(time.DateOnly)
	}
	if got := stale(after("adequacy", 180)); got != "" {
		t.Errorf("stale after 180 days: %s", got)
	}
	if got := stale(after("adequacy", 181)); got != "adequacy" {
		t.Errorf("stale after 181 days: %s", got)
	}
	// A pinned version does not age.
	if got := stale("2100-01-01"); got != "countries adequacy" {
		t.Errorf("stale in the end: %s", got)
	}
	Tables()[0].Sources[0] = "changed"
	if Tables()[0].Sources[0] == "changed" {
		t.Error("whoever asks can change the table")
	}
}

func TestADayIsADay(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(){
		"Adequate": func() { Adequate("GB", "soon") },
		"Stale":    func() { Stale("2026-02-30") },
		"Within":   func() { Within("GB", GroupAdequate, "") },
		"DaysLeft": func() { Decision{ValidTo: "2031-12-27"}.DaysLeft("tomorrow") },
	} {
		if panicOf(ask) == "" {
			t.Errorf("%s takes anything for a day", name)
		}
	}
}
