package conformance

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// TestWriteCorpus writes the file that CORPUS names: for each construct a few small worlds in which it decides.
func TestWriteCorpus(t *testing.T) {
	path := os.Getenv("CORPUS")
	if path == "" {
		t.Skip("CORPUS is not set")
	}
	const worlds = 2
	var entries []Entry
	for n, c := range Constructs {
		found := 0
		for i := 0; found < worlds && i < 40; i++ {
			result, err := world(rand.New(rand.NewPCG(uint64(n), uint64(i))), c)
			if err != nil {
				t.Fatal(err)
			}
			if result == nil || result.Decided[c] == 0 {
				continue
			}
			entry, err := result.Entry(c)
			if err != nil {
				t.Fatal(err)
			}
			entries = append(entries, entry)
			found++
		}
		if found == 0 {
			t.Errorf("no world in which %q decides", c)
		}
	}
	r := rand.New(rand.NewPCG(0, 0))
	for _, k := range slices.Sorted(maps.Keys(pool)) {
		for _, value := range pool[k] {
			entry, err := alone(r, k, value)
			if err != nil {
				t.Fatal(err)
			}
			if len(entry.Cases) > 0 {
				entries = append(entries, entry)
			}
		}
	}
	var file bytes.Buffer
	if err := Write(&file, entries); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, file.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
