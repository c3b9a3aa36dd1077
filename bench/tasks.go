package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/process"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/wasm"
)

// wasmTasks compares a pool of two lending nodes with the same runtime called
// in a bare loop by two callers. Every task gets a fresh instance and directory.
func wasmTasks(ctx context.Context, b *bench) error {
	path := filepath.Join(b.dir, "tiny.wasm")
	if err := os.WriteFile(path, tinyModule(), 0o600); err != nil {
		return err
	}
	rt := wasm.New(wasm.Config{Agent: []string{b.binary, "agent"}, Dir: filepath.Join(b.dir, "wasm-rooms"), CacheDir: filepath.Join(b.dir, "wasm-cache"), Log: quiet()})
	floor, err := bareLoop(ctx, rt, runtime.Spec{Module: path}, []string{"tiny", "hello"}, b.n)
	if err != nil {
		return err
	}
	b.report(Figure{"wasm", "bare loop, two callers (floor)", floor, "tasks/s", ""})
	return b.throughPool(ctx, "wasm", b.n, floor, "of the bare loop", func(n *node) (api.JobSpec, error) {
		blob, err := n.api.PutBlob(ctx, bytes.NewReader(tinyModule()))
		return api.JobSpec{Runtime: api.RuntimeWasm, Module: blob.ID, Command: []string{"tiny", "{n}"}}, err
	})
}

// processTasks does the same with /bin/true, beside xargs.
func processTasks(ctx context.Context, b *bench) error {
	n := max(b.n/10, 100)
	xargs, err := xargsTrue(ctx, n)
	if err != nil {
		return err
	}
	b.report(Figure{"process", "xargs -P2 true (floor)", xargs, "tasks/s", ""})
	rt := process.New(process.Config{Agent: []string{b.binary, "agent"}, Dir: filepath.Join(b.dir, "process-rooms"), Log: quiet()})
	bare, err := bareLoop(ctx, rt, runtime.Spec{}, []string{"true"}, n)
	if err != nil {
		return err
	}
	b.report(Figure{"process", "bare loop, two callers", bare, "tasks/s", fmt.Sprintf("%.2f of xargs", bare/xargs)})
	return b.throughPool(ctx, "process", n, xargs, "of xargs", func(*node) (api.JobSpec, error) {
		return api.JobSpec{Runtime: api.RuntimeProcess, Command: []string{"true"}}, nil
	})
}

// throughPool measures the whole path beside a floor.
func (b *bench) throughPool(ctx context.Context, lends string, tasks int, floor float64, of string, spec func(*node) (api.JobSpec, error)) error {
	rate, err := b.measure(ctx, lends, tasks, spec, func(api.Task) error { return nil })
	if err != nil {
		return err
	}
	b.report(Figure{lends, "whole path, two lending nodes, journal on", rate, "tasks/s", fmt.Sprintf("%.2f %s", rate/floor, of)})
	return nil
}

// measure runs the job once to warm caches, then once to measure, and checks
// every result when the clock has stopped.
func (b *bench) measure(ctx context.Context, lends string, tasks int, spec func(*node) (api.JobSpec, error), check func(api.Task) error) (float64, error) {
	borrower, stop, err := b.pool(ctx, lends)
	if err != nil {
		return 0, err
	}
	defer stop()
	s, err := spec(borrower)
	if err != nil {
		return 0, err
	}
	if _, _, err := borrower.runJob(ctx, s, 100); err != nil {
		return 0, err
	}
	id, rate, err := borrower.runJob(ctx, s, tasks)
	if err != nil {
		return 0, err
	}
	return rate, borrower.api.Results(ctx, id, check)
}

func bareLoop(ctx context.Context, rt runtime.Runtime, spec runtime.Spec, args []string, tasks int) (float64, error) {
	var boxes []runtime.Sandbox
	defer func() {
		for _, s := range boxes {
			_ = s.Close(ctx) // the scratch directory goes anyway
		}
	}()
	for i := range 2 {
		spec.ID = api.SandboxID(fmt.Sprintf("bench%d", i))
		s, err := rt.Open(ctx, spec)
		if err != nil {
			return 0, err
		}
		boxes = append(boxes, s)
	}
	loop := func(s runtime.Sandbox, n int) error {
		for range n {
			res, err := s.Exec(ctx, runtime.Command{Args: args}, runtime.Streams{Stdout: io.Discard})
			if err != nil {
				return err
			}
			if !res.Exit.OK() {
				return fmt.Errorf("task ended with %+v", res.Exit)
			}
		}
		return nil
	}
	for _, s := range boxes {
		if err := loop(s, 20); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	var g errgroup.Group
	for _, s := range boxes {
		g.Go(func() error { return loop(s, tasks/2) })
	}
	err := g.Wait()
	return float64(tasks/2*2) / time.Since(start).Seconds(), err
}

func xargsTrue(ctx context.Context, n int) (float64, error) {
	cmd := exec.CommandContext(ctx, "xargs", "-P2", "-n1", "true")
	cmd.Stdin = strings.NewReader(strings.Repeat("x\n", n))
	start := time.Now()
	err := cmd.Run()
	return float64(n) / time.Since(start).Seconds(), err
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
