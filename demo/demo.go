// Package demo shows a pool at work on one machine: it starts nodes as separate
// processes with homes of their own, joins them by real invites, renders an
// animation on all of them with the path tracer of examples/render, and shows
// how the work was spread.
//
// It uses nothing that a user could not: the nodes are this program's own
// "up", and everything else goes through their API. The homes lie in one
// temporary folder that is removed at the end; the nodes are in process groups
// of their own, are asked to stop, and are killed when they do not. On Linux
// they also end when the demo itself is killed.
//
// The speed-up it reports is against one slot in the same run: one frame is
// rendered alone first, on an otherwise idle machine, and its time times the
// number of frames is what one slot would need. The sum of the frames' own
// times is no such measure, because frames that share a core take longer.
package demo

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// The module is built by make; only a placeholder is committed.
//
//go:embed module
var modules embed.FS

// Run renders the animation. It returns when no process of it is left and its
// temporary files are gone. KindUsage and KindInvalid for options and scenes
// that make no sense, KindUnsupported where this build has no renderer,
// KindTasksFailed when frames could not be rendered.
func Run(ctx context.Context, o Options) (err error) {
	plan, err := o.plan()
	if err != nil {
		return err
	}
	sc, err := loadScene(o.Scene, o.Stderr)
	if err != nil {
		return err
	}
	module, err := readModule(modules)
	if err != nil {
		return err
	}
	frames := filepath.Join(plan.out, "frames")
	if err := os.MkdirAll(frames, 0o755); err != nil {
		return api.Errorf(api.KindInvalid, "the folder for the pictures cannot be made: %w", err).WithHint("choose another with --out")
	}
	p, err := startPool(ctx, plan, o.Program)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(p.blame(err), p.stop()) }()
	say(o.Stderr, "%d nodes are up and in one network", plan.nodes)

	r := &renderer{plan: plan, pool: p, client: p.nodes[0].client, stderr: o.Stderr, width: o.Width}
	if err := r.upload(ctx, module, sc); err != nil {
		return err
	}
	say(o.Stderr, "rendering one frame alone on one slot, to compare with")
	alone, err := r.alone(ctx)
	if err != nil {
		return err
	}
	say(o.Stderr, "rendering %d frames of %s (%d triangles), %dx%d, on all nodes", plan.frames, sc.name, sc.triangles, plan.width, plan.height)
	began := time.Now()
	job, err := r.all(ctx)
	if err != nil {
		return err
	}
	wall := time.Since(began)
	if err := removeFrames(frames); err != nil {
		return err
	}
	pictures, err := r.fetch(ctx, job.ID, frames)
	if err != nil {
		return err
	}
	if err := writeAnimation(filepath.Join(plan.out, "animation.gif"), pictures); err != nil {
		return err
	}
	if err := writeSheet(filepath.Join(plan.out, "contact-sheet.png"), pictures); err != nil {
		return err
	}
	return report{plan: plan, job: job, wall: wall, alone: alone}.write(o.Stdout)
}

// removeFrames takes an earlier run's frames away: a shorter animation must not
// leave some of another among its own.
func removeFrames(dir string) error {
	old, err := filepath.Glob(filepath.Join(dir, "frame-[0-9][0-9][0-9][0-9].png"))
	for _, f := range old {
		err = errors.Join(err, os.Remove(f))
	}
	if err != nil {
		return api.Errorf(api.KindInvalid, "an earlier run's frames are in the way: %w", err).WithHint("choose another folder with --out")
	}
	return nil
}

// readModule is the renderer; KindUnsupported where there is only the placeholder.
func readModule(from fs.FS) ([]byte, error) {
	b, err := fs.ReadFile(from, "module/render.wasm")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, api.Errorf(api.KindUnsupported, "this build of p2prc has no renderer in it").WithHint("build it with: make build")
	}
	return b, err
}

// say writes a line of what goes on. That nobody reads it is no reason to stop.
func say(w io.Writer, format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
