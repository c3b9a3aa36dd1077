package p2p

import (
	"context"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/suggest"
)

// Peers lists every member of which a record is known, by name; this node is
// among them with State self.
func (n *Net) Peers() []api.Peer {
	p, s := n.current(), n.session()
	entries := p.table.list()
	out := make([]api.Peer, 0, len(entries)+1)
	self := false
	for _, e := range entries {
		out = append(out, n.view(p, s, e))
		self = self || e.rec.ID == n.id
	}
	if !self {
		out = append(out, n.selfPeer(p))
	}
	return out
}

// Peer is one of Peers.
func (n *Net) Peer(id api.PeerID) (api.Peer, bool) {
	p, s := n.current(), n.session()
	if e, ok := p.table.get(id); ok {
		return n.view(p, s, e), true
	}
	if id == n.id {
		return n.selfPeer(p), true
	}
	return api.Peer{}, false
}

// selfPeer is this node before it first listened.
func (n *Net) selfPeer(p *pool) api.Peer {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := api.Peer{Record: n.record, State: api.PeerSelf, Path: api.PathSelf, LastSeen: n.cfg.now().UTC()}
	if role, err := p.log.Check(n.id, n.cfg.now()); err == nil {
		out.Role = role
	}
	return out
}

func (n *Net) view(p *pool, s *session, e entry) api.Peer {
	now := n.cfg.now()
	out := api.Peer{Record: e.rec, State: e.state, Path: api.PathNone, Latency: api.Duration(e.latency), LastSeen: e.seen.UTC()}
	role, err := p.log.Check(e.rec.ID, now)
	out.Role = role // what a node says of its own role does not count
	switch {
	case e.rec.ID == n.id:
		out.State, out.Path, out.LastSeen = api.PeerSelf, api.PathSelf, now.UTC()
	case err != nil:
		out.State = api.PeerRevoked
	case s != nil:
		out.Path, out.Via, out.Addr = s.path(e.rec.ID)
		if pid, err := peer.Decode(string(e.rec.ID)); err == nil {
			out.Traffic = s.trafficOf(pid).view()
		}
	}
	return out
}

// Ping measures a round trip to a member, and marks it alive or dead by it.
// Errors are those of OpenStream.
func (n *Net) Ping(ctx context.Context, id api.PeerID) (time.Duration, error) {
	s, err := n.connected(ctx)
	if err != nil {
		return 0, err
	}
	if id == n.id {
		return 0, nil
	}
	if _, err := s.pool.log.Check(id, n.cfg.now()); err != nil {
		if !s.pool.log.Knows(id) {
			return 0, api.Errorf(api.KindNotFound, "no member %s", id.Short()).WithHint("`p2prc peers` lists them")
		}
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, proveTime)
	defer cancel()
	return s.probe(ctx, id)
}

// Refresh probes every known member, a few at a time, and returns when all have
// answered or are marked dead. A failed round empties nothing.
func (n *Net) Refresh(ctx context.Context) error {
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	for _, p := range n.Peers() {
		if p.State == api.PeerSelf || p.State == api.PeerRevoked {
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			wg.Wait()
			return ctx.Err()
		}
		wg.Go(func() {
			defer func() { <-slots }()
			one, cancel := context.WithTimeout(ctx, probeTime+time.Second)
			defer cancel()
			if _, err := n.Ping(one, p.ID); err != nil {
				n.log.Debug("refresh", "peer", string(p.ID), "err", err)
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}

// Resolve finds the one peer that a word means: self, a name, a unique prefix or
// suffix of an id, or an address in the table. Otherwise KindNotFound, or
// KindInvalid when it could mean several.
func (n *Net) Resolve(word string) (api.PeerID, error) {
	if word == "" {
		return "", api.Errorf(api.KindInvalid, "no peer named").WithHint("p2prc peers lists them")
	}
	if word == "self" {
		return n.id, nil
	}
	peers := n.Peers()
	// An exact match of a kind wins over what merely begins or ends like it.
	for _, match := range []func(api.Peer) bool{
		func(p api.Peer) bool { return string(p.ID) == word },
		func(p api.Peer) bool { return p.Name == word },
		func(p api.Peer) bool { return hasAddr(p, word) },
		func(p api.Peer) bool {
			return len(word) >= 3 && (strings.HasPrefix(string(p.ID), word) || strings.HasSuffix(string(p.ID), word))
		},
	} {
		var found []api.Peer
		for _, p := range peers {
			if match(p) {
				found = append(found, p)
			}
		}
		switch {
		case len(found) == 1:
			return found[0].ID, nil
		case len(found) > 1:
			var which []string
			for _, p := range found[:min(len(found), 4)] {
				which = append(which, p.Name+" ("+p.ID.Short()+")")
			}
			return "", api.Errorf(api.KindInvalid, "%q could be %d peers", word, len(found)).WithHint("say which by the end of its id: %s", strings.Join(which, ", "))
		}
	}
	err := api.Errorf(api.KindNotFound, "no peer %q", word).WithHint("p2prc peers lists names and ids")
	var names []string
	for _, p := range peers {
		names = append(names, p.Name)
	}
	if near := suggest.Closest(word, names); near != "" {
		return "", err.WithHint("did you mean %s?", near)
	}
	return "", err
}

// hasAddr tells whether word is an address of p: a multiaddr, HOST:PORT or HOST.
func hasAddr(p api.Peer, word string) bool {
	for _, a := range append([]string{p.Addr}, p.Addrs...) {
		if a == "" {
			continue
		}
		if a == word || a+"/p2p/"+string(p.ID) == word {
			return true
		}
		m, err := multiaddr.NewMultiaddr(a)
		if err != nil {
			continue
		}
		na, err := manet.ToNetAddr(m)
		if err != nil {
			continue
		}
		if na.String() == word {
			return true
		}
		if host, _, err := net.SplitHostPort(na.String()); err == nil && host == word {
			return true
		}
	}
	return false
}
