//go:build !linux

package proctree

import (
	"context"
	"os"
	"strconv"
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

func tree(root int) ([]*process.Process, error) {
	p, err := process.NewProcess(int32(root))
	if err != nil {
		return nil, ErrGone
	}
	out := []*process.Process{p}
	for i := 0; i < len(out); i++ {
		kids, err := out[i].Children()
		if err == nil {
			out = append(out, kids...)
		}
	}
	return out, nil
}

// Descendants lists the processes below root, root not included.
func Descendants(root int) ([]int, error) {
	all, err := tree(root)
	if err != nil {
		return nil, err
	}
	var out []int
	for _, p := range all[1:] {
		out = append(out, int(p.Pid))
	}
	return out, nil
}

// Usage is what the tree below and with root uses.
func Usage(root int) (Use, error) {
	all, err := tree(root)
	var u Use
	for _, p := range all {
		if t, err := p.Times(); err == nil {
			u.CPU += time.Duration((t.User + t.System) * float64(time.Second))
		}
		if m, err := p.MemoryInfo(); err == nil {
			u.Memory += int64(m.RSS)
		}
		u.Procs++
	}
	return u, err
}

// Stop stops root and everything below it.
func Stop(ctx context.Context, root int) error {
	return each(ctx, root, func(p *process.Process) error { return p.SuspendWithContext(ctx) })
}

// Cont lets root and everything below it go on.
func Cont(ctx context.Context, root int) error {
	return each(ctx, root, func(p *process.Process) error { return p.ResumeWithContext(ctx) })
}

// each acts twice: what was started during the first round is in the second.
func each(ctx context.Context, root int, act func(*process.Process) error) error {
	for range 2 {
		all, err := tree(root)
		if err != nil {
			return err
		}
		for i, p := range all {
			if err := act(p); err != nil && i == 0 {
				return err
			}
		}
	}
	return ctx.Err()
}

// KillBelow kills everything below root but not root.
func KillBelow(ctx context.Context, root int) error {
	return settle(ctx, "kill", func() (int, error) {
		all, err := Descendants(root)
		if err != nil {
			return 0, nil
		}
		n := 0
		for _, pid := range all {
			if p, err := os.FindProcess(pid); err == nil && p.Kill() == nil {
				n++
			}
		}
		return n, nil
	})
}

// Identity is a mark that a later process with the same number does not have;
// empty if there is no such process.
func Identity(pid int) string {
	p, err := process.NewProcess(int32(pid))
	if err != nil {
		return ""
	}
	t, err := p.CreateTime()
	if err != nil {
		return ""
	}
	return strconv.FormatInt(t, 10)
}
