// Package action runs the workflows and actions that people use writ with, as they copy them, by act and against a GitHub of its own.
// It holds tests alone.
package action
