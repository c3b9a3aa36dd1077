package agent

import (
	"os"
	"testing"
)

// Threads that are not used stay: the runtime needs no more when it can have none.
func TestSpareThreads(t *testing.T) {
	spare()
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(threads); n < spareThreads {
		t.Errorf("%d threads", n)
	}
}
