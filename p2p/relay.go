package p2p

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	pb "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/pb"
	relaysvc "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	"github.com/multiformats/go-multiaddr"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// RelayConfig is what the owner lets this node relay for members.
type RelayConfig struct {
	Off      bool
	Rate     int64 // bytes a second at most, both ways together; 0: no limit
	Circuits int   // at a time
}

// relayer relays for members while this node is public. libp2p's relay does the
// copying; who may and how much is decided here.
type relayer struct {
	s   *session
	cfg RelayConfig

	mu      sync.Mutex // guards what follows
	service *relaysvc.Relay
	failed  bool // it could not begin, and would not

	places, circuits       atomic.Int64
	relayedBytes, refusals *atomic.Int64 // since New
	meter                  meter
}

var (
	_ relaysvc.ACLFilter     = (*relayer)(nil)
	_ relaysvc.MetricsTracer = (*relayer)(nil)
)

func newRelayer(s *session) *relayer {
	cfg := s.n.cfg.Relay
	return &relayer{s: s, cfg: cfg, relayedBytes: s.n.counters.relayedBytes, refusals: s.n.counters.refusedCircuits, meter: meter{rate: cfg.Rate}}
}

// serve starts or ends relaying; it says whether that changed anything.
func (r *relayer) serve(on bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	on = on && !r.cfg.Off && !r.failed
	if on == (r.service != nil) {
		return false
	}
	if !on {
		if err := r.service.Close(); err != nil {
			r.s.log.Debug("relay", "err", err)
		}
		r.service = nil
		r.places.Store(0)
		return true
	}
	rc := relaysvc.DefaultResources()
	// The library would end a circuit after 128 KiB or two minutes, and allow few
	// nodes behind one router. Circuits are bounded in number and in bytes a second here.
	rc.Limit, rc.BufferSize = nil, 64<<10
	rc.MaxReservations, rc.MaxReservationsPerIP, rc.MaxReservationsPerASN = 1024, 256, 1024
	rc.MaxCircuits = max(1, r.cfg.Circuits/4) // of one member
	service, err := relaysvc.New(r.s.gated.gatedHost, relaysvc.WithResources(rc), relaysvc.WithACL(r), relaysvc.WithMetricsTracer(r))
	if err != nil {
		r.failed = true
		r.s.log.Warn("cannot relay for members", "err", err)
		return false
	}
	r.service = service
	return true
}

func (r *relayer) serving() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.service != nil
}

func (r *relayer) status() api.RelayStatus {
	return api.RelayStatus{Enabled: !r.cfg.Off, Active: r.serving(), Places: int(r.places.Load()), Circuits: int(r.circuits.Load()),
		Limit: r.cfg.Circuits, Rate: r.cfg.Rate, Bytes: r.relayedBytes.Load(), Refused: r.refusals.Load()}
}

// AllowReserve implements relay.ACLFilter.
func (r *relayer) AllowReserve(p peer.ID, _ multiaddr.Multiaddr) bool { return r.s.isMember(p) }

// AllowConnect implements relay.ACLFilter.
func (r *relayer) AllowConnect(src peer.ID, _ multiaddr.Multiaddr, dest peer.ID) bool {
	return r.s.isMember(src) && r.s.isMember(dest) && int(r.circuits.Load()) < r.cfg.Circuits
}

// BytesTransferred implements relay.MetricsTracer. The relay calls it between
// reading and reading again, so waiting here is what slows a circuit down.
func (r *relayer) BytesTransferred(n int) {
	r.relayedBytes.Add(int64(n))
	r.meter.wait(r.s.ctx, int64(n))
}

// ConnectionOpened implements relay.MetricsTracer.
func (r *relayer) ConnectionOpened() { r.circuits.Add(1) }

// ConnectionClosed implements relay.MetricsTracer.
func (r *relayer) ConnectionClosed(time.Duration) { r.circuits.Add(-1) }

// ConnectionRequestHandled implements relay.MetricsTracer.
func (r *relayer) ConnectionRequestHandled(s pb.Status) {
	if s == pb.Status_PERMISSION_DENIED || s == pb.Status_RESOURCE_LIMIT_EXCEEDED {
		r.refusals.Add(1)
	}
}

// ReservationAllowed implements relay.MetricsTracer.
func (r *relayer) ReservationAllowed(renewed bool) {
	if !renewed {
		r.places.Add(1)
	}
}

// ReservationClosed implements relay.MetricsTracer.
func (r *relayer) ReservationClosed(n int) { r.places.Add(int64(-n)) }

// ReservationRequestHandled implements relay.MetricsTracer.
func (r *relayer) ReservationRequestHandled(pb.Status) {}

// RelayStatus implements relay.MetricsTracer.
func (r *relayer) RelayStatus(bool) {}

// meter spreads bytes over time. With rate 0 nothing is waited for.
type meter struct {
	rate int64

	mu   sync.Mutex
	next time.Time // when what was let through so far is paid for
}

// wait returns when n more bytes are in the rate, or when ctx ends.
func (m *meter) wait(ctx context.Context, n int64) {
	if m.rate <= 0 {
		return
	}
	now := time.Now()
	m.mu.Lock()
	if m.next.Before(now) {
		m.next = now
	}
	m.next = m.next.Add(time.Duration(n * int64(time.Second) / m.rate))
	pause := m.next.Sub(now)
	m.mu.Unlock()
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
