//go:build race

package compiler

// raceDetector multiplies what a program takes of memory.
const raceDetector = true
