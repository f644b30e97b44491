package parallel

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestEachCallsEveryNumberOnce(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 2, 7, 1000} {
		for _, workers := range []int{1, 3, 16} {
			calls := make([]atomic.Int32, n)
			if err := Each(t.Context(), n, workers, func(i int) { calls[i].Add(1) }); err != nil {
				t.Error(err)
			}
			for i := range calls {
				if got := calls[i].Load(); got != 1 {
					t.Errorf("%d numbers, %d workers: %d was called %d times", n, workers, i, got)
				}
			}
		}
	}
}

func TestEachEndsWithItsContext(t *testing.T) {
	t.Parallel()
	const n, workers, enough = 1000, 4, 10
	ctx, cancel := context.WithCancel(t.Context())
	var calls atomic.Int32
	err := Each(ctx, n, workers, func(int) {
		if calls.Add(1) == enough {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := calls.Load(); got < enough || got > enough+workers {
		t.Errorf("%d calls, though the context ended at %d", got, enough)
	}
}

func TestEachTellsEveryStep(t *testing.T) {
	t.Parallel()
	const n = 100
	var seen [n + 1]atomic.Int32
	progress := Progress(func(stage string, done, total int) {
		if stage != "counting" || done > 0 && total != n && total != n-1 {
			t.Errorf("heard %s, %d of %d", stage, done, total)
		}
		seen[done].Add(1)
	})
	if err := Each(progress.Begin(t.Context(), "counting"), n-1, 3, func(int) {}); err != nil {
		t.Error(err)
	}
	Tell(progress.Begin(t.Context(), "counting"), n, n)
	for done := range seen {
		want := int32(1)
		if done == 0 {
			want = 2 // stages began
		}
		if got := seen[done].Load(); got != want {
			t.Errorf("%d was told %d times, want %d", done, got, want)
		}
	}
	silent := Progress(nil).Begin(t.Context(), "counting")
	Tell(silent, 1, 1)
	if err := Each(silent, 1, 1, func(int) {}); err != nil {
		t.Error(err)
	}
}

func TestPanicsAreRaisedInTheCaller(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(){
		"each":  func() { _ = Each(t.Context(), 10, 4, func(i int) { breaks(i) }) },
		"await": func() { _ = Await(t.Context(), func() { breaks(5) }) },
		"both": func() {
			_ = Await(t.Context(), func() { _ = Each(t.Context(), 10, 4, breaks) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				f, ok := recover().(*Fault)
				if !ok || f.Value != "fault 5" || f.String() != "fault 5" || !strings.Contains(string(f.Stack()), "breaks") {
					t.Errorf("recovered %v", f)
				}
			}()
			run()
			t.Error("the panic was lost")
		})
	}
}

func breaks(i int) {
	if i == 5 {
		panic("fault 5")
	}
}

func TestAwaitDoesNotWaitWhenTheContextEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	begun, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	go func() { <-begun; cancel() }()
	ended := make(chan error, 1)
	go func() { ended <- Await(ctx, func() { close(begun); <-release }) }()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("waits for what nobody needs")
	}
	if err := Await(ctx, func() { t.Error("was called") }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
