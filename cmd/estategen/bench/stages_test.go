//go:build linux

package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// What benchstat prints, shortened: a change that is not significant is a tilde.
const table = `goos: linux
pkg: writ.dev/writ/compiler
,old.txt,,now.txt,,,
,sec/op,CI,sec/op,CI,vs base,P
Stage/Parse-2,0.100,1%,0.121,1%,+21.00%,p=0.002 n=6
Stage/Resolve-2,0.100,1%,0.119,1%,+19.00%,p=0.002 n=6
Stage/Run-2,0.100,1%,0.150,90%,~,p=0.400 n=6
Stage/Lower-2,0.100,1%,0.050,1%,-50.00%,p=0.002 n=6
geomean,0.100,,0.130,,+30.00%

,old.txt,,now.txt,,,
,allocs/op,CI,allocs/op,CI,vs base,P
Stage/Parse-2,100,0%,200,0%,+100.00%,p=0.002 n=6
`

func TestGrownShowsWhatGrewByAFifth(t *testing.T) {
	got, err := grown(strings.NewReader(table))
	want := []string{"Stage/Parse-2: +21.00% sec/op", "Stage/Parse-2: +100.00% allocs/op"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestSecondsReadsWhatBenchmarksPrint(t *testing.T) {
	got, err := seconds("goos: linux\nBenchmarkProof/services=10/Read           1     1500000000 ns/op\nBenchmarkProof/services=10/Prove         1     2000000000 ns/op\nPASS\n")
	want := map[string]float64{"services=10/Read": 1.5, "services=10/Prove": 2}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if got, err := seconds("BenchmarkProof/services=10/Read --- FAIL\n"); err == nil {
		t.Errorf("got %v of a benchmark that failed", got)
	}
}
