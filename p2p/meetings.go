package p2p

import (
	"context"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

const (
	meetingsEach = 3 // for one member within meetWindow
	meetWindow   = time.Minute
)

// meetings is the answering side of meetProtocol. Nobody can be made a scanner by it:
// packets go to no address but the one at which members that relay for the asker see
// it, as many as package birthday says, for one member at a time, and not often.
type meetings struct {
	s    *session
	slot chan struct{}
	asks *allowance
}

func newMeetings(s *session) *meetings {
	return &meetings{s: s, slot: make(chan struct{}, 1), asks: newAllowance(meetingsEach, meetWindow)}
}

func (m *meetings) serve(st network.Stream) {
	defer resetStream(m.s, st)
	if !m.s.track() {
		return
	}
	defer m.s.tasks.Done()
	ctx, cancel := context.WithTimeout(m.s.ctx, meetTime+m.s.patience())
	defer cancel()
	stop := context.AfterFunc(ctx, func() { resetStream(m.s, st) })
	defer stop()
	from := st.Conn().RemotePeer()
	sent, err := m.answer(ctx, looking{wire.NewReader(st, maxMeet), wire.NewWriter(st, maxMeet)}, from, st)
	if err != nil {
		m.s.n.counters.refusedMeetings.Add(1)
	}
	m.s.log.Debug("a meeting", "peer", from.String(), "packets", sent, "err", err)
}

// answer says where this node is, and sends packets until rest ends: the asker resets the
// stream when it heard one.
func (m *meetings) answer(ctx context.Context, l looking, from peer.ID, rest io.Reader) (sent int, err error) {
	if err := l.next(frameMeet, &struct{}{}); err != nil {
		return 0, err
	}
	if !m.asks.allow(from, time.Now()) {
		return 0, api.Errorf(api.KindQuota, "asked too often")
	}
	select {
	case m.slot <- struct{}{}:
		defer func() { <-m.slot }()
	default:
		return 0, api.Errorf(api.KindUnavailable, "another is met now")
	}
	quic, err := m.s.quic()
	if err != nil {
		return 0, err
	}
	kind, own := m.s.udpKind()
	if kind == api.NATSymmetric || !own.IsValid() {
		return 0, api.Errorf(api.KindUnsupported, "this node's router does not let itself be met")
	}
	ip, err := m.s.whereIs(ctx, from)
	if err != nil {
		return 0, err
	}
	if ip == own.Addr() {
		return 0, api.Errorf(api.KindUnsupported, "it is behind the same router")
	}
	if err := l.w.Send(frameAt, meetAt{own}); err != nil {
		return 0, err
	}
	var p probed
	if err := l.next(frameProbe, &p); err != nil {
		return 0, err
	}
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	m.s.go_(func() {
		_, _ = io.ReadFull(rest, make([]byte, 1)) // it says nothing more: this is the end
		enough()
	})
	return quic.Probe(ctx, ip, p.Nonce)
}
