package wasi

import "github.com/tetratelabs/wazero/experimental"

// arena is the linear memory of the one instance that lives. It is reserved once
// at its limit, so that growing never copies, and reused, so that a task costs no
// garbage. That a guest asked for more than the limit is remembered: it tells a
// task that hit its memory limit from one that failed.
type arena struct {
	limit   uint64
	refused bool  // since begin
	peak    int64 // since begin
	region  region
}

var (
	_ experimental.MemoryAllocator = (*arena)(nil)
	_ experimental.LinearMemory    = (*arena)(nil)
)

const wasmMax = 4 << 30

func newArena(limit int64) *arena {
	if limit <= 0 || limit > wasmMax {
		limit = wasmMax
	}
	return &arena{limit: uint64(limit)}
}

func (a *arena) begin() { a.refused, a.peak = false, 0 }

// Allocate implements experimental.MemoryAllocator.
func (a *arena) Allocate(_, _ uint64) experimental.LinearMemory { return a }

// Reallocate implements experimental.LinearMemory.
func (a *arena) Reallocate(size uint64) []byte {
	if size > a.limit {
		a.refused = true
		return nil
	}
	b := a.region.grow(size, a.limit)
	if b == nil {
		a.refused = true // the machine has no more
		return nil
	}
	a.peak = max(a.peak, int64(size))
	return b
}

// Free implements experimental.LinearMemory.
func (a *arena) Free() { a.region.clear() }

func (a *arena) close() error { return a.region.close() }
