package p2p

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

const (
	dialBacks      = 4           // under way at a time
	dialBacksEach  = 6           // for one member within dialBackWindow
	dialBackWindow = time.Minute //
	dialBackTime   = 600 * time.Millisecond
)

// dialBack is the answering side of reachProtocol: a member learns how it is
// seen, whether it can be dialed, and where another member is. Nobody can be made a
// scanner by it: the only address ever dialed is the one the asker itself speaks from, at
// four ports of a kind at most, for the asker's own key, and not often.
type dialBack struct {
	s      *session
	slots  chan struct{}
	asks   *allowance // to be dialed
	wheres *allowance // where another is
}

func newDialBack(s *session) *dialBack {
	return &dialBack{s: s, slots: make(chan struct{}, dialBacks), asks: newAllowance(dialBacksEach, dialBackWindow), wheres: newAllowance(wheresEach, dialBackWindow)}
}

func (d *dialBack) serve(st network.Stream) {
	if !d.s.track() {
		resetStream(d.s, st)
		return
	}
	defer d.s.tasks.Done()
	wait := lookTime + d.s.patience()
	ctx, cancel := context.WithTimeout(d.s.ctx, wait)
	defer cancel()
	err := st.SetDeadline(time.Now().Add(wait))
	if err == nil {
		err = d.answer(ctx, newLooking(st), st.Conn())
	}
	if err != nil {
		resetStream(d.s, st)
		return
	}
	if err := st.Close(); err != nil {
		d.s.log.Debug("close", "err", err)
	}
}

// answer tells the asker its address, and then, if it asks for that, dials it.
func (d *dialBack) answer(ctx context.Context, l looking, c network.Conn) error {
	kind, payload, err := l.r.Next()
	if err != nil {
		return err
	}
	switch kind {
	case frameWhere:
		return d.where(l, c.RemotePeer(), payload)
	case frameLook:
	default:
		return wire.UnknownKind(kind)
	}
	at := c.RemoteMultiaddr()
	addr, _, err := addrPort(at)
	if err != nil {
		return err // relayed: nothing is seen of it
	}
	if err := l.w.Send(frameSeen, seen{Addr: at.String(), Time: d.s.n.cfg.now().UnixMilli()}); err != nil {
		return err
	}
	var claims ports
	if err := l.next(frameDial, &claims); err != nil {
		return nil // it wanted to look only
	}
	if len(claims.TCP) > maxClaims || len(claims.UDP) > maxClaims {
		return api.Errorf(api.KindTooLarge, "too many ports")
	}
	if !d.asks.allow(c.RemotePeer(), time.Now()) {
		d.s.n.counters.refusedDialBacks.Add(1)
		return api.Errorf(api.KindQuota, "asked too often")
	}
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	reached, err := d.dial(ctx, c.RemotePeer(), addr.Addr(), claims)
	if err != nil {
		return err
	}
	return l.w.Send(frameReached, reached)
}

// dial tries a member's ports all at once, as somebody it has never sent a packet
// to: from other ports than this node's own, which the member's router may have
// opened already.
func (d *dialBack) dial(ctx context.Context, to peer.ID, ip netip.Addr, claims ports) (ports, error) {
	key, err := newKey()
	if err != nil {
		return ports{}, err
	}
	h, err := newHost(key, newGater(d.s.n.cfg.now, ""), nil, nil)
	if err != nil {
		return ports{}, err
	}
	defer func() {
		if err := h.Close(); err != nil {
			d.s.log.Debug("close", "err", err)
		}
	}()
	wait := dialBackTime + d.s.patience()
	if e, ok := d.s.pool.table.get(api.PeerID(to.String())); ok {
		wait += min(6*e.latency, time.Second)
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	var mu sync.Mutex
	var out ports
	var wg sync.WaitGroup
	try := func(port uint16, udp bool, list *[]uint16) {
		wg.Go(func() {
			if port != 0 && answers(ctx, h, to, netip.AddrPortFrom(ip, port), udp) {
				mu.Lock()
				defer mu.Unlock()
				*list = append(*list, port)
			}
		})
	}
	for _, p := range claims.TCP {
		try(p, false, &out.TCP)
	}
	for _, p := range claims.UDP {
		try(p, true, &out.UDP)
	}
	wg.Wait()
	return out, nil
}

// answers tells whether a node with this id answers there.
func answers(ctx context.Context, h host.Host, id peer.ID, at netip.AddrPort, udp bool) bool {
	a, err := multiaddrOf(at, udp)
	if err != nil {
		return false
	}
	sw, ok := h.Network().(*swarm.Swarm)
	if !ok {
		return false
	}
	c, err := sw.TransportForDialing(a).Dial(ctx, a, id)
	if err != nil {
		return false
	}
	_ = c.Close() // that it could be opened is all
	return true
}
