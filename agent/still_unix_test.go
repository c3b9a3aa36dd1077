//go:build unix

package agent

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/agent/task"
)

// While a guest that cannot be interrupted runs nothing is collected, and what it left
// is before the next.
func TestCollectsBetweenTasks(t *testing.T) {
	t.Cleanup(func() { debug.SetGCPercent(100); debug.SetMemoryLimit(math.MaxInt64) })
	holdStill()
	collections := func() uint32 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.NumGC
	}
	var before, after []uint32
	c, _ := connected(t, scripted{inline: true, run: func(context.Context, *task.Task) (task.End, error) {
		before = append(before, collections())
		for range 64 {
			garbage = make([]byte, 1<<20)
		}
		after = append(after, collections())
		return task.End{}, nil
	}})
	for range 2 {
		if _, err := c.Exec(Command{Args: []string{"x"}}, Streams{}); err != nil {
			t.Fatal(err)
		}
	}
	if before[0] != after[0] || before[1] != after[1] {
		t.Errorf("collected while a guest ran: %d, %d", before, after)
	}
	if before[1] != after[0]+1 {
		t.Errorf("%d collections between two tasks", before[1]-after[0])
	}
}

var garbage []byte // not on the stack
