package main

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

func TestGarbageIsBoundedByTheHeap(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		live uint64 // MiB
		want int
	}{
		{0, mostGarbage}, {1, mostGarbage}, {192, 300}, {384, 100}, {700, leastGarbage}, {768, leastGarbage}, {4000, leastGarbage},
	} {
		if got := garbage(tt.live << 20); got != tt.want {
			t.Errorf("%d MiB: %d %%, want %d", tt.live, got, tt.want)
		}
	}
}

func TestAfterCollectionsIsCalledAgainAndAgain(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	afterCollections(func() { calls.Add(1) })
	for calls.Load() < 3 {
		runtime.GC()
		time.Sleep(time.Millisecond) // the call comes some time after a collection
	}
}
