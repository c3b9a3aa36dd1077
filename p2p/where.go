package p2p

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

const (
	wheresEach = 30 // for one member within dialBackWindow
	maxWheres  = 3  // members that are asked where another is
	maxThere   = 4  // addresses in an answer
)

// whom is a member that is asked for.
type whom struct {
	Peer api.PeerID `json:"peer"`
}

// there are the IP addresses from which a member is connected without a relay.
type there struct {
	IPs []netip.Addr `json:"ips"`
}

// public are those that packets may be sent to.
func (t there) public() []netip.Addr {
	return slices.DeleteFunc(t.IPs[:min(len(t.IPs), maxThere)], func(ip netip.Addr) bool { return !ip.Is4() || !isPublic(ip) })
}

// where tells a member from which addresses another one is connected.
func (d *dialBack) where(l looking, from peer.ID, payload []byte) error {
	var q whom
	if err := wire.Decode(payload, &q); err != nil {
		return err
	}
	if !d.wheres.allow(from, d.s.n.cfg.now()) {
		d.s.n.counters.refusedDialBacks.Add(1)
		return api.Errorf(api.KindQuota, "asked too often")
	}
	pid, err := peer.Decode(string(q.Peer))
	if err != nil || !d.s.isMember(pid) {
		return errNotMember
	}
	a := there{IPs: []netip.Addr{}}
	for _, c := range d.s.host.Network().ConnsToPeer(pid) {
		at, _, err := addrPort(c.RemoteMultiaddr())
		if err == nil && !slices.Contains(a.IPs, at.Addr()) && len(a.IPs) < maxThere {
			a.IPs = append(a.IPs, at.Addr())
		}
	}
	return l.w.Send(frameThere, a)
}

var errNowhere = errors.New("those that relay for it do not agree where it is")

// whereIs is the public IPv4 address at which a member is seen by those that
// relay for it, and are asked here: one that sees it at another makes it nowhere. Its own word
// does not count, and not theirs that are not connected with this node.
func (s *session) whereIs(ctx context.Context, pid peer.ID) (netip.Addr, error) {
	var mu sync.Mutex // guards seen
	var seen []netip.Addr
	var asking sync.WaitGroup
	for _, relay := range s.relaysOf(pid) {
		asking.Go(func() {
			a, err := s.askWhere(ctx, relay, pid)
			if err != nil {
				s.log.Debug("where", "peer", relay.RemotePeer().String(), "err", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, a.public()...)
		})
	}
	asking.Wait()
	slices.SortFunc(seen, netip.Addr.Compare)
	if seen = slices.Compact(seen); len(seen) != 1 || isOwn(seen[0], s.ownNets()) {
		return netip.Addr{}, errNowhere
	}
	return seen[0], nil
}

// relaysOf are connections to members that relay for another: through whom it is
// connected first, then those its record names.
func (s *session) relaysOf(pid peer.ID) (out []network.Conn) {
	var named []peer.ID
	for _, c := range s.host.Network().ConnsToPeer(pid) {
		if relay, ok := relayOf(c.RemoteMultiaddr()); ok {
			named = append(named, relay)
		}
	}
	if e, ok := s.pool.table.get(api.PeerID(pid.String())); ok {
		if info, err := addrInfo(e.rec); err == nil {
			for _, a := range info.Addrs {
				if relay, ok := relayOf(a); ok {
					named = append(named, relay)
				}
			}
		}
	}
	for _, relay := range named {
		c := s.directConn(relay)
		if c != nil && s.isMember(relay) && relay != pid && !slices.Contains(out, c) && len(out) < maxWheres {
			out = append(out, c)
		}
	}
	return out
}

func (s *session) askWhere(ctx context.Context, c network.Conn, pid peer.ID) (a there, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	st, err := openOn(ctx, c, reachProtocol)
	if err != nil {
		return a, err
	}
	defer resetStream(s, st)
	l := newLooking(st)
	if err := l.w.Send(frameWhere, whom{api.PeerID(pid.String())}); err != nil {
		return a, err
	}
	return a, l.next(frameThere, &a)
}
