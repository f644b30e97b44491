package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// roomyHeap is what a heap may grow to without regard to how little of it is alive.
	roomyHeap = 768 << 20
	// leastGarbage and mostGarbage bound how much of the heap may be garbage, in percent of what is not.
	leastGarbage, mostGarbage = 25, 300
)

// paceCollector lets the garbage collector wait while the heap is small, and keep it tight once it is large. Go's own pace, a
// heap of twice what is alive, collects fifty times in a second for a small estate, and takes gigabytes for a large one. A memory
// limit would be simpler, and would collect all the time for an estate that does not fit. Who sets GOGC or GOMEMLIMIT has a pace
// of their own.
func paceCollector() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetGCPercent(mostGarbage)
	afterCollections(func() {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		debug.SetGCPercent(garbage(live[0].Value.Uint64()))
	})
}

// afterCollections calls do after each collection, which finds a value that nothing holds.
func afterCollections(do func()) {
	type value struct{ self *value } // with a pointer: small values without one are collected several at a time, or never
	runtime.SetFinalizer(&value{}, func(*value) {
		do()
		afterCollections(do)
	})
}

// garbage is how many percent of what is alive may become garbage before the next collection.
func garbage(live uint64) int {
	if live >= roomyHeap {
		return leastGarbage
	}
	return int(min(max((roomyHeap-live)*100/max(live, 1), leastGarbage), mostGarbage))
}
