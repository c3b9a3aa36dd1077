//go:build !unix

package wasi

import "time"

// region is plain memory of the Go heap.
type region struct {
	all []byte
}

func (r *region) grow(size, _ uint64) []byte {
	if uint64(cap(r.all)) < size {
		next := make([]byte, size, size+size/4)
		copy(next, r.all)
		r.all = next
	}
	r.all = r.all[:size]
	return r.all
}

func (r *region) clear() { r.all = nil }

func (r *region) close() error {
	r.all = nil
	return nil
}

// cpuTime is not known here; the node measures the process from outside.
func cpuTime() time.Duration { return 0 }
