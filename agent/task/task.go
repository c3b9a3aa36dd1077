// Package task is what the guest end of the agent protocol and the executors
// behind it say to each other: a command that is ready to run in its directory,
// and how it ended. It is a leaf, so that executors do not import the protocol.
package task

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Task is one command whose directory exists and holds its inputs.
type Task struct {
	Args []string // program and arguments, never empty
	Env  []string // KEY=value
	Dir  string   // the task's directory, absolute
	Cwd  string   // clean, slash-separated, below Dir; "." is Dir
	Root *os.Root // Dir, opened

	Stdin  io.Reader // nil: empty
	Stdout io.Writer // a slow writer slows the command down
	Stderr io.Writer

	Limits Limits
}

// Limits are what the executor itself holds a task to, where nobody outside can
// see it; 0 is not limited.
type Limits struct {
	CPU   time.Duration `json:"cpu,omitempty"`
	Disk  int64         `json:"disk,omitempty"`
	Procs int           `json:"procs,omitempty"`
}

// End is how a command ended.
type End struct {
	Code      int    // exit code; 128+n after signal n
	Signal    string // the signal's name in words, empty if it exited
	Limit     api.Limit
	Msg       string // for the user: why it could not start, why it trapped
	CPU       time.Duration
	MaxMemory int64 // bytes, highest seen
}

// Executor runs tasks one after another; calls of Exec never overlap.
type Executor interface {
	// Exec runs t to its end. When it returns, nothing that t started is alive.
	// When ctx is done it kills t with all it started, and returns how t ended.
	// The error is the machine's failure, never the task's.
	Exec(ctx context.Context, t *Task) (End, error)
	// Inline tells that a running task can only be ended by ending the process
	// that executes it, so Exec ignores ctx, and that Exec reads stdin itself.
	Inline() bool
}
