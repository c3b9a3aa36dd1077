package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// startUp measures p2prc up to its first answer, in a fresh home and in a used one.
func startUp(ctx context.Context, b *bench) error {
	n, err := b.newNode("up", "wasm")
	if err != nil {
		return err
	}
	for _, what := range []string{"fresh home", "second start", "third start"} {
		took, err := n.up(ctx)
		if err != nil {
			return err
		}
		n.stop()
		b.report(Figure{"up", what, float64(took.Milliseconds()), "ms", ""})
	}
	return nil
}

// idle measures a node that has one peer and nothing to do, for half a minute.
func idle(ctx context.Context, b *bench) error {
	borrower, stop, err := b.pool(ctx, "wasm")
	if err != nil {
		return err
	}
	defer stop()
	const settle, window = 10 * time.Second, 30 * time.Second
	pid := borrower.proc.Process.Pid
	if err := wait(ctx, settle); err != nil {
		return err
	}
	before, err := ticks(pid)
	if err != nil {
		return err
	}
	if err := wait(ctx, window); err != nil {
		return err
	}
	after, err := ticks(pid)
	if err != nil {
		return err
	}
	rss, err := residentMB(pid)
	if err != nil {
		return err
	}
	b.report(Figure{"idle", "resident memory", rss, "MB", "two peers connected"})
	b.report(Figure{"idle", "processor", float64(after-before) / 100 / window.Seconds() * 100, "% of a core", ""})
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// ticks is the processor time of a process in ticks of 10 ms.
func ticks(pid int) (int64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	var user, sys int64
	_, err = fmt.Sscan(f[11]+" "+f[12], &user, &sys)
	return user + sys, err
}

func residentMB(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if kb, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			var n float64
			_, err := fmt.Sscan(kb, &n)
			return n / 1000, err
		}
	}
	return 0, fmt.Errorf("no VmRSS of %d", pid)
}
