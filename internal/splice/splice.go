// Package splice makes one two-way stream of two.
package splice

import (
	"io"
	"sync"
)

// Stream is one of them.
type Stream interface {
	io.ReadWriteCloser
	CloseWrite() error
	Reset() error
}

// Both carries both ways, ends included, until both have ended or one broke, and
// closes both.
func Both(a, b Stream) {
	var ways sync.WaitGroup
	way := func(to, from Stream) {
		err := pour(to, from)
		if err == nil {
			err = to.CloseWrite()
		}
		if err != nil {
			_ = a.Reset() // both are given up
			_ = b.Reset()
		}
	}
	ways.Go(func() { way(a, b) })
	ways.Go(func() { way(b, a) })
	ways.Wait()
	_ = a.Close() // both have ended
	_ = b.Close()
}
