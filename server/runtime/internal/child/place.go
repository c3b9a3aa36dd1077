package child

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/agent"
	"github.com/Akilan1999/p2p-rendering-computation/internal/cgroup"
	"github.com/Akilan1999/p2p-rendering-computation/internal/nsbox"
	"github.com/Akilan1999/p2p-rendering-computation/internal/proctree"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/internal/sandbox"
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

// Open makes the room and starts the first agent.
func Open(ctx context.Context, cfg Config) (*sandbox.Sandbox, error) {
	room, err := makeRoom(cfg.Dir, cfg.Spec.ID, cfg.Tier)
	if err != nil {
		return nil, errors.Join(err, removeGroup(cfg.Group))
	}
	return sandbox.Open(ctx, sandbox.Config{ID: cfg.Spec.ID, Place: &place{cfg: cfg, room: room}, Log: cfg.Log})
}

func removeGroup(g *cgroup.Group) error {
	if g == nil {
		return nil
	}
	return g.Remove()
}

// place implements sandbox.Place.
type place struct {
	cfg  Config
	room Room

	mu    sync.Mutex    // guards spent
	spent time.Duration // processor time of agents that are gone
}

var _ sandbox.Place = (*place)(nil)

// resident implements sandbox.Resident.
type resident struct {
	p      *place
	proc   *Proc
	client *agent.Client
	idle   int64 // bytes resident before its first command
}

// Start implements sandbox.Place.
func (p *place) Start(ctx context.Context) (sandbox.Resident, error) {
	l, err := p.cfg.Launch(ctx, p.room)
	if err != nil {
		return nil, err
	}
	l.Name, l.Group, l.Box.Tier = string(p.cfg.Spec.ID), p.cfg.Group, p.cfg.Tier
	proc, err := Start(l)
	if err != nil {
		return nil, err
	}
	c, err := proc.Greet(ctx)
	if err == nil {
		err = p.room.mark(proc.Pid())
	}
	if err != nil {
		return nil, errors.Join(err, proc.Kill())
	}
	r := &resident{p: p, proc: proc, client: c}
	if u, err := proctree.Usage(proc.Pid()); err == nil {
		r.idle = u.Memory
	}
	return r, nil
}

// Remove implements sandbox.Place.
func (p *place) Remove(context.Context) error {
	return errors.Join(removeGroup(p.cfg.Group), p.room.remove())
}

// Client implements sandbox.Resident.
func (r *resident) Client() *agent.Client { return r.client }

// Kill implements sandbox.Resident; what the tree used is kept.
func (r *resident) Kill(ctx context.Context) error {
	u, err := proctree.Usage(r.proc.Pid())
	if errors.Is(err, proctree.ErrGone) {
		err = nil
	}
	err = errors.Join(r.kill(ctx), err)
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	r.p.spent += u.CPU
	return err
}

const killWithin = 2 * time.Second

func (r *resident) kill(ctx context.Context) error {
	group := r.p.cfg.Group
	if r.p.cfg.Tier == nsbox.Namespaces || r.client.Inline() {
		// Its own process namespace, or no children at all: one signal ends all,
		// once a frozen one may run again.
		if err := r.proc.cmd.Process.Kill(); err == nil && group != nil {
			if err := group.Thaw(); err != nil && !errors.Is(err, cgroup.ErrNoFreezer) {
				return errors.Join(err, r.proc.Kill())
			}
		}
		return r.proc.Kill()
	}
	ctx, cancel := context.WithTimeout(ctx, killWithin)
	defer cancel()
	var err error
	if group != nil {
		err = group.Kill()
	} else {
		err = proctree.KillBelow(ctx, r.proc.Pid())
	}
	return errors.Join(err, r.proc.Kill())
}

// Usage implements sandbox.Place.
func (p *place) Usage(_ context.Context, res sandbox.Resident) (runtime.Usage, error) {
	p.mu.Lock()
	spent := p.spent
	p.mu.Unlock()
	var u proctree.Use
	var err error
	r, lives := res.(*resident)
	if lives {
		u, err = proctree.Usage(r.proc.Pid())
	}
	if g := p.cfg.Group; g != nil {
		if st := g.Stat(); st.CPU > 0 {
			return runtime.Usage{CPUTime: st.CPU, Memory: st.Memory, Procs: u.Procs}, nil
		}
	}
	if errors.Is(err, proctree.ErrGone) {
		return runtime.Usage{CPUTime: spent}, nil
	}
	return runtime.Usage{CPUTime: spent + u.CPU, Memory: u.Memory, Procs: u.Procs}, err
}

// Freeze implements sandbox.Place.
func (p *place) Freeze(ctx context.Context, res sandbox.Resident) error {
	if p.cfg.Group != nil {
		if err := p.cfg.Group.Freeze(freezeWithin); !errors.Is(err, cgroup.ErrNoFreezer) {
			return err
		}
	}
	if r, lives := res.(*resident); lives {
		return proctree.Stop(ctx, r.proc.Pid())
	}
	return nil
}

const freezeWithin = 2 * time.Second // as sandbox has it

// Thaw implements sandbox.Place.
func (p *place) Thaw(ctx context.Context, res sandbox.Resident) error {
	if p.cfg.Group != nil {
		if err := p.cfg.Group.Thaw(); !errors.Is(err, cgroup.ErrNoFreezer) {
			return err
		}
	}
	if r, lives := res.(*resident); lives {
		return proctree.Cont(ctx, r.proc.Pid())
	}
	return nil
}
