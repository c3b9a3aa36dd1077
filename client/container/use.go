package container

import (
	"context"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/container"
)

// listWait is how long a lender has to say what it has.
const listWait = 5 * time.Second

func join(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// List asks every lender in the book, all at once. Containers of one that does
// not answer are listed as unknown, those that it has no more as gone.
func (b *Book) List(ctx context.Context) []api.Container {
	b.mu.Lock()
	byPeer := map[api.PeerID][]entry{}
	for _, e := range b.entries {
		byPeer[e.Peer] = append(byPeer[e.Peer], e)
	}
	b.mu.Unlock()
	var mu sync.Mutex
	all := []api.Container{}
	var asked sync.WaitGroup
	for peer, entries := range byPeer {
		asked.Go(func() {
			got, err := b.listPeer(ctx, peer)
			mu.Lock()
			defer mu.Unlock()
			for _, e := range entries {
				c, ok := got[e.ID]
				switch {
				case ok:
				case err != nil:
					c = api.Container{State: api.ContainerUnknown, Reason: err.Error(), Created: e.Created}
				default:
					c = api.Container{State: api.ContainerGone, Reason: "its lender has it no more", Created: e.Created}
				}
				all = append(all, b.dress(e, c))
			}
		})
	}
	asked.Wait()
	for _, c := range all {
		if c.State == api.ContainerGone {
			b.leaveGroups(ctx, c.ID)
		}
	}
	sortByName(all)
	return all
}

func (b *Book) listPeer(ctx context.Context, peer api.PeerID) (map[api.ContainerID]api.Container, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, listWait, api.Errorf(api.KindTimeout, "the lender does not answer"))
	defer cancel()
	got := map[api.ContainerID]api.Container{}
	err := b.ask(ctx, peer, container.Request{Op: container.OpList}, func(r container.Row) error {
		if r.Container != nil && len(got) < maxContainers {
			got[r.Container.ID] = *r.Container
		}
		return nil
	})
	return got, err
}

// Start, Stop and Remove do that to a container by its name.
func (b *Book) Start(ctx context.Context, name string) (api.Container, error) {
	return b.act(ctx, name, container.OpStart)
}

// Stop ends what runs in it; its files stay.
func (b *Book) Stop(ctx context.Context, name string) (api.Container, error) {
	return b.act(ctx, name, container.OpStop)
}

func (b *Book) act(ctx context.Context, name, op string) (c api.Container, err error) {
	e, err := b.find(name)
	if err != nil {
		return c, err
	}
	err = b.ask(ctx, e.Peer, container.Request{Op: op, ID: e.ID}, func(r container.Row) error {
		if r.Container != nil {
			c = *r.Container
		}
		return nil
	})
	return b.dress(e, c), named(err, e)
}

// named says which container its lender does not know.
func named(err error, e entry) error {
	if api.KindOf(err) == api.KindNotFound {
		return api.Errorf(api.KindNotFound, "container %s is gone: its lender has it no more", e.Spec.Name).WithHint("forget it: p2prc container rm %s", e.Spec.Name)
	}
	return err
}

// Remove takes a container away. With force the book forgets it although its
// lender cannot be reached; there it ends when its time is up.
func (b *Book) Remove(ctx context.Context, name string, force bool) error {
	e, err := b.find(name)
	if err != nil {
		return err
	}
	err = b.ask(ctx, e.Peer, container.Request{Op: container.OpRemove, ID: e.ID}, func(container.Row) error { return nil })
	if err != nil && api.KindOf(err) != api.KindNotFound && !force {
		if k := api.KindOf(err); k == api.KindUnavailable || k == api.KindTimeout {
			return api.Errorf(k, "container %s cannot be removed: %w", e.Spec.Name, err).
				WithHint("p2prc container rm --force %s forgets it; at its lender it ends when its time is up", e.Spec.Name)
		}
		return err
	}
	return b.strike(ctx, e, nil)
}

// Logs hands out what a container's main command printed.
func (b *Book) Logs(ctx context.Context, name string, follow bool, tail int, fn func(api.ContainerLog) error) error {
	e, err := b.find(name)
	if err != nil {
		return err
	}
	return named(b.ask(ctx, e.Peer, container.Request{Op: container.OpLogs, ID: e.ID, Follow: follow, Tail: tail}, func(r container.Row) error {
		if r.Log == nil {
			return nil
		}
		return fn(*r.Log)
	}), e)
}

// Stats hands out what a container uses, once or once a second.
func (b *Book) Stats(ctx context.Context, name string, follow bool, fn func(api.Container) error) error {
	e, err := b.find(name)
	if err != nil {
		return err
	}
	return named(b.ask(ctx, e.Peer, container.Request{Op: container.OpStats, ID: e.ID, Follow: follow}, func(r container.Row) error {
		if r.Container == nil {
			return nil
		}
		return fn(b.dress(e, *r.Container))
	}), e)
}

// Templates lists what a lender's containers can be made from.
func (b *Book) Templates(ctx context.Context, peer api.PeerID) ([]api.Template, error) {
	const most = 100
	all := []api.Template{}
	err := b.ask(ctx, peer, container.Request{Op: container.OpTemplates}, func(r container.Row) error {
		if r.Template != nil && len(all) < most {
			all = append(all, *r.Template)
		}
		return nil
	})
	return all, err
}

// Known is KindNotFound for a name that no container of this node has.
func (b *Book) Known(name string) error {
	_, err := b.find(name)
	return err
}

// Session opens a session in a container; the stream is one of wire/session.
func (b *Book) Session(ctx context.Context, name string) (wire.Stream, error) {
	e, err := b.find(name)
	if err != nil {
		return nil, err
	}
	st, err := b.session(ctx, e.Peer, container.Protocol, e.ID)
	return st, named(err, e)
}

// Shell opens a session in a sandbox of a peer's own programs.
func (b *Book) Shell(ctx context.Context, peer api.PeerID) (wire.Stream, error) {
	st, err := b.session(ctx, peer, container.Shell, "")
	return st, b.says(peer, err)
}

func (b *Book) session(ctx context.Context, peer api.PeerID, protocol string, id api.ContainerID) (wire.Stream, error) {
	st, err := b.cfg.Dial.OpenStream(ctx, peer, protocol)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() }) // what is read next says so
	defer stop()
	if err := container.OpenSession(st, id); err != nil {
		_ = st.Close() // it is given up
		return nil, err
	}
	return st, nil
}
