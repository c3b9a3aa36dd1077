package p2p

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// speedProtocol measures what the path between two members carries. See the package comment.
const speedProtocol = "/p2prc/speed/1"

// The frames of speedProtocol; payloads are JSON.
const (
	frameMeasure wire.Kind = iota + 1
	frameGo
	frameBusy
	frameGot
)

const (
	maxSpeedFrame = 4 << 10
	speedBytes    = 64 << 20        // one way, at most
	speedTime     = 2 * time.Second // the same
	speedWait     = 5 * time.Second // for what is small to come, behind what is not
	speedsAtOnce  = 2               // that a node is asked for; one more is refused
	speedsEach    = 12              // ways within speedWindow that one member may ask for
	speedWindow   = time.Minute
)

// measure says which way bytes go: up is to the asked side.
type measure struct {
	Up bool `json:"up"`
}

// speed is the answering side of speedProtocol.
type speed struct {
	slots chan struct{}
	asks  *allowance
}

func newSpeed() *speed {
	return &speed{slots: make(chan struct{}, speedsAtOnce), asks: newAllowance(speedsEach, speedWindow)}
}

// serve takes part in one measurement.
func (sp *speed) serve(_ context.Context, from api.Caller, st wire.Stream) {
	if err := sp.answer(from, st); err != nil {
		_ = st.Reset() // the other side is told by that
	}
}

func (sp *speed) answer(from api.Caller, st wire.Stream) error {
	if err := st.SetDeadline(time.Now().Add(speedTime + speedWait)); err != nil {
		return err
	}
	var m measure
	if err := expect(st, frameMeasure, &m); err != nil {
		return err
	}
	w := wire.NewWriter(st, maxSpeedFrame)
	if err := sp.enter(from); err != nil {
		return errors.Join(w.Send(frameBusy, api.ProblemOf(err, false)), st.CloseWrite())
	}
	defer func() { <-sp.slots }()
	if err := w.Send(frameGo, struct{}{}); err != nil {
		return err
	}
	if !m.Up {
		return pour(st)
	}
	got, err := drain(st)
	if err != nil {
		return err
	}
	return w.Send(frameGot, got)
}

// enter takes one of the slots, which the caller gives back.
func (sp *speed) enter(from api.Caller) error {
	pid, err := peer.Decode(string(from.Peer))
	if err != nil {
		return err
	}
	if !sp.asks.allow(pid, time.Now()) {
		return api.Errorf(api.KindQuota, "it was asked to measure %d times within %s", speedsEach/2, speedWindow).WithHint("wait a minute")
	}
	select {
	case sp.slots <- struct{}{}:
		return nil
	default:
		return api.Errorf(api.KindUnavailable, "it measures with others now").WithHint("try again in a few seconds")
	}
}

// Speed measures what the path to a member carries, one way after the other: each
// at most 64 MiB and two seconds. Errors are those of OpenStream; KindQuota and
// KindUnavailable also when the member refuses for now.
func (n *Net) Speed(ctx context.Context, id api.PeerID) (api.SpeedResult, error) {
	out := api.SpeedResult{}
	latency, err := n.Ping(ctx, id)
	if err != nil {
		return out, err
	}
	out.Latency = api.Duration(latency)
	if out.Down, err = n.carries(ctx, id, measure{Up: false}, &out); err == nil {
		out.Up, err = n.carries(ctx, id, measure{Up: true}, &out)
	}
	return out, err
}

// carries measures one way, and notes the path it was over.
func (n *Net) carries(ctx context.Context, id api.PeerID, m measure, out *api.SpeedResult) (got api.Throughput, err error) {
	s, err := n.connected(ctx)
	if err != nil {
		return got, err
	}
	st, err := s.open(ctx, id, speedProtocol)
	if err != nil {
		return got, err
	}
	defer resetStream(s, st) // what is still on its way is not waited for
	stop := context.AfterFunc(ctx, func() { resetStream(s, st) })
	defer stop()
	out.Path = pathOf(st.Conn())
	if relay, ok := relayOf(st.Conn().RemoteMultiaddr()); ok {
		out.Via = api.PeerID(relay.String())
	}
	if got, err = ask(st, m); err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	var known *api.Error
	if err != nil && !errors.As(err, &known) {
		err = &api.Error{Kind: api.KindUnavailable, Msg: "the measurement with " + id.Short() + " broke off", Err: err}
	}
	return got, err
}

func ask(st wire.Stream, m measure) (got api.Throughput, err error) {
	if err := st.SetDeadline(time.Now().Add(speedTime + speedWait)); err != nil {
		return got, err
	}
	if err := wire.NewWriter(st, maxSpeedFrame).Send(frameMeasure, m); err != nil {
		return got, err
	}
	if err := expect(st, frameGo, &struct{}{}); err != nil {
		return got, err
	}
	if !m.Up {
		return drain(st)
	}
	poured := make(chan struct{})
	go func() { defer close(poured); _ = pour(st) }() // the other side takes what it wants of it
	err = expect(st, frameGot, &got)
	_ = st.Reset() // a write may wait
	<-poured
	return got, err
}

// expect reads one frame and nothing of what follows it.
func expect(st wire.Stream, want wire.Kind, v any) error {
	kind, payload, err := wire.ReadOne(st, maxSpeedFrame)
	switch {
	case err != nil:
		return err
	case kind == frameBusy:
		var p api.Problem
		if err := wire.Decode(payload, &p); err != nil {
			return err
		}
		return p.Err()
	case kind != want:
		return wire.UnknownKind(kind)
	}
	return wire.Decode(payload, v)
}

// pour writes until one of the bounds is reached, and ends this side's data.
func pour(st wire.Stream) error {
	chunk := make([]byte, 128<<10)
	until := time.Now().Add(speedTime)
	for n := 0; n < speedBytes && time.Now().Before(until); n += len(chunk) {
		if _, err := st.Write(chunk); err != nil {
			return err
		}
	}
	return st.CloseWrite()
}

// drain reads to the end, or to the bounds, whatever the other side holds to. The
// clock starts with the first bytes, which do not count.
func drain(st wire.Stream) (got api.Throughput, err error) {
	buf := make([]byte, 128<<10)
	if _, err := st.Read(buf); err != nil {
		return got, err
	}
	start := time.Now()
	for err == nil && got.Bytes < speedBytes && time.Since(start) < speedTime {
		var n int
		n, err = st.Read(buf)
		got.Bytes += int64(n)
	}
	got.Time = api.Duration(time.Since(start))
	if got.Time > 0 {
		got.Mbit = float64(got.Bytes) * 8 / 1e6 / time.Duration(got.Time).Seconds()
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return got, err
}
