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
	all, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ended := parallel.Each(all, n, workers, func(i int) {
		if err := do(i); err != nil {
			stop(err)
		}
	})
	switch {
	case ended == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err() // not its cause, which may be any error: a signal's is no context.Canceled
	default:
		return context.Cause(all)
	}
}
