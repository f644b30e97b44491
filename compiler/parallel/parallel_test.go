package parallel

import (
	"sync/atomic"
	"testing"
)

func TestEachCallsEveryNumberOnce(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 2, 7, 1000} {
		for _, workers := range []int{1, 3, 16} {
			calls := make([]atomic.Int32, n)
			Each(n, workers, func(i int) { calls[i].Add(1) })
			for i := range calls {
				if got := calls[i].Load(); got != 1 {
					t.Errorf("%d numbers, %d workers: %d was called %d times", n, workers, i, got)
				}
			}
		}
	}
}

func TestEachRaisesPanicsInTheCaller(t *testing.T) {
	t.Parallel()
	defer func() {
		if got := recover(); got != "fault 5" {
			t.Errorf("recovered %v", got)
		}
	}()
	Each(10, 4, func(i int) {
		if i == 5 {
			panic("fault 5")
		}
	})
	t.Error("the panic was lost")
}
