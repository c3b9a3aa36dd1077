package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/agent"
	"github.com/Akilan1999/p2p-rendering-computation/agent/task"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

// Config opens a sandbox.
type Config struct {
	ID    api.SandboxID
	Place Place
	Log   *slog.Logger
	// Inside is what the agent is told to watch for each command.
	Inside func(runtime.Limits) task.Limits
}

// Sandbox implements runtime.Sandbox.
type Sandbox struct {
	cfg Config

	exec sync.Mutex // held by Exec; comes before mu

	mu      sync.Mutex // guards the rest
	cur     *tenant    // nil: none, the next Exec starts one
	watch   *watch     // of the command under way
	looking bool       // a look is on its way
	closed  bool
	paused  time.Time     // when, zero if it runs
	frozen  time.Duration // sum of pauses that ended
}

var _ runtime.Sandbox = (*Sandbox)(nil)

// tenant is a resident and its end.
type tenant struct {
	Resident

	once sync.Once // ends it; whoever comes second waits for the first
	err  error     // of that
}

// Open starts the first agent. The place is removed when it does not start.
func Open(ctx context.Context, cfg Config) (*Sandbox, error) {
	s := &Sandbox{cfg: cfg}
	if _, err := s.tenant(ctx); err != nil {
		return nil, errors.Join(err, s.Close(context.WithoutCancel(ctx)))
	}
	return s, nil
}

// ID implements runtime.Sandbox.
func (s *Sandbox) ID() api.SandboxID { return s.cfg.ID }

var errClosed = &api.Error{Kind: api.KindLost, Msg: "the sandbox is closed"}

// tenant is the agent to give work to, started if there is none.
func (s *Sandbox) tenant(ctx context.Context) (*tenant, error) {
	s.mu.Lock()
	r, closed := s.cur, s.closed
	s.mu.Unlock()
	if closed {
		return nil, errClosed
	}
	if r != nil {
		return r, nil
	}
	res, err := s.cfg.Place.Start(ctx)
	if err != nil {
		return nil, fmt.Errorf("starting the agent: %w", err)
	}
	r = &tenant{Resident: res}
	s.mu.Lock()
	closed = s.closed
	paused := !s.paused.IsZero()
	if !closed {
		s.cur = r
	}
	s.mu.Unlock()
	if closed {
		return nil, errors.Join(errClosed, s.end(r))
	}
	if paused {
		return r, s.freeze(ctx, r)
	}
	return r, nil
}

// Exec implements runtime.Sandbox.
func (s *Sandbox) Exec(ctx context.Context, cmd runtime.Command, streams runtime.Streams) (runtime.Result, error) {
	s.exec.Lock()
	defer s.exec.Unlock()
	if err := ctx.Err(); err != nil {
		return runtime.Result{}, err
	}
	cmd, full := roomFor(cmd)
	if full != nil {
		return runtime.Result{Exit: *full}, nil
	}
	r, err := s.tenant(ctx)
	if err != nil {
		return runtime.Result{}, err
	}
	w := newWatch(s, r, cmd.Limits)
	stopCtx := context.AfterFunc(ctx, func() { w.stop(verdict{err: ctx.Err()}) })
	rep, err := r.Client().Exec(s.command(cmd), w.streams(streams))
	stopCtx()
	v := w.end()
	lost := err != nil && (api.KindOf(err) == api.KindLost || api.KindOf(err) == api.KindCorrupt)
	res, err := w.result(rep, err, v, lost)
	if lost { // only now: a place may know of its agent's end until it is buried
		s.dismiss(r)
	}
	return res, err
}

func (s *Sandbox) command(cmd runtime.Command) agent.Command {
	out := agent.Command{Args: cmd.Args, Env: cmd.Env, Cwd: cmd.Cwd, Outputs: cmd.Outputs}
	if s.cfg.Inside != nil {
		out.Limits = s.cfg.Inside(cmd.Limits)
	}
	for _, f := range cmd.Files {
		out.Files = append(out.Files, agent.File{Path: f.Path, Source: f.Source, Size: f.Size, Mode: f.Mode})
	}
	return out
}

// dismiss ends an agent for good; the next Exec gets a new one.
func (s *Sandbox) dismiss(r *tenant) {
	s.mu.Lock()
	if s.cur == r {
		s.cur = nil
	}
	s.mu.Unlock()
	if err := s.end(r); err != nil {
		s.cfg.Log.Warn("sandbox: ending an agent", "sandbox", s.ID(), "err", err)
	}
}

// end kills an agent, once.
func (s *Sandbox) end(r *tenant) error {
	r.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), killWithin)
		defer cancel()
		r.err = r.Kill(ctx)
	})
	return r.err
}

// killWithin bounds how long an agent may take to be gone.
const killWithin = 10 * time.Second

// Usage implements runtime.Sandbox.
func (s *Sandbox) Usage(ctx context.Context) (runtime.Usage, error) {
	s.mu.Lock()
	r, closed := s.cur, s.closed
	s.mu.Unlock()
	if closed {
		return runtime.Usage{}, errClosed
	}
	return s.cfg.Place.Usage(ctx, r.resident())
}

// resident is nil for no tenant.
func (r *tenant) resident() Resident {
	if r == nil {
		return nil
	}
	return r.Resident
}

// Pause implements runtime.Sandbox.
func (s *Sandbox) Pause(ctx context.Context) error {
	s.mu.Lock()
	r := s.cur
	if s.closed {
		s.mu.Unlock()
		return errClosed
	}
	if s.paused.IsZero() {
		s.paused = time.Now()
	}
	s.mu.Unlock()
	if r == nil {
		return nil
	}
	return s.freeze(ctx, r)
}

// freezeWithin bounds a pause: the owner was promised the machine within 5 s, and a
// guest that does not freeze has to be closed in what is left of them.
const freezeWithin = 2 * time.Second

func (s *Sandbox) freeze(ctx context.Context, r *tenant) error {
	ctx, cancel := context.WithTimeout(ctx, freezeWithin)
	defer cancel()
	return s.cfg.Place.Freeze(ctx, r.Resident)
}

// Resume implements runtime.Sandbox.
func (s *Sandbox) Resume(ctx context.Context) error {
	s.mu.Lock()
	r := s.cur
	if s.closed {
		s.mu.Unlock()
		return errClosed
	}
	if !s.paused.IsZero() {
		s.frozen += time.Since(s.paused)
		s.paused = time.Time{}
	}
	s.mu.Unlock()
	return s.cfg.Place.Thaw(ctx, r.resident())
}

// pausedFor is how long the sandbox has stood still since it was opened.
func (s *Sandbox) pausedFor() (sum time.Duration, now bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.paused.IsZero() {
		return s.frozen, false
	}
	return s.frozen + time.Since(s.paused), true
}

// Close implements runtime.Sandbox.
func (s *Sandbox) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	r, w := s.cur, s.watch
	s.cur = nil
	s.mu.Unlock()
	if w != nil {
		w.mark(verdict{err: errClosed})
	}
	var err error
	if r != nil {
		err = s.end(r)
	}
	s.exec.Lock() // an Exec that was under way has seen its stream end
	defer s.exec.Unlock()
	return errors.Join(err, s.cfg.Place.Remove(ctx))
}
