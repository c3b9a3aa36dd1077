package node

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/blob"
	"github.com/Akilan1999/p2p-rendering-computation/config"
	"github.com/Akilan1999/p2p-rendering-computation/image"
	"github.com/Akilan1999/p2p-rendering-computation/p2p"
	"github.com/Akilan1999/p2p-rendering-computation/p2p/membership"
	"github.com/Akilan1999/p2p-rendering-computation/server/policy"
	"github.com/Akilan1999/p2p-rendering-computation/wire/container"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
	"github.com/Akilan1999/p2p-rendering-computation/wire/mapping"
	"github.com/Akilan1999/p2p-rendering-computation/wire/tunnel"
)

// Features are the protocols and features this version speaks, as they stand in
// records and in /v1/status.
func Features() []string {
	return []string{PeersDoor, blob.Protocol, image.Protocol, lease.Protocol, container.Protocol, tunnel.Protocol, mapping.Protocol, mapping.Carry}
}

// openNet opens identity and network.
func (n *Node) openNet(ctx context.Context) (*p2p.Net, error) {
	cfg := n.config.Get()
	cfg.Listen.Port = cmp.Or(n.opts.Port, cfg.Listen.Port)
	ports, fixed := cfg.Listen.Ports()
	return p2p.New(ctx, p2p.Config{
		Dir: n.home.dir, Name: cfg.Name, Version: n.opts.Version, Features: Features(), Store: networkStore{n.store.Membership(), n.store.Peers()},
		MDNS: cfg.MDNS, MapPort: cfg.PortMapping,
		Relay: p2p.RelayConfig{Off: !cfg.Relay.Enabled, Rate: int64(cfg.Relay.Rate), Circuits: cfg.Relay.Circuits}, Log: n.log.With("part", "p2p"), OnEvent: n.onNetEvent,
		Listen: n.opts.Listen, Hosts: cfg.Listen.Hosts, Port: ports[0], FixedPort: fixed,
	})
}

// keepPort remembers the port this node took, so that peers find it where it
// was. A port that the owner set needs no remembering.
func (n *Node) keepPort() error {
	port := n.net.Port()
	l := n.config.Get().Listen
	if _, fixed := l.Ports(); fixed || len(n.opts.Listen) > 0 || n.opts.Port != 0 || port == 0 || port == l.Kept {
		return nil
	}
	return n.config.Update(func(c *config.Config) error {
		c.Listen.Kept = port
		return nil
	})
}

// dialRoots goes to the addresses that the owner named, if they are not known
// under some peer already. One that does not answer is not a failure of this node.
func (n *Node) dialRoots(ctx context.Context) {
	for _, addr := range n.config.Get().RootNodes {
		n.local.start(func(own context.Context) {
			ctx, cancel := context.WithTimeout(own, 30*time.Second)
			defer cancel()
			if _, err := n.net.AddAddr(ctx, addr); err != nil {
				n.log.Info("a root node does not answer", "addr", addr, "err", err)
			}
		})
	}
}

// onNetEvent publishes an event of the network and lets the engine look at the
// peers again.
func (n *Node) onNetEvent(e api.Event) {
	n.hub.Publish(e)
	if n.wired.Load() && (e.Type == api.EventPeer || e.Type == api.EventMember) {
		n.jobs.PeersChanged()
	}
	if n.wired.Load() && e.Type == api.EventMember {
		n.announceLending() // this node's own role may be another
		n.server.Recheck(n.roles)
		n.recheckContainers()
		n.recheckShells()
		n.recheckTunnels()
	}
}

// roles is the role of every member that may be a caller.
func (n *Node) roles() map[api.PeerID]api.Role { return rolesOf(n.net.Members(), time.Now()) }

// rolesOf leaves out whom the network would refuse. This node stays its own
// member whatever others hold of it.
func rolesOf(members []api.Member, now time.Time) map[api.PeerID]api.Role {
	roles := map[api.PeerID]api.Role{}
	for _, m := range members {
		if m.Self || !m.Revoked && !now.Add(-membership.Tolerance).After(m.Expires) {
			roles[m.ID] = m.Role
		}
	}
	return roles
}

// nameOf is what a peer calls itself.
func (n *Node) nameOf(id api.PeerID) string {
	p, ok := n.net.Peer(id)
	if !ok {
		return ""
	}
	return p.Name
}

// members is the membership for the API.
type members struct{ n *Node }

func (m members) Invite(ctx context.Context, req api.InviteRequest) (api.InviteToken, error) {
	return m.n.net.Invite(ctx, req)
}
func (m members) Invites() []api.Invite { return m.n.net.Invites() }
func (m members) RevokeInvite(ctx context.Context, id api.InviteID) error {
	return m.rechecked(m.n.net.RevokeInvite(ctx, id))
}

// Join takes the node into another network, and the engine with it.
func (m members) Join(ctx context.Context, token string) (api.JoinResult, error) {
	return m.n.net.Join(ctx, token)
}
func (m members) Leave(ctx context.Context) error { return m.n.net.Leave(ctx) }
func (m members) Members() []api.Member           { return m.n.net.Members() }
func (m members) ExportKey(passphrase string) (api.NetworkKey, error) {
	return m.n.net.ExportKey(passphrase)
}
func (m members) RemoveKey(ctx context.Context, export, passphrase string) error {
	return m.n.net.RemoveKey(ctx, export, passphrase)
}
func (m members) RestoreKey(ctx context.Context, export, passphrase string) (api.JoinResult, error) {
	return m.n.net.RestoreKey(ctx, export, passphrase)
}
func (m members) SetRole(ctx context.Context, node api.PeerID, role api.Role) error {
	return m.rechecked(m.n.net.SetRole(ctx, node, role))
}
func (m members) Revoke(ctx context.Context, req api.RevokeRequest) error {
	return m.rechecked(m.n.net.Revoke(ctx, req))
}

// rechecked has what a member maps here gone when its owner hears that it is taken away.
func (m members) rechecked(err error) error {
	if err == nil {
		m.n.recheckTunnels()()
	}
	return err
}

// lends tells whether this node takes work from others now: its owner and its
// role let it.
func (n *Node) lends() bool {
	return n.config.Get().Lend.Enabled && n.net.Self().Role.Lends()
}

// lendStatus is the server's, or off.
func (n *Node) lendStatus() api.LendStatus {
	s := n.server.Status()
	if !n.lends() {
		s.State, s.Free = api.LendOff, api.Resources{}
	}
	return s
}

// announceLending puts what is lent now into the record. It is called often and
// from anywhere: p2p publishes changes together.
func (n *Node) announceLending() {
	if !n.wired.Load() {
		return
	}
	s, paused, looking := n.lendStatus(), n.paused(), n.lends() && n.server.Looking()
	lent := slices.DeleteFunc(slices.Clone(s.Runtimes), func(r api.RuntimeInfo) bool { return !r.Available || !r.Enabled })
	if s.State == api.LendOff {
		lent, s.Total = nil, api.Resources{}
	}
	n.net.Announce(func(r *api.Record) {
		r.Lending, r.Looking, r.Total, r.Free, r.Runtimes = s.State, looking, s.Total, s.Free, lent
		r.Gateway = !paused && policy.Gateway(n.server.Policy())
	})
	n.jobs.PeersChanged() // this node is one of the lenders it may use
	if paused {
		n.recheckTunnels()
	}
}

// paused tells whether this node's owner, or the hours he set, let nobody use it
// now: also its ports, which are open to members whether or not it lends.
func (n *Node) paused() bool { return n.server.Status().State == api.LendPaused }
