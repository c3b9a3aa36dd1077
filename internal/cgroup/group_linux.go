package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Group is one control group, in version 1 one folder per controller. Its
// methods are safe for concurrent use.
type Group struct {
	m    *Manager
	name string

	mu   sync.Mutex     // guards open
	open map[string]int // files that are read often
}

// New makes a group. A limit whose controller is missing is left out: Has tells
// beforehand.
func (m *Manager) New(name string, l Limits) (*Group, error) {
	g := &Group{m: m, name: m.prefix + "-" + name}
	for _, d := range m.folders() {
		if err := os.Mkdir(filepath.Join(d, g.name), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, errors.Join(fmt.Errorf("control group: %w", err), g.Remove())
		}
	}
	if err := g.limit(l); err != nil {
		return nil, errors.Join(fmt.Errorf("control group: %w", err), g.Remove())
	}
	return g, nil
}

func (g *Group) file(c Controller, name string) string {
	return filepath.Join(g.m.dirs[c], g.name, name)
}

const period = 100 * time.Millisecond

func (g *Group) limit(l Limits) error {
	set := func(c Controller, v1, v2, value string) error {
		if !g.m.Has(c) {
			return nil
		}
		name := v1
		if g.m.unified {
			name = v2
		}
		return os.WriteFile(g.file(c, name), []byte(value), 0)
	}
	var errs []error
	if l.Memory > 0 {
		errs = append(errs, set(Memory, "memory.limit_in_bytes", "memory.max", strconv.FormatInt(l.Memory, 10)))
		if g.m.unified && g.m.Has(Memory) {
			if err := os.WriteFile(g.file(Memory, "memory.swap.max"), []byte("0"), 0); !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err) // a kernel without swap accounts has no such file
			}
		}
	}
	if l.Procs > 0 {
		errs = append(errs, set(Pids, "pids.max", "pids.max", strconv.Itoa(l.Procs)))
	}
	if l.CPU > 0 {
		quota := strconv.FormatInt(max(1000, int64(l.CPU*float64(period.Microseconds()))), 10)
		us := strconv.FormatInt(period.Microseconds(), 10)
		if !g.m.unified {
			errs = append(errs, set(CPU, "cpu.cfs_period_us", "", us))
		}
		value := quota
		if g.m.unified {
			value = quota + " " + us
		}
		errs = append(errs, set(CPU, "cpu.cfs_quota_us", "cpu.max", value))
	}
	return errors.Join(errs...)
}

// Add puts a process, with all its threads, into the group.
func (g *Group) Add(pid int) error {
	for _, d := range g.m.folders() {
		if err := os.WriteFile(filepath.Join(d, g.name, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0); err != nil {
			return fmt.Errorf("control group: %w", err)
		}
	}
	return nil
}

// Stat reads what the group uses.
func (g *Group) Stat() (s Stat) {
	s.CPU = g.CPUTime()
	if g.m.unified {
		s.Memory = g.field(Memory, "memory.stat", "anon") + g.field(Memory, "memory.stat", "shmem")
	} else {
		s.Memory = g.field(Memory, "memory.stat", "total_rss") + g.field(Memory, "memory.stat", "total_shmem")
	}
	s.Procs = int(g.number(Pids, "pids.current"))
	return s
}

// Events are the counts of what the kernel did because of a limit.
func (g *Group) Events() (oomKills, forkRefused int64) {
	name := "memory.oom_control"
	if g.m.unified {
		name = "memory.events"
	}
	return g.field(Memory, name, "oom_kill"), g.field(Pids, "pids.events", "max")
}

// CPUTime is the processor time alone, for one file's price.
func (g *Group) CPUTime() time.Duration {
	if g.m.unified {
		return time.Duration(g.field(CPUAcct, "cpu.stat", "usage_usec")) * time.Microsecond
	}
	return time.Duration(g.number(CPUAcct, "cpuacct.usage"))
}

func (g *Group) number(c Controller, name string) int64 {
	if !g.m.Has(c) {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(g.read(g.file(c, name))), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// field reads one line "key value" of a flat file.
func (g *Group) field(c Controller, name, key string) int64 {
	if !g.m.Has(c) {
		return 0
	}
	return field(g.read(g.file(c, name)), key)
}

// read reads a small file that the kernel writes anew for every read from its
// beginning; kept open it costs one system call. What cannot be read is empty.
func (g *Group) read(path string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	fd, ok := g.open[path]
	if !ok {
		var err error
		if fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			return ""
		}
		if g.open == nil {
			g.open = make(map[string]int)
		}
		g.open[path] = fd
	}
	var buf [4096]byte
	n, err := unix.Pread(fd, buf[:], 0)
	if err != nil {
		return ""
	}
	return string(buf[:n])
}

// Close ends the use of a group that is only read.
func (g *Group) Close() { g.closeFiles() }

func (g *Group) closeFiles() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, fd := range g.open {
		unix.Close(fd)
	}
	g.open = nil
}

func field(text, key string) int64 {
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), " "); ok && k == key {
			n, err := strconv.ParseInt(v, 10, 64)
			if err == nil {
				return n
			}
		}
	}
	return 0
}

// ErrNoFreezer tells that the freezer controller is missing.
var ErrNoFreezer = errors.New("no freezer control group")

// Freeze stops everything in the group, whatever it does, and returns when it
// stands still, or within the given time with an error. Thaw lets it go on.
func (g *Group) Freeze(within time.Duration) error { return g.freeze(true, within) }

// Thaw ends Freeze.
func (g *Group) Thaw() error { return g.freeze(false, time.Second) }

func (g *Group) freeze(on bool, within time.Duration) error {
	if !g.m.Has(Freezer) {
		return ErrNoFreezer
	}
	name, value, done := "freezer.state", "THAWED", func(b string) bool { return strings.TrimSpace(b) == "THAWED" }
	state := name
	switch {
	case g.m.unified && on:
		name, value, state, done = "cgroup.freeze", "1", "cgroup.events", func(b string) bool { return field(b, "frozen") == 1 }
	case g.m.unified:
		name, value, state, done = "cgroup.freeze", "0", "cgroup.events", func(b string) bool { return field(b, "frozen") == 0 }
	case on:
		value, done = "FROZEN", func(b string) bool { return strings.TrimSpace(b) == "FROZEN" }
	}
	for deadline := time.Now().Add(within); ; {
		// Written again on every look: version 1 may stay half way when something forks meanwhile.
		if err := os.WriteFile(g.file(Freezer, name), []byte(value), 0); err != nil {
			return err
		}
		b, err := os.ReadFile(g.file(Freezer, state))
		if err != nil {
			return err
		}
		if done(string(b)) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("control group did not reach %s in %v", value, within)
		}
		time.Sleep(time.Millisecond)
	}
}

// Kill kills everything in the group, frozen or not.
func (g *Group) Kill() error {
	if g.m.unified {
		if err := os.WriteFile(g.file(Freezer, "cgroup.kill"), []byte("1"), 0); err == nil || errors.Is(err, fs.ErrNotExist) && g.gone() {
			return nil // the file is there since Linux 5.14
		}
	}
	for _, d := range g.m.folders() {
		b, err := os.ReadFile(filepath.Join(d, g.name, "cgroup.procs"))
		if err != nil {
			continue
		}
		for _, f := range strings.Fields(string(b)) {
			if pid, err := strconv.Atoi(f); err == nil && pid > 0 {
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
					return err
				}
			}
		}
	}
	if g.m.Has(Freezer) { // a frozen process of version 1 dies when it thaws
		if err := g.Thaw(); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (g *Group) gone() bool {
	_, err := os.Stat(g.file(Freezer, ""))
	return errors.Is(err, fs.ErrNotExist)
}

// Remove kills what is in the group and removes it, within two seconds.
func (g *Group) Remove() error {
	var err error
	for deadline := time.Now().Add(2 * time.Second); ; {
		err = g.Kill()
		for _, d := range g.m.folders() {
			if e := os.Remove(filepath.Join(d, g.name)); e != nil && !errors.Is(e, fs.ErrNotExist) {
				err = errors.Join(err, e)
			}
		}
		if err == nil || time.Now().After(deadline) {
			g.closeFiles()
			return err
		}
		time.Sleep(2 * time.Millisecond) // the last process is still on its way out
	}
}
