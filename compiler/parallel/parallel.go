// Package parallel runs one function over many numbers, several at a time.
package parallel

import (
	"sync"
	"sync/atomic"
)

// Each calls do with every number below n, at most workers at a time, and returns when all calls have. A panic in do is raised
// again in the caller, where it can be told as what it is: a fault of writ. In a goroutine it would end the process there.
func Each(n, workers int, do func(i int)) {
	var next atomic.Int64
	var fault atomic.Pointer[any]
	var wait sync.WaitGroup
	for range min(n, workers) {
		wait.Go(func() {
			defer func() {
				if v := recover(); v != nil {
					fault.CompareAndSwap(nil, &v)
				}
			}()
			for i := int(next.Add(1)) - 1; i < n && fault.Load() == nil; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wait.Wait()
	if v := fault.Load(); v != nil {
		panic(*v)
	}
}
