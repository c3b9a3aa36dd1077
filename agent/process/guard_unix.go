//go:build unix

package process

import (
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/agent/task"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/diskuse"
	"github.com/Akilan1999/p2p-rendering-computation/internal/proctree"
)

// How often a task is looked at. Most end before the first look; one that has
// lived for a while is looked at less often, for a look costs a millisecond.
const (
	lookEvery  = 20 * time.Millisecond
	young      = 2 * time.Second
	laterEvery = 100 * time.Millisecond
	diskEvery  = 100 * time.Millisecond
)

// guard holds one task to its limits from inside.
type guard struct {
	e      *Executor
	limits task.Limits
	dirs   []string      // whose bytes are the task's
	cpu    time.Duration // of this process and what it has reaped, at the start
	oom    int64         // of the group at the start
	forks  int64

	mu       sync.Mutex // guards the rest; held while the task is killed, so that no later one is
	pid      int
	begun    time.Time
	timer    *time.Timer
	nextDisk time.Time
	ended    bool
	limit    api.Limit
}

func (e *Executor) guard(t *task.Task) *guard {
	g := &guard{e: e, limits: t.Limits}
	if g.idle() {
		return g
	}
	for _, d := range e.scratch {
		g.dirs = append(g.dirs, d.Name())
	}
	g.dirs = append(g.dirs, filepath.Dir(t.Dir)) // which it may write to, too
	g.cpu = spent()
	if e.group != nil {
		g.oom, g.forks = e.group.Events()
	}
	return g
}

// idle: there is nothing to hold the task to.
func (g *guard) idle() bool { return g.limits == (task.Limits{}) && g.e.group == nil }

// spent is the processor time of this process and of what it has reaped.
func spent() (sum time.Duration) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var ru syscall.Rusage
		if syscall.Getrusage(who, &ru) == nil {
			sum += time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
		}
	}
	return sum
}

func (g *guard) start(pid int) {
	if g.idle() {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pid, g.begun, g.timer = pid, time.Now(), time.AfterFunc(lookEvery, g.look)
}

func (g *guard) look() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended {
		return
	}
	if g.limit = g.judge(); g.limit != api.LimitNone {
		g.e.family.kill(g.pid)
		return
	}
	if time.Since(g.begun) < young {
		g.timer.Reset(lookEvery)
	} else {
		g.timer.Reset(laterEvery)
	}
}

func (g *guard) judge() api.Limit {
	if l := g.refused(); l != api.LimitNone {
		return l
	}
	if g.limits.CPU > 0 || g.limits.Procs > 0 {
		u, err := proctree.Usage(os.Getpid())
		switch {
		case err != nil: // looked at again
		case g.limits.CPU > 0 && u.CPU-g.cpu >= g.limits.CPU:
			return api.LimitCPU
		case g.limits.Procs > 0 && u.Procs-1 > g.limits.Procs:
			return api.LimitProcesses
		}
	}
	if now := time.Now(); g.limits.Disk > 0 && now.After(g.nextDisk) {
		used := diskuse.Task(os.Getpid(), g.limits.Disk, g.dirs...)
		// A tree that takes long to look through is looked through less often.
		g.nextDisk = time.Now().Add(max(diskEvery, 5*time.Since(now)))
		if used > g.limits.Disk {
			return api.LimitDisk
		}
	}
	return api.LimitNone
}

// refused is the limit at which the kernel refused something since the start.
func (g *guard) refused() api.Limit {
	if g.e.group == nil {
		return api.LimitNone
	}
	switch oom, forks := g.e.group.Events(); {
	case oom > g.oom:
		return api.LimitMemory
	case forks > g.forks:
		return api.LimitProcesses
	}
	return api.LimitNone
}

// stop is called when the task has ended, and writes into end what it ran into.
func (g *guard) stop(end *task.End) {
	if g.idle() {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = true
	if g.timer != nil { // nil: it ended before it was worth a look
		g.timer.Stop()
	}
	switch {
	case g.limit != api.LimitNone:
		*end = task.End{Code: 137, Signal: "killed", Limit: g.limit, CPU: end.CPU, MaxMemory: end.MaxMemory}
	case end.Code != 0:
		end.Limit = g.refused()
	}
}
