//go:build unix

package multi

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// cpuOf measures, from outside, how many cores the descendants of the node's process
// use, and tells whether one of them could run whenever looked at: what spins can,
// however few cores a busy machine has for it.
func cpuOf(n *node) (cores float64, always bool) {
	const looks, every = 10, 30 * time.Millisecond
	look := time.NewTicker(every)
	defer look.Stop()
	before, always := descendants(n.proc.Process.Pid)
	after := before
	for range looks {
		<-look.C
		var runs bool
		after, runs = descendants(n.proc.Process.Pid)
		always = always && runs
	}
	return float64(after-before) / 100 / (looks * every).Seconds(), always
}

// descendants sums the processor time of all descendants of pid, in ticks of 10 ms,
// and tells whether a thread of one is running or runnable.
func descendants(pid int) (ticks int64, run bool) {
	kids, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, k := range kids {
		b, err := os.ReadFile(k)
		if err != nil {
			continue // ended meanwhile
		}
		for _, child := range strings.Fields(string(b)) {
			var id int
			fmt.Sscan(child, &id)
			f := stat(fmt.Sprintf("/proc/%d/stat", id))
			var user, sys int64
			fmt.Sscan(f[11], &user)
			fmt.Sscan(f[12], &sys)
			threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", id))
			for _, th := range threads {
				run = run || stat(th)[0] == "R"
			}
			t, r := descendants(id)
			ticks, run = ticks+user+sys+t, run || r
		}
	}
	return ticks, run
}

// stat is what a file of /proc says after a process' or thread's name, the state
// first; of what has ended meanwhile nothing is said.
func stat(path string) []string {
	b, err := os.ReadFile(path)
	if err != nil {
		return make([]string, 13)
	}
	return strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
}
