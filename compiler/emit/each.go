package emit

import (
	"context"

	"writ.dev/writ/compiler/parallel"
)

// workers is how many files are read, or written, at a time. Waiting for the disk takes the time, not the processor: a file
// system commits the syncs that wait together in one go.
const workers = 16

// each calls do for 0 to n-1, several at a time, until one fails or the context ends, and returns once all have ended, with
// the first failure.
func each(ctx context.Context, n int, do func(i int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	parallel.Each(n, workers, func(i int) {
		if ctx.Err() != nil {
			return
		}
		if err := do(i); err != nil {
			stop(err)
		}
	})
	return context.Cause(ctx)
}
