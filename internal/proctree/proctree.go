// Package proctree sees a process and all its descendants as one thing: what it
// uses, and how to stop, continue and kill it as a whole.
//
// It is the portable answer, for where neither control groups nor namespaces
// are to be had: it looks, acts and looks again until nothing changes. What
// leaves the tree (on Linux: never, if the root is a child subreaper; elsewhere:
// an orphan) is out of its sight.
package proctree

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Use is what a tree uses.
type Use struct {
	CPU    time.Duration // of the processes alive now and of the children they waited for
	Memory int64         // bytes resident; shared pages count once per process
	Procs  int
}

// ErrGone tells that the root is not there any more.
var ErrGone = errors.New("no such process")

// settle acts on the whole tree until a look finds nothing left to do, or ctx
// ends. act answers how many processes still had something to do.
func settle(ctx context.Context, what string, act func() (int, error)) error {
	for wait := time.Millisecond; ; wait = min(2*wait, 20*time.Millisecond) {
		n, err := act()
		if err != nil || n == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %d processes left: %w", what, n, ctx.Err())
		case <-time.After(wait):
		}
	}
}
