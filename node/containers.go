package node

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/client/container"
	lent "github.com/Akilan1999/p2p-rendering-computation/server/container"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/docker"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	wcontainer "github.com/Akilan1999/p2p-rendering-computation/wire/container"
)

// openContainers opens both sides of long-lived containers.
func (n *Node) openContainers(dial *dialer) (err error) {
	var builds atomic.Int64
	n.book, err = container.Open(context.Background(), container.Config{
		Store: n.store.Containers(), Groups: n.store.Groups(), Dial: dial, Names: n.nameOf, Host: n.hostOf, Images: n.images, Log: n.log.With("part", "containers"),
		Lent: func(ctx context.Context, tree api.BlobID) (func(), error) {
			owner := "build/" + strconv.FormatInt(builds.Add(1), 10)
			free := func() {
				if err := n.blobs.Unpin(context.WithoutCancel(ctx), owner); err != nil {
					n.log.Error("a folder that was built from stays pinned", "err", err)
				}
			}
			return free, n.blobs.Pin(ctx, owner, tree)
		},
	})
	if err != nil || n.engine == nil || !n.runsGuests(n.config.Get()) {
		return err
	}
	n.keeper = lent.New(lent.Config{
		Engine: docker.Lasting{Engine: n.engine}, Room: n.server, Store: n.store.LentContainers(), Blobs: n.blobs, Fetch: n.fetch, Images: n.images,
		Templates: n.home.path(templatesName), Names: n.nameOf, Roles: n.roles, Log: n.log.With("part", "containers"),
	})
	return nil
}

// runContainers is the lending side's part of the node's life.
func (n *Node) runContainers(ctx context.Context) error {
	if n.keeper == nil {
		<-ctx.Done()
		return nil
	}
	return n.keeper.Run(ctx)
}

// serveContainers hands a borrower's stream to the lending side, if this node lends.
func (n *Node) serveContainers(ctx context.Context, from api.Caller, st wire.Stream) {
	why := n.lendsNot(from)
	if why == "" && n.keeper == nil {
		why = "this node does not lend containers"
	}
	if why == "" {
		n.keeper.Serve(ctx, from, st)
		return
	}
	n.refuseContainer(from, st, wcontainer.Protocol, why)
}

// refuseContainer says why a borrower's stream of wire/container is not served.
func (n *Node) refuseContainer(from api.Caller, st wire.Stream, protocol, why string) {
	n.refused(from.String(), protocol, why)
	if err := st.SetWriteDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return
	}
	err := wire.NewWriter(st, wcontainer.MaxRow).Send(wcontainer.KindFail, api.ProblemOf(api.Errorf(api.KindDenied, "%s", why), false))
	n.log.Debug("a stream was refused", "protocol", protocol, "peer", from.Peer, "reason", why, "err", err)
}

// recheckContainers takes away what its borrowers may not have any more, beside
// whatever called.
func (n *Node) recheckContainers() {
	if n.keeper == nil {
		return
	}
	n.local.start(func(ctx context.Context) {
		if err := n.keeper.Recheck(ctx); err != nil {
			n.log.Error("a container could not be withdrawn", "err", err)
		}
	})
}

// hostOf is where a peer's published ports are reached: the address over which
// it is talked to, else one that it says it has. One that only a relay reaches has none.
func (n *Node) hostOf(id api.PeerID) string {
	if id == n.net.ID() {
		return "127.0.0.1"
	}
	p, ok := n.net.Peer(id)
	if !ok || p.Path == api.PathRelayed {
		return ""
	}
	for _, addr := range append([]string{p.Addr}, p.Addrs...) {
		if ip := ipOf(addr); ip != "" {
			return ip
		}
	}
	return ""
}

// ipOf is the IP address in a multiaddr, empty where it is another's.
func ipOf(addr string) string {
	if strings.Contains(addr, "/p2p-circuit") {
		return ""
	}
	for _, proto := range []string{"/ip4/", "/ip6/"} {
		if _, rest, ok := strings.Cut(addr, proto); ok {
			ip, _, _ := strings.Cut(rest, "/")
			if net.ParseIP(ip) != nil {
				return ip
			}
		}
	}
	return ""
}

// Sandboxes is what runs here of every kind, oldest first within each.
func (l lender) Sandboxes(ctx context.Context) []api.Sandbox {
	all := l.Server.Sandboxes(ctx)
	if l.n.keeper != nil {
		all = append(all, l.n.keeper.Sandboxes()...)
	}
	if l.n.shells != nil {
		all = append(all, l.n.shells.Sandboxes()...)
	}
	return all
}

// container tells whether a sandbox is a long-lived container.
func (l lender) container(id api.SandboxID) bool { return l.n.keeper != nil && l.n.keeper.Has(id) }

// shell tells whether a sandbox is one in which a member has a shell.
func (l lender) shell(id api.SandboxID) bool { return l.n.shells != nil && l.n.shells.Has(id) }

// Kill ends one sandbox of any kind.
func (l lender) Kill(ctx context.Context, id api.SandboxID, reason string) error {
	if l.container(id) {
		return l.n.keeper.Kill(ctx, id, reason)
	}
	if l.shell(id) {
		return l.n.shells.Kill(ctx, id, reason)
	}
	return l.Server.Kill(ctx, id, reason)
}

// PauseSandbox freezes one sandbox of any kind.
func (l lender) PauseSandbox(ctx context.Context, id api.SandboxID) error {
	if l.container(id) {
		return l.n.keeper.Freeze(ctx, id)
	}
	if l.shell(id) {
		return l.n.shells.Hold(ctx, id, true)
	}
	return l.Server.PauseSandbox(ctx, id)
}

// ResumeSandbox lets one sandbox of any kind go on.
func (l lender) ResumeSandbox(ctx context.Context, id api.SandboxID) error {
	if l.container(id) {
		return l.n.keeper.Thaw(ctx, id)
	}
	if l.shell(id) {
		return l.n.shells.Hold(ctx, id, false)
	}
	return l.Server.ResumeSandbox(ctx, id)
}

// Pause freezes everything and takes no more.
func (l lender) Pause(ctx context.Context, reason string) error {
	err := l.Server.Pause(ctx, reason)
	if l.n.keeper != nil {
		err = errors.Join(err, l.n.keeper.FreezeAll(ctx))
	}
	if l.n.shells != nil {
		l.n.shells.Follow(ctx)
	}
	return err
}

// Resume lends again, and lets everything go on.
func (l lender) Resume(ctx context.Context) error {
	err := l.Server.Resume(ctx)
	if l.n.keeper != nil && !l.Server.Paused() { // it may be outside of the owner's hours
		err = errors.Join(err, l.n.keeper.ThawAll(ctx))
	}
	if l.n.shells != nil {
		l.n.shells.Follow(ctx)
	}
	return err
}

// SetLimits changes what is lent at most, and withdraws what is over it.
func (l lender) SetLimits(ctx context.Context, limits api.Limits) error {
	return l.rechecked(ctx, l.Server.SetLimits(ctx, limits))
}

// LimitsEnd is the containers that SetLimits would take away.
func (l lender) LimitsEnd(limits api.Limits) []api.Sandbox {
	if l.n.keeper == nil {
		return nil
	}
	return l.n.keeper.Ends(limits)
}

// PolicyEnd is the containers that SetPolicy would take away.
func (l lender) PolicyEnd(rules []api.Rule) []api.Sandbox {
	if l.n.keeper == nil {
		return nil
	}
	return l.n.keeper.Forbidden(rules)
}

// SetPolicy changes who may do what, and withdraws what is not allowed any more.
func (l lender) SetPolicy(ctx context.Context, rules []api.Rule) error {
	return l.rechecked(ctx, l.Server.SetPolicy(ctx, rules))
}

func (l lender) rechecked(ctx context.Context, err error) error {
	if err != nil {
		return err
	}
	l.n.recheckTunnels()()
	if l.n.shells != nil {
		l.n.shells.Enforce()
	}
	if l.n.keeper == nil {
		return nil
	}
	return l.n.keeper.Enforce(ctx)
}
