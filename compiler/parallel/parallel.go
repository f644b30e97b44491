// Package parallel runs one function over many numbers, several at a time, and ends early when nobody waits any more.
package parallel

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// Each calls do with every number below n, at most workers at a time, and returns when all calls have. When the context ends it
// begins no more of them and returns why. A panic in do is raised again in the caller, as a *Fault, where it can be told as what
// it is: a fault of writ. In a goroutine it would end the process there.
func Each(ctx context.Context, n, workers int, do func(i int)) error {
	tell := teller(ctx)
	var next, done atomic.Int64
	var fault atomic.Pointer[Fault]
	var wait sync.WaitGroup
	for range min(n, workers) {
		wait.Go(func() {
			defer func() {
				if v := recover(); v != nil {
					fault.CompareAndSwap(nil, newFault(v))
				}
			}()
			for i := int(next.Add(1)) - 1; i < n && fault.Load() == nil && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				do(i)
				tell(int(done.Add(1)), n)
			}
		})
	}
	wait.Wait()
	if f := fault.Load(); f != nil {
		panic(f)
	}
	return ctx.Err()
}

// Await calls do and returns when it has, or as soon as the context ends. Then do goes on by itself, so it may only compute, and
// what it makes is for nobody. A panic in do is raised again in the caller, as with Each.
func Await(ctx context.Context, do func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ended := make(chan *Fault, 1) // so that nobody need wait for an abandoned call to end
	go func() {
		var fault *Fault
		defer func() { ended <- fault }()
		defer func() {
			if v := recover(); v != nil {
				fault = newFault(v)
			}
		}()
		do()
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case fault := <-ended:
		if fault != nil {
			panic(fault)
		}
		return nil
	}
}

// Fault is a panic on its way to another goroutine, with the stack that it left.
type Fault struct {
	Value any
	stack []byte
}

// newFault keeps the first stack of a panic that is passed on twice.
func newFault(v any) *Fault {
	if f, ok := v.(*Fault); ok {
		return f
	}
	return &Fault{Value: v, stack: debug.Stack()}
}

func (f *Fault) String() string { return fmt.Sprint(f.Value) }

// Stack is where the panic was raised first.
func (f *Fault) Stack() []byte { return f.stack }

// Progress hears how many steps of a stage are done, of how many; 0 of 0 where the stage begins. It is called by all workers and
// after every step, so it should do little. A nil Progress hears nothing.
type Progress func(stage string, done, total int)

type stageKey struct{}

// Begin tells that a stage begins, and returns the context for it: under it, Each tells of every call.
func (p Progress) Begin(ctx context.Context, stage string) context.Context {
	if p == nil {
		return ctx
	}
	p(stage, 0, 0)
	return context.WithValue(ctx, stageKey{}, func(done, total int) { p(stage, done, total) })
}

// Tell tells the context's stage of a step in a loop other than Each.
func Tell(ctx context.Context, done, total int) { teller(ctx)(done, total) }

// Quiet is the context for what is a part of one step: Each tells nobody under it.
func Quiet(ctx context.Context) context.Context { return context.WithValue(ctx, stageKey{}, nil) }

func teller(ctx context.Context) func(done, total int) {
	if tell, ok := ctx.Value(stageKey{}).(func(done, total int)); ok {
		return tell
	}
	return func(int, int) {}
}
