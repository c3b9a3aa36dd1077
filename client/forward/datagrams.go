package forward

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/tunnel"
)

const (
	flowIdle  = 2 * time.Minute // a flow over which nothing goes ends
	flowQueue = 64              // datagrams that wait for their stream; more are lost
)

// flow is what one local address sends and gets.
type flow struct {
	queue chan []byte
	last  time.Time // guarded by flows.mu
}

// flows are the flows of one forward, by local address.
type flows struct {
	mu sync.Mutex
	by map[netip.AddrPort]*flow
}

// datagrams is Run for UDP.
func (r *run) datagrams(ctx context.Context, local string, tell func(api.ForwardEvent) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pc, err := net.ListenPacket("udp", local)
	if err != nil {
		return cannotListen(local, err)
	}
	conn := pc.(*net.UDPConn)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	all := &flows{by: map[netip.AddrPort]*flow{}}
	r.conns.Go(func() {
		buf := make([]byte, tunnel.MaxDatagram)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if ctx.Err() != nil {
				return
			}
			if err != nil { // of a datagram that was sent before and refused
				continue
			}
			r.datagram(ctx, conn, all, from, append([]byte(nil), buf[:n]...))
		}
	})
	err = r.report(ctx, conn.LocalAddr().String(), tell)
	cancel()
	_ = conn.Close()
	r.conns.Wait()
	return err
}

// datagram hands one to its flow, which it begins if need be.
func (r *run) datagram(ctx context.Context, conn *net.UDPConn, all *flows, from netip.AddrPort, p []byte) {
	all.mu.Lock()
	f := all.by[from]
	if f == nil {
		if len(all.by) == maxOpen {
			all.mu.Unlock()
			r.fail(api.Errorf(api.KindQuota, "%d flows are open, which is the most", maxOpen))
			return
		}
		f = &flow{queue: make(chan []byte, flowQueue)}
		all.by[from] = f
		r.open.Add(1)
		r.total.Add(1)
		r.conns.Go(func() {
			defer r.open.Add(-1)
			r.flow(ctx, conn, from, f, all)
		})
	}
	f.last = time.Now()
	all.mu.Unlock()
	select {
	case f.queue <- p:
	default: // as on any link that is full
	}
}

// flow carries one local address's datagrams both ways until nothing goes.
func (r *run) flow(ctx context.Context, conn *net.UDPConn, from netip.AddrPort, f *flow, all *flows) {
	defer func() {
		all.mu.Lock()
		delete(all.by, from)
		all.mu.Unlock()
	}()
	far, err := r.connect(ctx, r.fail)
	if err != nil {
		if ctx.Err() == nil {
			r.fail(err)
		}
		return
	}
	st := far.(wire.Stream) // a UDP target is a peer's
	touch := func() {
		all.mu.Lock()
		f.last = time.Now()
		all.mu.Unlock()
	}
	back := make(chan struct{})
	go func() {
		defer close(back)
		for rd := wire.NewReader(st, tunnel.MaxDatagram); ; {
			kind, payload, err := rd.Next()
			if err != nil || kind != tunnel.KindDatagram {
				return
			}
			r.out.Add(int64(len(payload)))
			touch()
			_, _ = conn.WriteToUDPAddrPort(payload, from) // a datagram may be lost
		}
	}()
	w := wire.NewWriter(st, tunnel.MaxDatagram)
	idle := time.NewTicker(flowIdle / 4)
	defer idle.Stop()
	for open := true; open; {
		select {
		case p := <-f.queue:
			r.in.Add(int64(len(p)))
			open = w.Write(tunnel.KindDatagram, p) == nil
		case <-idle.C:
			all.mu.Lock()
			open = time.Since(f.last) < flowIdle
			all.mu.Unlock()
		case <-back:
			open = false
		case <-ctx.Done():
			open = false
		}
	}
	_ = st.Reset()
	<-back
}
