package child

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/agent"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/cgroup"
	"github.com/Akilan1999/p2p-rendering-computation/internal/nsbox"
	"github.com/Akilan1999/p2p-rendering-computation/internal/proctree"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

// Config opens a sandbox.
type Config struct {
	Spec   runtime.Spec
	Dir    string // parent of the rooms
	Group  *cgroup.Group
	Tier   nsbox.Tier
	Log    *slog.Logger
	Memory int64 // bytes the whole tree may have resident, measured; 0: the kernel sees to it, or no limit
	Procs  int   // processes below the agent, measured; 0: no limit
	// Launch makes the agent's start for a room. It is asked before every start.
	Launch func(context.Context, Room) (Launch, error)
}

// Sandbox implements runtime.Sandbox.
type Sandbox struct {
	cfg  Config
	room Room

	exec sync.Mutex // held by Exec; comes before mu

	mu      sync.Mutex // guards the rest
	cur     *resident  // nil: none, the next Exec starts one
	watch   *watch     // of the command under way
	looking bool       // a look is on its way
	closed  bool
	paused  time.Time     // when, zero if it runs
	frozen  time.Duration // sum of pauses that ended
	spent   time.Duration // processor time of agents that are gone
}

var _ runtime.Sandbox = (*Sandbox)(nil)

// resident is the agent that lives in the sandbox now.
type resident struct {
	proc   *Proc
	client *agent.Client
	idle   int64 // bytes resident before its first command

	once sync.Once // ends it; whoever comes second waits for the first
	err  error     // of that
}

// Open makes the room and starts the first agent.
func Open(ctx context.Context, cfg Config) (*Sandbox, error) {
	room, err := makeRoom(cfg.Dir, cfg.Spec.ID, cfg.Tier)
	if err != nil {
		return nil, errors.Join(err, removeGroup(cfg.Group))
	}
	s := &Sandbox{cfg: cfg, room: room}
	if _, err := s.resident(ctx); err != nil {
		return nil, errors.Join(err, s.Close(ctx))
	}
	return s, nil
}

func removeGroup(g *cgroup.Group) error {
	if g == nil {
		return nil
	}
	return g.Remove()
}

// ID implements runtime.Sandbox.
func (s *Sandbox) ID() api.SandboxID { return s.cfg.Spec.ID }

var errClosed = &api.Error{Kind: api.KindLost, Msg: "the sandbox is closed"}

// resident is the agent to give work to, started if there is none.
func (s *Sandbox) resident(ctx context.Context) (*resident, error) {
	s.mu.Lock()
	r, closed := s.cur, s.closed
	s.mu.Unlock()
	if closed {
		return nil, errClosed
	}
	if r != nil {
		return r, nil
	}
	l, err := s.cfg.Launch(ctx, s.room)
	if err != nil {
		return nil, err
	}
	l.Name, l.Group, l.Box.Tier = string(s.cfg.Spec.ID), s.cfg.Group, s.cfg.Tier
	p, err := Start(l)
	if err != nil {
		return nil, fmt.Errorf("starting the agent: %w", err)
	}
	c, err := p.Greet(ctx)
	if err == nil {
		err = s.room.mark(p.Pid())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the agent: %w", err), p.Kill())
	}
	r = &resident{proc: p, client: c}
	if u, err := proctree.Usage(p.Pid()); err == nil {
		r.idle = u.Memory
	}
	s.mu.Lock()
	closed = s.closed
	paused := !s.paused.IsZero()
	if !closed {
		s.cur = r
	}
	s.mu.Unlock()
	if closed {
		return nil, errors.Join(errClosed, p.Kill())
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
	r, err := s.resident(ctx)
	if err != nil {
		return runtime.Result{}, err
	}
	w := newWatch(s, r, cmd.Limits)
	stopCtx := context.AfterFunc(ctx, func() { w.stop(verdict{err: ctx.Err()}) })
	rep, err := r.client.Exec(command(cmd), w.streams(streams))
	stopCtx()
	v := w.end()
	if err != nil && (api.KindOf(err) == api.KindLost || api.KindOf(err) == api.KindCorrupt) {
		s.dismiss(r)
	}
	return w.result(rep, err, v)
}

func command(cmd runtime.Command) agent.Command {
	out := agent.Command{Args: cmd.Args, Env: cmd.Env, Cwd: cmd.Cwd, Outputs: cmd.Outputs}
	for _, f := range cmd.Files {
		out.Files = append(out.Files, agent.File{Path: f.Path, Source: f.Source, Size: f.Size, Mode: f.Mode})
	}
	return out
}

// dismiss ends an agent for good; the next Exec gets a new one.
func (s *Sandbox) dismiss(r *resident) {
	s.mu.Lock()
	if s.cur == r {
		s.cur = nil
	}
	s.mu.Unlock()
	if err := s.end(r); err != nil {
		s.cfg.Log.Warn("sandbox: ending an agent", "sandbox", s.ID(), "err", err)
	}
}

// end kills an agent, once, and keeps what it used.
func (s *Sandbox) end(r *resident) error {
	r.once.Do(func() {
		u, err := proctree.Usage(r.proc.Pid())
		if errors.Is(err, proctree.ErrGone) {
			err = nil
		}
		r.err = errors.Join(s.kill(r), err)
		s.mu.Lock()
		s.spent += u.CPU
		s.mu.Unlock()
	})
	return r.err
}

const killWithin = 2 * time.Second

// kill ends an agent and everything below it, frozen or not.
func (s *Sandbox) kill(r *resident) error {
	if s.cfg.Tier == nsbox.Namespaces || r.client.Inline() {
		// Its own process namespace, or no children at all: one signal ends all,
		// once a frozen one may run again.
		if err := r.proc.cmd.Process.Kill(); err == nil && s.cfg.Group != nil {
			if err := s.cfg.Group.Thaw(); err != nil && !errors.Is(err, cgroup.ErrNoFreezer) {
				return errors.Join(err, r.proc.Kill())
			}
		}
		return r.proc.Kill()
	}
	ctx, cancel := context.WithTimeout(context.Background(), killWithin)
	defer cancel()
	var err error
	if s.cfg.Group != nil {
		err = s.cfg.Group.Kill()
	} else {
		err = proctree.KillBelow(ctx, r.proc.Pid())
	}
	return errors.Join(err, r.proc.Kill())
}

// Usage implements runtime.Sandbox.
func (s *Sandbox) Usage(context.Context) (runtime.Usage, error) {
	s.mu.Lock()
	r, spent, closed := s.cur, s.spent, s.closed
	s.mu.Unlock()
	if closed {
		return runtime.Usage{}, errClosed
	}
	if g := s.cfg.Group; g != nil {
		if st := g.Stat(); st.CPU > 0 {
			return runtime.Usage{CPUTime: st.CPU, Memory: st.Memory, Procs: s.procs(r)}, nil
		}
	}
	if r == nil {
		return runtime.Usage{CPUTime: spent}, nil
	}
	u, err := proctree.Usage(r.proc.Pid())
	if errors.Is(err, proctree.ErrGone) {
		return runtime.Usage{CPUTime: spent}, nil
	}
	return runtime.Usage{CPUTime: spent + u.CPU, Memory: u.Memory, Procs: u.Procs}, err
}

func (s *Sandbox) procs(r *resident) int {
	if r == nil {
		return 0
	}
	u, err := proctree.Usage(r.proc.Pid())
	if err != nil {
		return 0
	}
	return u.Procs
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

const freezeWithin = time.Second

func (s *Sandbox) freeze(ctx context.Context, r *resident) error {
	if s.cfg.Group != nil {
		if err := s.cfg.Group.Freeze(freezeWithin); !errors.Is(err, cgroup.ErrNoFreezer) {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, freezeWithin)
	defer cancel()
	return proctree.Stop(ctx, r.proc.Pid())
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
	if s.cfg.Group != nil {
		if err := s.cfg.Group.Thaw(); !errors.Is(err, cgroup.ErrNoFreezer) {
			return err
		}
	}
	if r == nil {
		return nil
	}
	return proctree.Cont(ctx, r.proc.Pid())
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
func (s *Sandbox) Close(context.Context) error {
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
	return errors.Join(err, removeGroup(s.cfg.Group), s.room.remove())
}
