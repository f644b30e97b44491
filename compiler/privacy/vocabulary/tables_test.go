package vocabulary

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
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
