package p2p

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	msmux "github.com/multiformats/go-multistream"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/p2p/membership"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// memberProtocol is the only protocol, beside identify, that a node may speak
// before it is admitted. See the package comment.
const memberProtocol = "/p2prc/member/1"

// The frames of memberProtocol; payloads are JSON.
const (
	frameHello wire.Kind = iota + 1
	frameRefuse
	frameClaim
	frameAdmitted
	frameHave
	frameDelta
	frameDone
)

const (
	maxHello = 512 << 10 // a frame from somebody not proved yet
	maxSync  = 2 << 20   // a frame from a member
	syncTime = 30 * time.Second
)

type hello struct {
	Network api.NetworkID `json:"network"`
	Time    int64         `json:"time"`  // Unix milliseconds, by the sender's clock
	Join    bool          `json:"join"`  // the sender has an invite instead of a proof
	Proof   [][]byte      `json:"proof"` // statements that prove the sender's membership
}

type refusal struct {
	Kind api.Kind `json:"kind"`
	Msg  string   `json:"msg"`
	Hint string   `json:"hint,omitempty"`
}

type claimMsg struct {
	Claim []byte `json:"claim"`
}

type admittedMsg struct {
	Statement []byte `json:"statement"`
}

// memberConn is one end of a member stream.
type memberConn struct {
	st network.Stream
	r  *wire.Reader
	w  *wire.Writer
}

func newMemberConn(st network.Stream) *memberConn {
	return &memberConn{st: st, r: wire.NewReader(st, maxHello), w: wire.NewWriter(st, maxSync)}
}

// trust allows the larger frames of a member. An honest one has sent nothing ahead.
func (m *memberConn) trust() error {
	if m.r.Buffered() != 0 {
		return api.Errorf(api.KindCorrupt, "the other side spoke out of turn")
	}
	m.r = wire.NewReader(m.st, maxSync)
	return nil
}

// next reads a frame of kind want into v. A refusal by the other side is
// returned as the error it is.
func (m *memberConn) next(want wire.Kind, v any) error {
	kind, payload, err := m.r.Next()
	if err != nil {
		return err
	}
	return m.decode(kind, payload, want, v)
}

func (m *memberConn) decode(kind wire.Kind, payload []byte, want wire.Kind, v any) error {
	switch {
	case kind == frameRefuse:
		var r refusal
		if err := wire.Decode(payload, &r); err != nil {
			return err
		}
		e := api.Problem{Kind: r.Kind, Detail: clean(r.Msg), Hint: clean(r.Hint)}.Err()
		return &refused{e}
	case kind != want:
		return wire.UnknownKind(kind)
	}
	return wire.Decode(payload, v)
}

// refused is an error that the other side sent us.
type refused struct{ err *api.Error }

func (r *refused) Error() string { return r.err.Error() }
func (r *refused) Unwrap() error { return r.err }

// refuse tells the other side why, and waits until it has read it and hung up, or
// the stream's time is over: closing the connection earlier would lose the answer.
func (m *memberConn) refuse(err error) {
	p := api.ProblemOf(err, false)
	if m.w.Send(frameRefuse, refusal{p.Kind, p.Detail, p.Hint}) != nil || m.st.CloseWrite() != nil {
		return
	}
	for {
		if _, _, err := m.r.Next(); err != nil {
			return
		}
	}
}

func openMember(ctx context.Context, c network.Conn) (*memberConn, error) {
	st, err := openOn(ctx, c, memberProtocol)
	if err != nil {
		return nil, err
	}
	return newMemberConn(st), nil
}

// openOn opens a protocol on exactly this connection, without waiting for identify.
func openOn(ctx context.Context, c network.Conn, name string) (network.Stream, error) {
	st, err := c.NewStream(ctx)
	if err != nil {
		return nil, err
	}
	if dl, ok := ctx.Deadline(); ok {
		err = st.SetDeadline(dl)
	}
	if err == nil {
		err = st.SetProtocol(protocolOf(name))
	}
	if err == nil {
		err = msmux.SelectProtoOrFail(protocolOf(name), st)
	}
	if err != nil {
		return nil, errors.Join(err, st.Reset())
	}
	return st, nil
}

// openLazily is openOn without waiting for the other side's consent, which comes with its first bytes.
func openLazily(ctx context.Context, c network.Conn, name string) (network.Stream, error) {
	st, err := c.NewStream(ctx)
	if err != nil {
		return nil, err
	}
	if err := st.SetProtocol(protocolOf(name)); err != nil {
		return nil, errors.Join(err, st.Reset())
	}
	return lazyStream{st, msmux.NewMSSelect(st, protocolOf(name))}, nil
}

// lazyStream agrees on its protocol while it is used.
type lazyStream struct {
	network.Stream
	rw io.ReadWriter
}

func (l lazyStream) Read(p []byte) (int, error)  { return l.rw.Read(p) }
func (l lazyStream) Write(p []byte) (int, error) { return l.rw.Write(p) }

// verify takes the other side's hello: it must be of this network and prove that
// peer is a member. join allows one that has only an invite.
func (s *session) verify(ctx context.Context, peer api.PeerID, h hello, join bool) error {
	if h.Network != s.pool.id {
		return api.Errorf(api.KindDenied, "this node is in another network").WithHint("ask one of its admins for an invite")
	}
	if len(h.Proof) > membership.MaxProof {
		return api.Errorf(api.KindTooLarge, "a proof of %d statements", len(h.Proof))
	}
	now := s.n.cfg.now()
	_, known := s.pool.log.Check(peer, now)
	if known == nil || join {
		return nil // the hello's proof holds nothing that a sync will not bring
	}
	added, err := s.pool.add(ctx, now, h.Proof...)
	s.spread(added)
	if _, cerr := s.pool.log.Check(peer, now); cerr != nil {
		if err != nil && api.KindOf(err) == api.KindDenied {
			return err
		}
		return cerr
	}
	return nil
}

// sayHello is the dialing side of the member protocol.
func (s *session) sayHello(ctx context.Context, c network.Conn, p *proof) {
	m, err := openMember(ctx, c)
	if err != nil {
		s.fail(c, p, err)
		return
	}
	peer := api.PeerID(c.RemotePeer().String())
	now := s.n.cfg.now()
	err = m.w.Send(frameHello, hello{Network: s.pool.id, Time: now.UnixMilli(), Proof: s.pool.log.Proof(s.n.id)})
	var h hello
	if err == nil {
		err = m.next(frameHello, &h)
	}
	if err != nil {
		s.fail(c, p, err)
		return
	}
	if err = s.verify(ctx, peer, h, false); err != nil {
		s.settle(c, p, err) // before the other side hears of it and hangs up
		m.refuse(err)
		resetStream(s, m.st)
		s.refuse(c, "answered", err)
		return
	}
	s.settle(c, p, nil)
	if err := s.sync(m, true); err != nil && s.ctx.Err() == nil {
		s.log.Debug("sync", "peer", peer, "err", err)
	}
	s.endMember(m)
}

// fail ends a connection that we dialed and on which we were refused or cut off.
// The proof is settled first: the other side hangs up once its refusal was read.
func (s *session) fail(c network.Conn, p *proof, err error) {
	var r *refused
	if errors.As(err, &r) {
		s.log.Info("a node refused us", "peer", c.RemotePeer().String(), "why", r.err.Msg)
	}
	s.settle(c, p, err)
	if err := c.Close(); err != nil {
		s.log.Debug("close", "err", err)
	}
}

func (s *session) endMember(m *memberConn) {
	if err := m.st.Close(); err != nil {
		resetStream(s, m.st)
	}
}

// serveMember is the listening side of the member protocol.
func (s *session) serveMember(st network.Stream) {
	if !s.track() {
		resetStream(s, st)
		return
	}
	defer s.tasks.Done()
	c := st.Conn()
	peer := api.PeerID(c.RemotePeer().String())
	if _, err := s.pool.log.Check(peer, s.n.cfg.now()); err != nil {
		// Strangers share a few slots; members need none.
		select {
		case s.hellos <- struct{}{}:
			defer func() { <-s.hellos }()
		default:
			resetStream(s, st)
			s.refuse(c, "said hello", errors.New("too many strangers at once"))
			return
		}
	}
	m := newMemberConn(st)
	if err := st.SetDeadline(time.Now().Add(proveTime)); err != nil {
		resetStream(s, st)
		return
	}
	joined, err := s.answerHello(m, peer)
	if err != nil {
		var r *refused
		if api.KindOf(err) != api.KindInternal && !errors.As(err, &r) {
			m.refuse(err)
		}
		resetStream(s, st)
		if !errors.As(err, &r) && !s.proven(c.RemotePeer()) {
			s.refuse(c, "said hello", err)
		} else if cerr := c.Close(); cerr != nil {
			s.log.Debug("close", "err", cerr)
		}
		return
	}
	s.settleAs(c, s.proofOf(c), nil, joined)
	if err := s.sync(m, false); err != nil && s.ctx.Err() == nil {
		s.log.Debug("sync", "peer", peer, "err", err)
	}
	s.endMember(m)
}

// answerHello returns nil once the other side is a member, and whether it became one just now.
func (s *session) answerHello(m *memberConn, peer api.PeerID) (joined bool, err error) {
	var h hello
	if err := m.next(frameHello, &h); err != nil {
		return false, err
	}
	if err := s.verify(s.ctx, peer, h, h.Join); err != nil {
		return false, err
	}
	if err := m.w.Send(frameHello, hello{Network: s.pool.id, Time: s.n.cfg.now().UnixMilli(), Proof: s.pool.log.Proof(s.n.id)}); err != nil {
		return false, err
	}
	if !h.Join {
		return false, nil
	}
	var c claimMsg
	if err := m.next(frameClaim, &c); err != nil {
		return false, err
	}
	raw, err := s.admit(peer, c.Claim)
	if err != nil {
		s.n.counters.joinsRefused.Add(1)
		return false, err
	}
	s.n.counters.joins.Add(1)
	return true, m.w.Send(frameAdmitted, admittedMsg{raw})
}

// admit countersigns a claim and makes the admission durable before anybody hears of it.
func (s *session) admit(peer api.PeerID, claim []byte) ([]byte, error) {
	now := s.n.cfg.now()
	raw, err := s.pool.log.Admit(claim, peer, s.n.key, now)
	if err != nil {
		return nil, err
	}
	added, err := s.pool.add(s.ctx, now, raw)
	if err != nil {
		return nil, err
	}
	if _, err := s.pool.log.Check(peer, now); err != nil {
		return nil, err // two came at once for the last use, and the other one stands
	}
	s.spread(added)
	s.log.Info("admitted a node", "peer", string(peer))
	s.n.cfg.OnEvent(api.Event{Time: now, Type: api.EventMember, Msg: "admitted " + string(peer)})
	return raw, nil
}
