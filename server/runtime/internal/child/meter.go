package child

import (
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/diskuse"
	"github.com/Akilan1999/p2p-rendering-computation/internal/proctree"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/internal/sandbox"
)

const diskEvery = 100 * time.Millisecond

// meter implements sandbox.Meter.
type meter struct {
	r      *resident
	limits runtime.Limits
	cpu0   time.Duration // of the tree at start; known if there is a limit
	oom0   int64         // of the group at start
	forks0 int64

	mu       sync.Mutex // guards the rest
	memory   int64      // highest seen
	cpu      time.Duration
	nextDisk time.Time
}

// Command implements sandbox.Resident.
func (r *resident) Command(l runtime.Limits) sandbox.Meter {
	m := &meter{r: r, limits: l}
	if g := r.p.cfg.Group; g != nil {
		m.oom0, m.forks0 = g.Events()
	}
	if l.CPU > 0 {
		m.cpu0 = m.treeCPU()
	}
	return m
}

func (m *meter) treeCPU() time.Duration {
	if g := m.r.p.cfg.Group; g != nil {
		if t := g.CPUTime(); t > 0 {
			return t
		}
	}
	if t, ok := processCPU(m.r.proc.Pid()); ok && m.r.client.Inline() {
		return t
	}
	u, err := proctree.Usage(m.r.proc.Pid())
	if err != nil {
		return 0
	}
	return u.CPU
}

// Peak implements sandbox.Meter.
func (m *meter) Peak() (time.Duration, int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cpu, m.memory
}

// Judge implements sandbox.Meter.
func (m *meter) Judge() api.Limit {
	u, err := proctree.Usage(m.r.proc.Pid())
	if err != nil {
		return api.LimitNone // gone: the stream tells
	}
	cfg := m.r.p.cfg
	m.mu.Lock()
	m.memory = max(m.memory, u.Memory-m.r.idle)
	m.mu.Unlock()
	if cfg.Memory > 0 && u.Memory-m.r.idle > cfg.Memory {
		return api.LimitMemory
	}
	if cfg.Procs > 0 && u.Procs-1 > cfg.Procs {
		return api.LimitProcesses
	}
	if m.limits.CPU > 0 {
		used := m.treeCPU() - m.cpu0
		m.mu.Lock()
		m.cpu = max(m.cpu, used)
		m.mu.Unlock()
		if used >= m.limits.CPU {
			return api.LimitCPU
		}
	}
	if l := m.Refused(false); l != api.LimitNone {
		return l
	}
	return m.judgeDisk()
}

// Refused implements sandbox.Meter.
func (m *meter) Refused(bool) api.Limit {
	g := m.r.p.cfg.Group
	if g == nil {
		return api.LimitNone
	}
	switch oom, forks := g.Events(); {
	case oom > m.oom0:
		return api.LimitMemory
	case forks > m.forks0:
		return api.LimitProcesses
	}
	return api.LimitNone
}

func (m *meter) judgeDisk() api.Limit {
	before := time.Now()
	m.mu.Lock()
	due := m.limits.Disk > 0 && !before.Before(m.nextDisk)
	m.mu.Unlock()
	if !due {
		return api.LimitNone
	}
	room := m.r.p.room
	used := diskuse.Task(m.r.proc.Pid(), m.limits.Disk, room.Work(), room.Tmp())
	m.mu.Lock() // a tree that takes long to look through is looked through less often
	m.nextDisk = time.Now().Add(max(diskEvery, 5*time.Since(before)))
	m.mu.Unlock()
	if used > m.limits.Disk {
		return api.LimitDisk
	}
	return api.LimitNone
}
