package agent

import (
	"runtime"
	"sync"
)

// spareThreads is how many threads the agent has from the start. What it runs
// shares a limit with it; one that takes all there are must not end an agent that
// the Go runtime would give one more: it cannot, and dies. Threads that are idle stay.
const spareThreads = 16

func spare() {
	var begun, all sync.WaitGroup
	begun.Add(spareThreads)
	for range spareThreads {
		all.Go(func() {
			runtime.LockOSThread() // so that each has its own
			defer runtime.UnlockOSThread()
			begun.Done()
			begun.Wait()
		})
	}
	all.Wait()
}
