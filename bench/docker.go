package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/localimage"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/docker"
)

const benchImage = "p2prc-bench/busybox:latest"

// dockerTasks compares echo in containers of a pool of two lending nodes with
// docker run, and with the same agent called in a bare loop by two callers.
func dockerTasks(ctx context.Context, b *bench) error {
	n := max(b.n/10, 100)
	if err := busyboxImage(ctx); err != nil {
		return err
	}
	runs, err := dockerRun(ctx, max(b.n/1000, 5))
	if err != nil {
		return err
	}
	b.report(Figure{"docker", "docker run --rm --network none busybox echo", runs, "tasks/s", ""})
	binary, err := filepath.Abs(b.binary)
	if err != nil {
		return err
	}
	engine, err := docker.New(docker.Config{Agent: []string{binary, "agent"}, Home: b.dir, Node: "bench", Log: quiet()})
	if err != nil {
		return err
	}
	defer engine.Close()
	bare, err := bareLoop(ctx, docker.NewRuntime(engine), runtime.Spec{Image: benchImage}, []string{"echo", "hello"}, n)
	if err != nil {
		return err
	}
	b.report(Figure{"docker", "bare agent loop, two callers (floor)", bare, "tasks/s", fmt.Sprintf("%.0f times docker run", bare/runs)})
	rate, err := b.measure(ctx, "docker", n, func(*node) (api.JobSpec, error) {
		return api.JobSpec{Image: benchImage, Command: []string{"echo", "{n}"}}, nil
	}, func(task api.Task) error {
		if got, want := string(task.Stdout.Inline), fmt.Sprintln(int64(task.ID)+1); got != want {
			return fmt.Errorf("task %d printed %q, want %q", task.ID, got, want)
		}
		return nil
	})
	if err != nil {
		return err
	}
	b.report(Figure{"docker", "whole path, two lending nodes, journal on", rate, "tasks/s", fmt.Sprintf("%.2f of the bare loop, %.0f times docker run", rate/bare, rate/runs)})
	return nil
}

// busyboxImage loads the image into the engine.
func busyboxImage(ctx context.Context) error {
	c, err := client.New(client.FromEnv)
	if err != nil {
		return err
	}
	defer c.Close()
	files, err := localimage.Busybox()
	if err != nil {
		return err
	}
	return localimage.Make(ctx, c, benchImage, nil, files...)
}

// dockerRun runs one container after another.
func dockerRun(ctx context.Context, n int) (float64, error) {
	start := time.Now()
	for range n {
		cmd := exec.CommandContext(ctx, "docker", "run", "--rm", "--network", "none", benchImage, "echo", "hello")
		cmd.Stderr = os.Stderr
		if out, err := cmd.Output(); err != nil || string(out) != "hello\n" {
			return 0, fmt.Errorf("docker run said %q: %w", out, err)
		}
	}
	return float64(n) / time.Since(start).Seconds(), nil
}
