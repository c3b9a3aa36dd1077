package p2p

import (
	"context"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

var errConnClosed = errors.New("the connection was closed")

// notifiee hears of connections from the host.
type notifiee session

func (nf *notifiee) Connected(_ network.Network, c network.Conn) { (*session)(nf).proofOf(c) }
func (nf *notifiee) Disconnected(_ network.Network, c network.Conn) {
	(*session)(nf).closed(c)
}
func (nf *notifiee) Listen(network.Network, multiaddr.Multiaddr)      {}
func (nf *notifiee) ListenClose(network.Network, multiaddr.Multiaddr) {}

// proofOf is a connection's proof, begun when first asked for: on a connection
// that we dialed we say hello, on one that came in we wait for theirs.
func (s *session) proofOf(c network.Conn) *proof {
	s.mu.Lock()
	p := s.proofs[c]
	if p != nil {
		s.mu.Unlock()
		return p
	}
	p = &proof{done: make(chan struct{})}
	if s.closing || c.IsClosed() {
		s.mu.Unlock()
		s.settle(c, p, errConnClosed)
		return p
	}
	s.proofs[c] = p
	s.unproven++
	crowded := s.unproven > maxUnproven && c.Stat().Direction == network.DirInbound
	s.mu.Unlock()
	if crowded {
		s.go_(func() { s.refuse(c, "connected", errors.New("too many connections wait to prove membership")) })
		return p
	}
	s.go_(func() {
		if c.Stat().Direction == network.DirOutbound {
			ctx, cancel := context.WithTimeout(s.ctx, proveTime)
			defer cancel()
			s.sayHello(ctx, c, p)
			return
		}
		t := time.NewTimer(proveTime)
		defer t.Stop()
		select {
		case <-p.done:
		case <-s.ctx.Done():
		case <-t.C:
			s.refuse(c, "connected", api.Errorf(api.KindDenied, "it did not prove membership in %s", proveTime))
		}
	})
	return p
}

// settle ends a proof, once: with nil the other end is a member that is
// connected from now on. The connection of one that just joined (joined) is no link:
// it comes from a host that only dials, and ends with the joining.
func (s *session) settle(c network.Conn, p *proof, err error) { s.settleAs(c, p, err, false) }

func (s *session) settleAs(c network.Conn, p *proof, err error, joined bool) {
	p.once.Do(func() {
		pid := c.RemotePeer()
		s.mu.Lock()
		counted := s.proofs[c] == p
		if counted {
			s.unproven--
		}
		p.err, p.ok = err, err == nil && !joined
		first := false
		if p.ok && counted {
			l := s.links[pid]
			if l == nil {
				l, first = &link{}, true
				s.links[pid] = l
			}
			l.conns++
		}
		s.mu.Unlock()
		close(p.done)
		switch {
		case first:
			s.linked(pid)
		case p.ok && counted:
			s.emitPeer(api.PeerID(pid.String())) // its path may be another now
			s.leaveSilent(c)
		}
	})
}

// linked is called once for a member that became connected.
func (s *session) linked(pid peer.ID) {
	id := api.PeerID(pid.String())
	s.gater.forgive(pid)
	s.gossip.admitted(pid)
	if s.pool.table.alive(id, s.n.cfg.now(), 0) {
		s.emitPeer(id)
	}
	nudge(s.lookOut)
}

// closed forgets a connection. When it was a live member's last one, the member
// is probed at once: that is how a killed node is found out.
func (s *session) closed(c network.Conn) {
	pid := c.RemotePeer()
	s.reach.forget(c)
	s.lanes.leave(c)
	nudge(s.lookOut)
	s.mu.Lock()
	p := s.proofs[c]
	lost := false
	var l *link
	if p != nil && p.ok {
		p.ok = false // it may be heard of twice
		if l = s.links[pid]; l != nil {
			if l.conns--; l.conns == 0 {
				delete(s.links, pid)
				lost = true
			}
		}
	}
	s.mu.Unlock()
	if p != nil {
		s.settle(c, p, errConnClosed)
		s.mu.Lock()
		if s.dialing[pid] == 0 {
			delete(s.proofs, c)
		}
		s.mu.Unlock()
	}
	if lost {
		s.go_(func() {
			l.ping.close()
			s.lostLink(pid)
		})
	}
}

// proven tells whether a member is connected and proved.
func (s *session) proven(pid peer.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.links[pid] != nil
}

// provedConns are the open connections to a member on which both sides are proved.
func (s *session) provedConns(pid peer.ID) (out []network.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.host.Network().ConnsToPeer(pid) {
		if p := s.proofs[c]; p != nil && p.ok && !c.IsClosed() {
			out = append(out, c)
		}
	}
	return out
}

// newestConn is the one of them that came last, a direct one if there is one; nil if there
// is none.
func (s *session) newestConn(pid peer.ID) (newest network.Conn) {
	better := func(a, b network.Conn) bool {
		if ra, rb := relayed(a.RemoteMultiaddr()), relayed(b.RemoteMultiaddr()); ra != rb {
			return rb
		}
		return a.Stat().Opened.After(b.Stat().Opened)
	}
	for _, c := range s.provedConns(pid) {
		if newest == nil || better(c, newest) {
			newest = c
		}
	}
	return newest
}

// linkCount is how many members are connected.
func (s *session) linkCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.links)
}

// connect makes sure that a member is connected and both sides are proved.
// Errors: KindUnavailable when it cannot be reached, KindDenied when one side refused.
func (s *session) connect(ctx context.Context, id api.PeerID) (peer.ID, error) {
	pid, err := s.dialable(id)
	if err != nil || s.proven(pid) {
		return pid, err
	}
	return pid, s.connectTo(ctx, pid)
}

func (s *session) connectTo(ctx context.Context, pid peer.ID) error {
	// A refusal can close the connection before DialPeer has returned it here.
	s.mu.Lock()
	s.dialing[pid]++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.dialing[pid]--; s.dialing[pid] > 0 {
			return
		}
		delete(s.dialing, pid)
		for c := range s.proofs {
			if c.RemotePeer() == pid && c.IsClosed() {
				delete(s.proofs, c)
			}
		}
	}()
	forgetBackoff(s.host, pid)
	dial, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.go_(func() { s.giveUpIfRefused(dial, pid, cancel) })
	c, err := s.host.Network().DialPeer(dial, pid)
	if err != nil {
		s.noteFalse(pid, err)
		if errors.Is(context.Cause(dial), errRefused) {
			err = errRefused
		}
		return &api.Error{Kind: api.KindUnavailable, Msg: "cannot reach " + api.PeerID(pid.String()).Short(), Err: err, Hint: "is it up? `p2prc peers` shows when it was last seen"}
	}
	p := s.proofOf(c)
	select {
	case <-p.done:
		if p.err == nil || api.KindOf(p.err) != api.KindInternal {
			return p.err
		}
		return &api.Error{Kind: api.KindUnavailable, Msg: "lost the connection to " + api.PeerID(pid.String()).Short(), Err: p.err}
	case <-ctx.Done():
		return &api.Error{Kind: api.KindTimeout, Msg: api.PeerID(pid.String()).Short() + " did not prove its membership in time", Err: ctx.Err()}
	case <-s.ctx.Done():
		return api.Errorf(api.KindUnavailable, "the node is stopping")
	}
}

// refuse ends a connection of somebody who has no membership, counts it, tells
// the owner, and remembers.
func (s *session) refuse(c network.Conn, did string, why error) {
	pid := c.RemotePeer()
	id := api.PeerID(pid.String())
	s.mu.Lock()
	p := s.proofs[c]
	s.mu.Unlock()
	if p != nil {
		s.settle(c, p, why)
	}
	defer func() {
		if err := c.Close(); err != nil {
			s.log.Debug("close", "err", err)
		}
	}()
	if s.isMember(pid) { // slow or broken, but one of us
		s.log.Debug("gave up a connection", "peer", string(id), "did", did, "why", why.Error())
		return
	}
	s.gater.strike(pid)
	counter, what := s.n.counters.refusedStrangers, "stranger"
	if _, known := s.pool.table.get(id); known {
		counter, what = s.n.counters.refusedMembers, "former member"
	}
	counter.Add(1)
	s.log.Warn("refused a "+what, "peer", string(id), "addr", c.RemoteMultiaddr().String(), "did", did, "why", why.Error())
	s.n.cfg.OnEvent(api.Event{Time: s.n.cfg.now(), Type: api.EventRefused, Msg: what + " " + string(id) + " at " + c.RemoteMultiaddr().String() + ": " + why.Error()})
}
