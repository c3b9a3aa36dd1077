// Package datagrams carries UDP over streams: one stream is one flow, a datagram
// one frame.
package datagrams

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

const (
	// Max bounds a datagram: what fits into one of IPv4.
	Max   = 65_507
	idle  = 2 * time.Minute // a flow over which nothing goes ends
	queue = 64              // datagrams that wait for their stream; more are lost
)

// Flow is what one sender sends and gets.
type Flow interface {
	// Open connects it.
	Open(ctx context.Context) (wire.Stream, error)
	// Count is told the bytes of each datagram, from the sender and to it.
	Count(in, out int)
	// End is called once, last.
	End()
}

// Flows are those of one socket.
type Flows struct {
	Conn *net.UDPConn
	Kind wire.Kind // of a datagram's frame
	// Begin makes a flow for a new sender, or none: the datagram is lost.
	Begin func(from netip.AddrPort) Flow

	mu  sync.Mutex // guards by
	by  map[netip.AddrPort]*flow
	all sync.WaitGroup
}

type flow struct {
	Flow
	queue chan []byte
	last  time.Time // guarded by Flows.mu
}

// Run carries until ctx is done, closes the socket, and waits for the flows.
func (f *Flows) Run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer f.all.Wait()
	defer cancel()
	defer f.Conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = f.Conn.Close() })
	defer stop()
	f.by = map[netip.AddrPort]*flow{}
	buf := make([]byte, Max)
	for {
		n, from, err := f.Conn.ReadFromUDPAddrPort(buf)
		if ctx.Err() != nil {
			return
		}
		if err != nil { // of a datagram that was sent before and refused
			continue
		}
		f.take(ctx, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), buf[:n])
	}
}

// take hands a datagram to its flow, which it begins if need be.
func (f *Flows) take(ctx context.Context, from netip.AddrPort, p []byte) {
	f.mu.Lock()
	one := f.by[from]
	if one == nil {
		begun := f.Begin(from)
		if begun == nil {
			f.mu.Unlock()
			return
		}
		one = &flow{Flow: begun, queue: make(chan []byte, queue)}
		f.by[from] = one
		f.all.Go(func() { f.carry(ctx, from, one) })
	}
	one.last = time.Now()
	f.mu.Unlock()
	select {
	case one.queue <- append([]byte(nil), p...):
	default: // as on any link that is full
	}
}

// carry carries one sender's datagrams both ways until nothing goes.
func (f *Flows) carry(ctx context.Context, from netip.AddrPort, one *flow) {
	defer one.End()
	defer func() {
		f.mu.Lock()
		delete(f.by, from)
		f.mu.Unlock()
	}()
	st, err := one.Open(ctx)
	if err != nil {
		return
	}
	var back sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	back.Go(func() {
		defer cancel()
		for r := wire.NewReader(st, Max); ; {
			kind, p, err := r.Next()
			if err != nil || kind != f.Kind {
				return
			}
			one.Count(0, len(p))
			f.touch(one)
			_, _ = f.Conn.WriteToUDPAddrPort(p, from) // a datagram may be lost
		}
	})
	f.send(ctx, one, wire.NewWriter(st, Max))
	_ = st.Reset()
	back.Wait()
}

// send takes from the queue until ctx is done, nothing goes for long, or w breaks.
func (f *Flows) send(ctx context.Context, one *flow, w *wire.Writer) {
	look := time.NewTicker(idle / 4)
	defer look.Stop()
	for {
		select {
		case p := <-one.queue:
			one.Count(len(p), 0)
			if w.Write(f.Kind, p) != nil {
				return
			}
		case <-look.C:
			f.mu.Lock()
			over := time.Since(one.last) > idle
			f.mu.Unlock()
			if over {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

func (f *Flows) touch(one *flow) {
	f.mu.Lock()
	one.last = time.Now()
	f.mu.Unlock()
}
