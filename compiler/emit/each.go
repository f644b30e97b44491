package emit

import (
	"context"
	"sync"
	"sync/atomic"
)

// workers is how many files are read, or written, at a time. Waiting for the disk takes the time, not the processor: a file
// system commits the syncs that wait together in one go.
const workers = 16

// each calls do for 0 to n-1, several at a time, until one fails or the context ends, and returns once all have ended, with
// the first failure.
func each(ctx context.Context, n int, do func(i int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(n, workers) {
		wait.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && ctx.Err() == nil; i = next.Add(1) - 1 {
				if err := do(int(i)); err != nil {
					stop(err)
				}
			}
		})
	}
	wait.Wait()
	return context.Cause(ctx)
}
