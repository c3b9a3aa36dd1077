package p2p

import (
	"context"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/multiformats/go-multiaddr"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/p2p/membership"
)

// Join enters the network that a token invites to; the home must be alone in
// its own. It works with no host running, and a running one goes on in the new
// network. Errors: KindInvalid for a garbled or truncated token, KindConflict when the
// home is in a network with others or in that one already, KindDenied when the token is expired,
// used up, revoked or for another node, or a clock is wrong; KindUnavailable when no
// member can be reached.
func (n *Net) Join(ctx context.Context, token string) (api.JoinResult, error) {
	res, err := n.join(ctx, token)
	if err != nil {
		kind := api.KindOf(err)
		return res, &api.Error{Op: "join", Kind: kind, Msg: messageOf(err), Hint: api.HintOf(err), Err: silent{err}}
	}
	return res, nil
}

// silent keeps a cause whose text already stands in the message.
type silent struct{ error }

func (silent) Error() string   { return "" }
func (s silent) Unwrap() error { return s.error }

func messageOf(err error) string {
	var e *api.Error
	if errors.As(err, &e) {
		return (&api.Error{Kind: e.Kind, Msg: e.Msg, Err: e.Err}).Error()
	}
	return err.Error()
}

func (n *Net) join(ctx context.Context, token string) (api.JoinResult, error) {
	var none api.JoinResult
	t, err := membership.ParseToken(token)
	if err != nil {
		return none, err
	}
	n.joining.Lock()
	defer n.joining.Unlock()
	old := n.current()
	now := n.cfg.now()
	switch {
	case t.Network == old.id:
		if _, err := old.log.Check(n.id, now); err != nil {
			return none, err
		}
		return none, api.Errorf(api.KindConflict, "this node is in that network already").WithHint("use the token on another machine")
	case !old.alone(n.id):
		return none, api.Errorf(api.KindConflict, "this home is in a network with others").WithHint("`p2prc leave` first")
	case now.Add(-membership.Tolerance).After(t.Expires):
		return none, api.Errorf(api.KindDenied, "the invite expired at %s", t.Expires.Format(time.RFC3339)).WithHint("ask for a new one; if that time is not past, set this machine's clock")
	case len(t.Members) == 0:
		return none, api.Errorf(api.KindInvalid, "the token names no member to reach").WithHint("make the invite on a node that is up")
	}
	j := &joiner{n: n, token: t}
	if j.pool, err = openPool(ctx, t.Network, nil, n.cfg.Store, n.id, n.log); err != nil {
		return none, err
	}
	res, err := j.run(ctx)
	if err != nil {
		return none, err
	}
	if err := j.pool.savePeers(ctx); err != nil {
		return none, err
	}
	if err := saveCurrent(n.cfg.Dir, t.Network); err != nil {
		return none, &api.Error{Kind: api.KindInternal, Msg: "admitted, but cannot save which network this home is in", Err: err}
	}
	return res, n.enter(ctx, j.pool)
}

// enter makes p the current network; a running host starts anew in it.
func (n *Net) enter(ctx context.Context, p *pool) error {
	n.mu.Lock()
	n.pool = p
	old := n.sess
	n.mu.Unlock()
	n.cfg.OnEvent(api.Event{Time: n.cfg.now(), Type: api.EventMember, Msg: "this node is in network " + string(p.id)})
	if old == nil {
		return nil
	}
	old.cancel()
	for {
		n.mu.Lock()
		done := !n.running || (n.sess != nil && n.sess != old)
		changed := n.changed
		n.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Leave leaves the network for a new private one of this node's own. What the
// old network knows stays there; its key, if it was founded here, stays in the home.
func (n *Net) Leave(ctx context.Context) error {
	n.joining.Lock()
	defer n.joining.Unlock()
	p, err := n.found(ctx)
	if err != nil {
		return &api.Error{Op: "leave", Kind: api.KindInternal, Msg: "cannot make a network of this node's own", Err: err}
	}
	return n.enter(ctx, p)
}

// joiner is the joining side of the member protocol, on a host of its own that only dials.
type joiner struct {
	n     *Net
	token membership.Token
	pool  *pool // the network to be, verified as it comes in
}

func (j *joiner) run(ctx context.Context) (api.JoinResult, error) {
	h, err := newHost(j.n.key, newGater(j.n.cfg.now, j.n.pid), nil, nil)
	if err != nil {
		return api.JoinResult{}, err
	}
	defer func() {
		if err := h.Close(); err != nil {
			j.n.log.Debug("close", "err", err)
		}
	}()
	var worst error
	for _, m := range j.token.Members {
		if m.ID == j.n.pid {
			continue
		}
		h.Peerstore().AddAddrs(m.ID, m.Addrs, peerstore.TempAddrTTL)
		res, err := j.at(ctx, h.Network(), m)
		if err == nil {
			return res, nil
		}
		// A member's verdict says more than another's silence; one that does not
		// know the invite may only be behind.
		if worst == nil || api.KindOf(worst) == api.KindUnavailable {
			worst = err
		}
		if k := api.KindOf(err); k == api.KindDenied || k == api.KindInvalid {
			worst = err
			break
		}
	}
	if worst == nil {
		worst = api.Errorf(api.KindInvalid, "the token names only this node")
	}
	return api.JoinResult{}, worst
}

func (j *joiner) at(ctx context.Context, net network.Network, m peer.AddrInfo) (api.JoinResult, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*dialTimeout)
	defer cancel()
	short := api.PeerID(m.ID.String()).Short()
	c, err := net.DialPeer(ctx, m.ID)
	if err != nil {
		return api.JoinResult{}, &api.Error{Kind: api.KindUnavailable, Msg: "cannot reach the member " + short + " at " + addrList(m.Addrs), Err: silent{err},
			Hint: "is it up, and can this machine reach that address?"}
	}
	mc, err := openMember(ctx, c)
	if err == nil {
		var res api.JoinResult
		if res, err = j.talk(ctx, mc, api.PeerID(m.ID.String())); err == nil {
			if err := mc.st.Close(); err != nil {
				j.n.log.Debug("close", "err", err) // all was said
			}
			return res, nil
		}
		err = errors.Join(err, mc.st.Reset())
	}
	if api.KindOf(err) == api.KindInternal {
		err = &api.Error{Kind: api.KindUnavailable, Msg: "the member " + short + " broke off", Err: err, Hint: "try again in a minute"}
	}
	return api.JoinResult{}, err
}

// talk proves the other side first, then the invite.
func (j *joiner) talk(ctx context.Context, m *memberConn, via api.PeerID) (api.JoinResult, error) {
	var none api.JoinResult
	now := j.n.cfg.now
	if err := m.w.Send(frameHello, hello{Network: j.token.Network, Time: now().UnixMilli(), Join: true}); err != nil {
		return none, err
	}
	var h hello
	if err := m.next(frameHello, &h); err != nil {
		return none, err
	}
	if err := membership.CheckClock(now().UnixMilli(), time.UnixMilli(h.Time)); err != nil {
		return none, err
	}
	if h.Network != j.token.Network {
		return none, api.Errorf(api.KindDenied, "the node at the token's address is in another network").WithHint("ask for a new invite")
	}
	if _, err := j.pool.log.Add(now(), h.Proof...); err != nil {
		return none, err
	}
	if _, err := j.pool.log.Check(via, now()); err != nil {
		return none, api.Errorf(api.KindDenied, "the node at the token's address is no member of the network").WithHint("ask for a new invite")
	}
	key, err := j.token.Key()
	if err != nil {
		return none, err
	}
	id, err := j.token.Invite()
	if err != nil {
		return none, err
	}
	claim, err := membership.Sign(&membership.Claim{Network: j.token.Network, Invite: id, Node: j.n.id, Time: now().UnixMilli()}, key)
	if err != nil {
		return none, err
	}
	if err := m.w.Send(frameClaim, claimMsg{claim}); err != nil {
		return none, err
	}
	var a admittedMsg
	if err := m.next(frameAdmitted, &a); err != nil {
		return none, err
	}
	return j.admitted(ctx, m, via, a.Statement)
}

// admitted takes the member's log and table, and saves all.
func (j *joiner) admitted(ctx context.Context, m *memberConn, via api.PeerID, statement []byte) (api.JoinResult, error) {
	var none api.JoinResult
	now := j.n.cfg.now()
	if err := m.trust(); err != nil {
		return none, err
	}
	if err := m.w.Send(frameHave, have{}); err != nil {
		return none, err
	}
	for {
		var d delta
		if err := m.next(frameDelta, &d); err != nil {
			return none, err
		}
		if _, err := j.pool.log.Add(now, d.Statements...); err != nil {
			return none, err
		}
		for _, r := range d.Records {
			if rec, err := openRecord(r.Raw); err == nil && rec.ID != j.n.id {
				if _, err := j.pool.log.Check(rec.ID, now); err == nil {
					j.pool.table.offer(rec, r.Raw, r.seen(now), r.Alive)
				}
			}
		}
		if !d.More {
			break
		}
	}
	if _, err := j.pool.log.Add(now, statement); err != nil {
		return none, err
	}
	role, err := j.pool.log.Check(j.n.id, now)
	if err != nil {
		return none, err
	}
	var theirs have
	if err := m.next(frameHave, &theirs); err != nil {
		return none, err
	}
	if err := m.w.Send(frameDelta, delta{}); err != nil {
		return none, err
	}
	if err := m.next(frameDone, &struct{}{}); err != nil {
		return none, err
	}
	if err := j.pool.store.AddStatements(ctx, j.pool.id, j.pool.log.All()); err != nil {
		return none, err
	}
	res := api.JoinResult{Network: j.pool.id, Role: role, Via: via}
	for _, member := range j.pool.log.Members() {
		if member.ID == j.n.id {
			res.Expires = member.Expires
		}
	}
	return res, nil
}

func addrList(addrs []multiaddr.Multiaddr) string {
	out := ""
	for i, a := range addrs {
		if i > 0 {
			out += ", "
		}
		out += a.String()
	}
	return out
}
