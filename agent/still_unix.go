//go:build unix

package agent

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// Go cannot interrupt compiled WebAssembly: a collection of garbage that began before a
// guest computes waits for it, on the other processor, and nothing else runs, not even
// what sends the guest's output. So an agent of such guests collects between
// their tasks, and within one only what would be too much. Guests' own memory is not on the heap.
const (
	garbageBetween = 16 << 20  // bytes on the heap, as with lean
	garbageWithin  = 256 << 20 // bytes
)

// holdStill ends collections of the runtime's own accord.
func holdStill() {
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(garbageWithin)
	runtime.GC() // what compiling left, and so that none is under way
}

// tidy collects what has gathered.
func tidy() {
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	if metrics.Read(heap); heap[0].Value.Uint64() > garbageBetween {
		runtime.GC()
	}
}
