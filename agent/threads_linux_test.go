package agent

import (
	"os"
	"os/exec"
	"testing"
)

// Threads that are not used stay: the runtime needs no more when it can have none.
func TestSpareThreads(t *testing.T) {
	if os.Getenv("SPARE") == "" { // another test's threads are not to be counted
		cmd := exec.Command(os.Args[0], "-test.run=^TestSpareThreads$")
		cmd.Env = append(os.Environ(), "SPARE=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return
	}
	count := func() int {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			t.Fatal(err)
		}
		return len(threads)
	}
	before := count()
	spare()
	if after := count(); before >= spareThreads || after < spareThreads {
		t.Errorf("%d threads, then %d", before, after)
	}
}
