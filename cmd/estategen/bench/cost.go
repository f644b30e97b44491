//go:build linux

package main

import (
	"bytes"
	"fmt"
	"syscall"
	"time"
)

// cost is what a program took.
type cost struct {
	wall, cpu time.Duration
	memory    int64 // the most that was resident, in bytes
}

func (c cost) String() string {
	return fmt.Sprintf("%.2f s | %.2f s | %d MiB", c.wall.Seconds(), c.cpu.Seconds(), c.memory>>20)
}

// keep takes what is better in the other one: time that something else took from the machine only ever adds.
func (c *cost) keep(other cost) {
	if c.wall == 0 {
		*c = other
		return
	}
	c.wall, c.cpu, c.memory = min(c.wall, other.wall), min(c.cpu, other.cpu), min(c.memory, other.memory)
}

type result struct {
	cost
	err error
}

// measure runs the program and throws away what it prints, unless it fails.
func (c command) measure() result {
	var said bytes.Buffer
	c.Stderr = &said
	start := time.Now()
	err := c.Run()
	wall := time.Since(start)
	if err != nil {
		return result{err: fmt.Errorf("%v: %w\n%s", c.Args, err, said.Bytes())}
	}
	usage := c.ProcessState.SysUsage().(*syscall.Rusage)
	return result{cost: cost{wall, c.ProcessState.UserTime() + c.ProcessState.SystemTime(), usage.Maxrss << 10}}
}

func (c command) run() error { return c.measure().err }

// best measures, and keeps the better of it and what was measured before.
func (c command) best(so *cost) error {
	r := c.measure()
	if r.err == nil {
		so.keep(r.cost)
	}
	return r.err
}
