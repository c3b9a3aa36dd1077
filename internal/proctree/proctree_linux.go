package proctree

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// userHz is the unit of times in /proc/PID/stat: 100 on every Linux that Go runs on.
const userHz = 100

var pageSize = int64(os.Getpagesize())

// stat is what of /proc/PID/stat matters here.
type stat struct {
	pid, ppid int
	state     byte
	cpu       time.Duration
	rss       int64
	start     uint64 // clock ticks after boot: with pid, a process's identity
}

func readStat(pid int) (stat, bool) {
	b, err := read("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, false
	}
	return parseStat(b)
}

// read is os.ReadFile in three system calls instead of nine: a tree is read many
// times a second.
func read(name string) (b []byte, err error) {
	fd, err := syscall.Open(name, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd)
	for b = make([]byte, 0, 512); ; b = slices.Grow(b, 512) {
		n, err := syscall.Read(fd, b[len(b):cap(b)])
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return nil, err
		case n == 0:
			return b, nil
		}
		b = b[:len(b)+max(0, n)]
	}
}

func parseStat(b []byte) (stat, bool) {
	var s stat
	open, end := bytes.IndexByte(b, ' '), bytes.LastIndexByte(b, ')') // a name may hold spaces and brackets
	if open < 0 || end < open {
		return s, false
	}
	f := bytes.Fields(b[end+1:])
	if len(f) < 22 || len(f[0]) != 1 {
		return s, false
	}
	num := func(b []byte) int64 { n, _ := strconv.ParseInt(string(b), 10, 64); return n }
	s.pid, s.state, s.ppid = int(num(b[:open])), f[0][0], int(num(f[1]))
	s.cpu = time.Duration(num(f[11])+num(f[12])+num(f[13])+num(f[14])) * time.Second / userHz
	s.start, s.rss = uint64(num(f[19])), num(f[21])*pageSize
	return s, true
}

// Descendants lists the processes below root, root not included.
func Descendants(root int) ([]int, error) {
	all, err := tree(root)
	if err != nil {
		return nil, err
	}
	out := make([]int, 0, len(all))
	for _, s := range all {
		if s.pid != root {
			out = append(out, s.pid)
		}
	}
	return out, nil
}

// tree reads root and everything below it.
func tree(root int) ([]stat, error) {
	s, ok := readStat(root)
	if !ok {
		return nil, ErrGone
	}
	out := []stat{s}
	if _, ok := childrenOf(root); !ok {
		return scan(out)
	}
	for i := 0; i < len(out); i++ {
		kids, _ := childrenOf(out[i].pid)
		for _, k := range kids {
			if s, ok := readStat(k); ok {
				out = append(out, s)
			}
		}
	}
	return out, nil
}

// childrenOf reads the kernel's own list, where it is compiled in.
func childrenOf(pid int) ([]int, bool) {
	dir := "/proc/" + strconv.Itoa(pid) + "/task/"
	d, err := os.Open(dir)
	if err != nil {
		return nil, false
	}
	threads, err := d.Readdirnames(-1)
	d.Close()
	if err != nil {
		return nil, false
	}
	var out []int
	for _, t := range threads {
		b, err := read(dir + t + "/children")
		if err != nil {
			if errors.Is(err, os.ErrNotExist) && t == strconv.Itoa(pid) {
				return nil, false
			}
			continue
		}
		for _, f := range bytes.Fields(b) {
			if n, err := strconv.Atoi(string(f)); err == nil {
				out = append(out, n)
			}
		}
	}
	return out, true
}

// scan finds the descendants by every process's parent.
func scan(out []stat) ([]stat, error) {
	d, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	names, err := d.Readdirnames(-1)
	d.Close()
	if err != nil {
		return nil, err
	}
	byParent := make(map[int][]stat)
	for _, n := range names {
		if pid, err := strconv.Atoi(n); err == nil {
			if s, ok := readStat(pid); ok {
				byParent[s.ppid] = append(byParent[s.ppid], s)
			}
		}
	}
	for i := 0; i < len(out); i++ {
		out = append(out, byParent[out[i].pid]...)
	}
	return out, nil
}

// Usage is what the tree below and with root uses.
func Usage(root int) (Use, error) {
	all, err := tree(root)
	var u Use
	for _, s := range all {
		u.CPU += s.cpu
		u.Memory += s.rss
		if s.state != 'Z' {
			u.Procs++
		}
	}
	return u, err
}

// Stop stops root and everything below it, until nothing runs.
func Stop(ctx context.Context, root int) error {
	return settle(ctx, "stop", func() (int, error) {
		return signal(root, syscall.SIGSTOP, func(s stat) bool { return s.state == 'T' || s.state == 't' })
	})
}

// Cont lets root and everything below it go on.
func Cont(ctx context.Context, root int) error {
	return settle(ctx, "continue", func() (int, error) {
		return signal(root, syscall.SIGCONT, func(s stat) bool { return s.state != 'T' })
	})
}

// signal sends sig to every process of the tree that is neither dead nor done
// with it, and tells how many those were. The root comes first: what it still
// starts is found by the next look.
func signal(root int, sig syscall.Signal, done func(stat) bool) (int, error) {
	all, err := tree(root)
	if errors.Is(err, ErrGone) {
		return 0, nil
	}
	n := 0
	for _, s := range all {
		if s.state == 'Z' || s.state == 'X' || done(s) {
			continue
		}
		switch err := syscall.Kill(s.pid, sig); {
		case err == nil:
			n++
		case !errors.Is(err, syscall.ESRCH):
			return n, err
		}
	}
	return n, err
}

// KillBelow kills everything below root but not root, whatever it does: it stops
// all first, so that nothing can fork away, then kills. Zombies are left for
// root to reap.
func KillBelow(ctx context.Context, root int) error {
	return settle(ctx, "kill", func() (int, error) {
		all, err := tree(root)
		if errors.Is(err, ErrGone) {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		n := 0
		for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGKILL} {
			for _, s := range all[1:] {
				if s.state == 'Z' || s.state == 'X' {
					continue
				}
				if syscall.Kill(s.pid, sig) == nil && sig == syscall.SIGKILL {
					n++
				}
			}
		}
		return n, nil
	})
}

// Identity is a mark that a later process with the same number does not have;
// empty if there is no such process.
func Identity(pid int) string {
	if s, ok := readStat(pid); ok && s.state != 'Z' {
		return strconv.FormatUint(s.start, 10)
	}
	return ""
}
