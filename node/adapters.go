package node

import (
	"context"
	"maps"
	"net"
	"net/http"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/blob"
	"github.com/Akilan1999/p2p-rendering-computation/client/container"
	"github.com/Akilan1999/p2p-rendering-computation/client/forward"
	"github.com/Akilan1999/p2p-rendering-computation/client/job"
	"github.com/Akilan1999/p2p-rendering-computation/client/mapping"
	"github.com/Akilan1999/p2p-rendering-computation/config"
	"github.com/Akilan1999/p2p-rendering-computation/gateway"
	"github.com/Akilan1999/p2p-rendering-computation/image"
	"github.com/Akilan1999/p2p-rendering-computation/internal/bufpipe"
	"github.com/Akilan1999/p2p-rendering-computation/node/routes"
	"github.com/Akilan1999/p2p-rendering-computation/p2p"
	"github.com/Akilan1999/p2p-rendering-computation/server"
	lent "github.com/Akilan1999/p2p-rendering-computation/server/container"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/docker"
	"github.com/Akilan1999/p2p-rendering-computation/server/shell"
	"github.com/Akilan1999/p2p-rendering-computation/store"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// Each part meets its users' interfaces here.
var (
	_ p2p.Store         = networkStore{}
	_ server.Store      = (*store.Lending)(nil)
	_ job.Store         = (*store.Jobs)(nil)
	_ blob.Index        = (*store.Blobs)(nil)
	_ blob.Dialer       = (*dialer)(nil)
	_ job.Dialer        = (*dialer)(nil)
	_ job.Directory     = pool{}
	_ job.Blobs         = (*blob.Store)(nil)
	_ job.Fetcher       = (*blob.Exchange)(nil)
	_ server.Blobs      = (*blob.Store)(nil)
	_ server.Fetch      = (*blob.Exchange)(nil)
	_ server.Settings   = settings{}
	_ routes.Node       = (*Node)(nil)
	_ routes.Pool       = pool{}
	_ routes.Members    = members{}
	_ routes.Blobs      = (*blob.Store)(nil)
	_ routes.Jobs       = (*job.Engine)(nil)
	_ routes.Lender     = lender{}
	_ routes.Containers = places{}
	_ routes.Groups     = (*container.Book)(nil)
	_ routes.Mappings   = (*mapping.Book)(nil)
	_ routes.Gateway    = (*gateway.Gateway)(nil)
	_ mapping.Store     = (*store.Documents)(nil)
	_ mapping.Targets   = (*forward.Forwarder)(nil)
	_ container.Store   = (*store.Documents)(nil)
	_ lent.Store        = (*store.Documents)(nil)
	_ lent.Room         = (*server.Server)(nil)
	_ shell.Room        = (*server.Server)(nil)
	_ routes.Images     = images{}
	_ image.Engine      = (*docker.Engine)(nil)
	_ image.Store       = (*store.Images)(nil)
	_ image.Blobs       = (*blob.Store)(nil)
	_ image.Fetch       = (*blob.Exchange)(nil)
	_ image.Dialer      = (*dialer)(nil)
	_ server.Images     = (*image.Keeper)(nil)
	_ job.Images        = (*image.Keeper)(nil)
)

// networkStore is what the network keeps.
type networkStore struct {
	*store.Membership
	*store.Peers
}

// Load is the owner's limits and policy.
func (s settings) Load() (api.Limits, []api.Rule) {
	c := s.file.Get()
	return c.Lend.Limits, c.Lend.Policy
}

// Commit verifies and saves both.
func (s settings) Commit(_ context.Context, l api.Limits, rules []api.Rule) error {
	return s.file.Update(func(c *config.Config) error {
		c.Lend.Limits, c.Lend.Policy = l, rules
		return nil
	})
}

// serve handles one stream of a protocol.
type serve = func(ctx context.Context, from api.Caller, st wire.Stream)

// dialer opens streams to members, and to this node itself in memory: a node
// that borrows from itself takes the same way as any other, but libp2p does not
// dial its own host.
type dialer struct {
	net   *p2p.Net
	self  map[string]serve // by protocol; not changed once streams are opened
	local *tasks
}

// selfBuffer is how many bytes a stream to oneself holds each way.
const selfBuffer = 256 << 10

// OpenStream opens a stream to peer, which may be this node.
func (d *dialer) OpenStream(ctx context.Context, peer api.PeerID, protocol string) (wire.Stream, error) {
	if peer != d.net.ID() {
		return d.net.OpenStream(ctx, peer, protocol)
	}
	h, ok := d.self[protocol]
	if !ok {
		return nil, api.Errorf(api.KindUnsupported, "this node does not speak %s", protocol)
	}
	near, far := bufpipe.Pair(selfBuffer)
	caller := api.Caller{Peer: peer, Role: d.net.Self().Role}
	if !d.local.start(func(ctx context.Context) {
		// A handler waits for its stream; the end of the node must end the stream.
		stop := context.AfterFunc(ctx, func() { _ = far.Reset() }) // cannot fail
		defer stop()
		h(ctx, caller, far)
		_ = far.Close() // cannot fail
	}) {
		return nil, api.Errorf(api.KindUnavailable, "this node is stopping")
	}
	return near, nil
}

// OpenLane is OpenStream for a stream that may have a connection of its own.
func (d *dialer) OpenLane(ctx context.Context, peer api.PeerID, protocol string) (wire.Stream, error) {
	if peer == d.net.ID() {
		return d.OpenStream(ctx, peer, protocol)
	}
	return d.net.OpenLane(ctx, peer, protocol)
}

// KeepLanes has such connections ready.
func (d *dialer) KeepLanes(peer api.PeerID) { d.net.KeepLanes(peer) }

// pool is the peer table for the API and for the engine.
type pool struct {
	*p2p.Net
	n *Node
}

// Where makes a test of an expression over peers.
func (p pool) Where(expr string) (func(*api.Peer) bool, error) { return job.Where(expr) }

// Peers is the table; this node's own row says what it says now, which others
// hear a tenth of a second later.
func (p pool) Peers() []api.Peer {
	peers := p.Net.Peers()
	for i := range peers {
		if peers[i].ID == p.ID() {
			p.ownWord(&peers[i])
		}
	}
	return peers
}

// Peer is one row of the table.
func (p pool) Peer(id api.PeerID) (api.Peer, bool) {
	row, ok := p.Net.Peer(id)
	if ok && id == p.ID() {
		p.ownWord(&row)
	}
	return row, ok
}

func (p pool) ownWord(row *api.Peer) {
	p.Announce(func(r *api.Record) {
		now := *r
		now.Seq, now.Time, now.Role, now.Addrs = row.Seq, row.Time, row.Role, row.Addrs
		row.Record = now
		row.Labels = maps.Clone(r.Labels)
	})
}

// PeerSpecs asks a peer's door what its machine is.
func (p pool) PeerSpecs(ctx context.Context, id api.PeerID) (api.Specs, error) {
	if id == p.ID() {
		return p.n.Specs(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	return api.NewHTTPClient("http://"+string(id), p.n.doors).Specs(ctx)
}

// peerDoors is an HTTP client whose hosts are peer ids.
func peerDoors(n *p2p.Net) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			return n.DialConn(ctx, api.PeerID(host), PeersDoor)
		},
		DisableCompression: true, MaxIdleConns: 16, MaxIdleConnsPerHost: 1, IdleConnTimeout: 30 * time.Second,
		ResponseHeaderTimeout: 15 * time.Second, MaxResponseHeaderBytes: 8 << 10,
	}}
}

// lender is the lending side for the API: a node that does not lend says so.
type lender struct {
	*server.Server
	n *Node
}

// Status is the lending side at a glance.
func (l lender) Status() api.LendStatus { return l.n.lendStatus() }

// Limits are those the owner set, zeros and all, so that they can be changed and
// put back; what they come to is in Status.
func (l lender) Limits() api.Limits { return l.n.config.Get().Lend.Limits }

// serveLease hands a borrower's stream to the lending side, if this node lends.
func (n *Node) serveLease(ctx context.Context, from api.Caller, st wire.Stream) {
	why := n.lendsNot(from)
	if why == "" {
		n.server.ServeLease(ctx, from, st)
		return
	}
	n.refused(from.String(), lease.Protocol, why)
	if err := st.SetWriteDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return
	}
	err := wire.NewWriter(st, lease.MaxFrame).Send(lease.KindRefuse, lease.Refuse{Kind: api.KindDenied, Msg: why})
	n.log.Debug("lease refused", "peer", from.Peer, "reason", why, "err", err)
}

// lendsNot says why this node lends nothing to a member, or nothing.
func (n *Node) lendsNot(to api.Caller) string {
	switch {
	case !n.config.Get().Lend.Enabled:
		return "this node does not lend"
	case !n.net.Self().Role.Lends():
		return "this node's role does not lend"
	case !to.Role.Borrows():
		return "role " + string(to.Role) + " does not borrow"
	}
	return ""
}
