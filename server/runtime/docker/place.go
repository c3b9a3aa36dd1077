package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/agent"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/cgroup"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/internal/sandbox"
)

// workDir is where tasks may write: a volume of this container alone.
const workDir = "/.p2prc/work"

// place implements sandbox.Place: every agent of it gets a container anew.
type place struct {
	r   *Runtime
	box Box

	mu    sync.Mutex    // guards spent
	spent time.Duration // processor time of containers that are gone
}

var _ sandbox.Place = (*place)(nil)

// resident implements sandbox.Resident.
type resident struct {
	p      *place
	id     string // the container's
	client *agent.Client
	pid    int           // of the agent on this machine, if group is not nil
	group  *cgroup.Group // of the container; nil if the engine is elsewhere
}

// startWithin bounds how long an engine takes to start a sandbox, and as long again to
// clear up after one: an engine that stops, or was started a moment ago, may leave a
// request without an answer.
const startWithin = time.Minute

func (e *Engine) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, e.within, api.Errorf(api.KindUnavailable, "the container engine does not answer"))
}

// late is why ctx ended, if that is what err is about.
func late(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// Start implements sandbox.Place.
func (p *place) Start(ctx context.Context) (sandbox.Resident, error) {
	ctx, cancel := p.r.bounded(ctx)
	defer cancel()
	r, err := p.start(ctx)
	if err != nil {
		return nil, late(ctx, err)
	}
	return r, nil
}

func (p *place) start(ctx context.Context) (*resident, error) {
	e := p.r.Engine
	name := e.name(p.box.Sandbox)
	if _, err := e.api.VolumeCreate(ctx, client.VolumeCreateOptions{Name: name, Labels: e.labels(p.box.Owner)}); err != nil {
		return nil, e.explain(err)
	}
	box := p.box
	if err := e.remove(ctx, name); err != nil { // of an agent before this one, when the engine was gone
		return nil, e.explain(err)
	}
	box.Mounts = []mount.Mount{{Type: mount.TypeVolume, Source: name, Target: workDir, VolumeOptions: &mount.VolumeOptions{NoCopy: true}}}
	id, err := e.Create(ctx, box)
	if err != nil {
		return nil, err
	}
	c, err := e.board(ctx, id)
	if err != nil {
		after, cancel := e.bounded(context.WithoutCancel(ctx))
		defer cancel()
		return nil, errors.Join(late(ctx, err), e.explain(p.clear(after, id)))
	}
	r := &resident{p: p, id: id, client: c}
	if got, err := e.api.ContainerInspect(ctx, id, client.ContainerInspectOptions{}); err == nil && got.Container.State != nil {
		r.pid = got.Container.State.Pid
		r.group = cgroup.Of(r.pid, id)
	}
	// Where the short way cannot be had the engine carries everything.
	_ = c.Shorten(func() (int, error) { return r.pid, here(r.pid, id) })
	return r, nil
}

// clear removes a container of p, with its network.
func (p *place) clear(ctx context.Context, container string) error {
	if p.box.Network == api.GuestFiltered {
		return p.r.removeGuest(ctx, container, p.box.Sandbox)
	}
	return p.r.remove(ctx, container)
}

// board starts a container and greets the agent in it.
func (e *Engine) board(ctx context.Context, id string) (*agent.Client, error) {
	_, err := e.api.CopyToContainer(ctx, id, client.CopyToContainerOptions{DestinationPath: workDir, Content: bytes.NewReader(forAll)})
	if err != nil {
		return nil, e.explain(err)
	}
	all := client.ContainerAttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true}
	at, early := e.api.ContainerAttach(ctx, id, all)
	if _, err := e.api.ContainerStart(ctx, id, client.ContainerStartOptions{}); err != nil {
		if early == nil {
			at.Close()
		}
		return nil, e.explain(err)
	}
	if early != nil { // podman attaches to what runs; the agent waits to be spoken to
		if at, err = e.api.ContainerAttach(ctx, id, all); err != nil {
			return nil, e.explain(err)
		}
	}
	c := &conn{hijacked: at.HijackedResponse}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	greeted, err := agent.NewClient(c)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil && c.stderr.String() != "":
		return nil, fmt.Errorf("%w: %s", err, c.stderr.String())
	}
	return greeted, err
}

// forAll is an archive of the folders of a work volume, in which every user may
// write: which user an image runs as is for the engine to find out.
var forAll = func() []byte {
	var b bytes.Buffer
	t := tar.NewWriter(&b)
	for _, dir := range []string{"tasks", "stage", "tmp"} {
		if err := t.WriteHeader(&tar.Header{Name: dir, Mode: 0o777, Typeflag: tar.TypeDir}); err != nil {
			panic(err)
		}
	}
	if err := t.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}()

// Freeze implements sandbox.Place.
func (p *place) Freeze(ctx context.Context, res sandbox.Resident) error {
	r, lives := res.(*resident)
	if !lives {
		return nil
	}
	if is, err := r.paused(ctx); is || err != nil {
		return err
	}
	_, err := p.r.api.ContainerPause(ctx, r.id, client.ContainerPauseOptions{})
	return p.r.explain(err)
}

// Thaw implements sandbox.Place.
func (p *place) Thaw(ctx context.Context, res sandbox.Resident) error {
	r, lives := res.(*resident)
	if !lives {
		return nil
	}
	if is, err := r.paused(ctx); !is || err != nil {
		return err
	}
	_, err := p.r.api.ContainerUnpause(ctx, r.id, client.ContainerUnpauseOptions{})
	return p.r.explain(err)
}

func (r *resident) paused(ctx context.Context) (bool, error) {
	got, err := r.p.r.api.ContainerInspect(ctx, r.id, client.ContainerInspectOptions{})
	if err != nil {
		return false, r.p.r.explain(err)
	}
	return got.Container.State != nil && got.Container.State.Paused, nil
}

// Remove implements sandbox.Place.
func (p *place) Remove(ctx context.Context) error {
	ctx, cancel := p.r.bounded(ctx)
	defer cancel()
	p.r.drop(p.box.Sandbox)
	err := p.r.removeVolume(ctx, p.r.name(p.box.Sandbox))
	if err != nil {
		p.r.left.Store(true)
	}
	return late(ctx, p.r.explain(err))
}

// Client implements sandbox.Resident.
func (r *resident) Client() *agent.Client { return r.client }

// Kill implements sandbox.Resident; what the container used is kept.
func (r *resident) Kill(ctx context.Context) error {
	if r.group != nil { // elsewhere asking costs a second, and the node has sampled it
		r.p.mu.Lock()
		r.p.spent += r.group.CPUTime()
		r.p.mu.Unlock()
		r.group.Close()
	}
	err := r.p.clear(ctx, r.id)
	if err != nil {
		r.p.r.left.Store(true)
	}
	return r.p.r.explain(errors.Join(err, ignoreClosed(r.client.Close())))
}
