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
func Both(a, b Stream) { Counting(a, b, func(int) {}, func(int) {}) }

// Counting is Both that tells how many bytes come from either, whenever some do.
func Counting(a, b Stream, fromA, fromB func(n int)) {
	var ways sync.WaitGroup
	way := func(to, from Stream, came func(int)) {
		err := pour(to, from, came)
		if err == nil {
			err = to.CloseWrite()
		}
		if err != nil {
			_ = a.Reset() // both are given up
			_ = b.Reset()
		}
	}
	ways.Go(func() { way(a, b, fromB) })
	ways.Go(func() { way(b, a, fromA) })
	ways.Wait()
	_ = a.Close() // both have ended
	_ = b.Close()
}
