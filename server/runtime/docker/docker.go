package docker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/agent"
	"github.com/Akilan1999/p2p-rendering-computation/agent/task"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/internal/sandbox"
)

// Runtime implements runtime.Runtime: it executes tasks in containers.
type Runtime struct {
	*Engine

	there atomic.Bool // the engine answered the last Probe
	left  atomic.Bool // something may be there that should have been removed
	calm  time.Time   // set by Recover: before it the engine may still be at work for the process before this one

	mu   sync.Mutex // guards live
	live map[api.SandboxID]bool
}

var (
	_ runtime.Runtime = (*Runtime)(nil)
	_ runtime.Imager  = (*Runtime)(nil)
	_ runtime.Mortal  = (*Runtime)(nil)
)

// NewRuntime makes the runtime of e.
func NewRuntime(e *Engine) *Runtime {
	return &Runtime{Engine: e, live: make(map[api.SandboxID]bool)}
}

// Name implements runtime.Runtime.
func (r *Runtime) Name() api.RuntimeName { return api.RuntimeDocker }

// threadsEach is how many threads the kernel's limit, which counts them, allows
// for each process of the cap; the agent counts the processes themselves.
const (
	threadsEach  = 4
	agentThreads = 32
)

// Open implements runtime.Runtime.
func (r *Runtime) Open(ctx context.Context, spec runtime.Spec) (runtime.Sandbox, error) {
	ready, cancel := r.bounded(ctx)
	defer cancel()
	img, err := r.Image(ready, spec.Image)
	if err == nil && r.left.Load() { // by an engine that was gone then
		err = r.sweep(ready)
	}
	if err != nil {
		return nil, late(ready, err)
	}
	arg := agent.Process{Dirs: agent.Dirs{Work: workDir + "/tasks", Stage: workDir + "/stage"}, Env: img.Env,
		Scratch: []string{workDir + "/tmp", "/tmp", "/dev/shm", "/dev/mqueue"}}
	if img.Dir != "" {
		arg.Env = append(arg.Env[:len(arg.Env):len(arg.Env)], "P2PRC_WORKDIR="+img.Dir)
	}
	text, err := agent.Argument(arg)
	if err != nil {
		return nil, err
	}
	box := Box{
		Owner: Owner{Kind: KindTask, Sandbox: spec.ID, Borrower: spec.Borrower, Lease: spec.Lease},
		Image: img, Argv: []string{"agent", agent.ModeContainer, text}, Network: spec.Network, Cap: spec.Cap,
		Tmpfs: map[string]string{"/tmp": tmpOptions},
	}
	if spec.MaxProcs > 0 {
		box.Pids = int64(threadsEach*spec.MaxProcs + agentThreads)
	}
	r.keep(spec.ID)
	s, err := sandbox.Open(ctx, sandbox.Config{ID: spec.ID, Place: &place{r: r, box: box}, Log: r.cfg.Log,
		Inside: func(l runtime.Limits) task.Limits { return task.Limits{CPU: l.CPU, Disk: l.Disk, Procs: spec.MaxProcs} }})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// HasImage implements runtime.Imager.
func (r *Runtime) HasImage(ctx context.Context, image string) error {
	img, err := r.Image(ctx, image)
	if err != nil {
		return err
	}
	p, err := r.findProgram(ctx)
	if err != nil {
		return err
	}
	return p.suits(img)
}

// tmpOptions bound /tmp, which is memory; TMPDIR is on the work volume.
const tmpOptions = "size=64m,mode=1777"

func (r *Runtime) keep(id api.SandboxID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.live[id] = true
}

func (r *Runtime) drop(id api.SandboxID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.live, id)
}

func (r *Runtime) isLive(id api.SandboxID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.live[id]
}

// lingers is how long an engine may go on with what a process asked for that is gone.
const lingers = 10 * time.Second

// Recover implements runtime.Runtime: containers of tasks do not outlive their
// node, so what is left is removed. What cannot be removed now, as without an
// engine, or comes to light later, goes with the next Open or Tidy.
func (r *Runtime) Recover(ctx context.Context) ([]runtime.Sandbox, error) {
	r.calm = time.Now().Add(lingers) // before left, which lets others sweep
	r.left.Store(true)
	if err := r.Tidy(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		r.cfg.Log.Error("what an earlier process left cannot be removed yet", "err", err)
	}
	return nil, nil
}

// Tidy implements runtime.Runtime: it removes what could not be removed before.
func (r *Runtime) Tidy(ctx context.Context) error {
	if !r.left.Load() {
		return nil
	}
	err := r.sweep(ctx)
	if k := api.KindOf(err); k == api.KindUnavailable || k == api.KindDenied {
		return nil
	}
	return err
}
