// Package datagrams carries UDP over streams: one stream is one flow, a datagram
// one frame.
package datagrams

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

const (
	// Max bounds a datagram: what fits into one of IPv4.
	Max   = 65_507
	idle  = 2 * time.Minute // a flow over which nothing goes ends
	queue = 64              // datagrams of a flow that wait for its stream; more are lost
	room  = 256 << 10       // bytes of them
)

// Room is how many bytes of datagrams may wait in flows that share it. What is over
// is lost.
type Room struct{ left atomic.Int64 }

// NewRoom has room for n bytes.
func NewRoom(n int64) *Room {
	r := &Room{}
	r.left.Store(n)
	return r
}

func (r *Room) take(n int) bool {
	if r.left.Add(-int64(n)) >= 0 {
		return true
	}
	r.give(n)
	return false
}

func (r *Room) give(n int) { r.left.Add(int64(n)) }

// Flow is what one sender sends and gets.
type Flow interface {
	// Open connects it. When ctx is done the flow ends, with what was opened.
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
	Room *Room
	// Begin makes a flow for a new sender, or none: the datagram is lost. end ends it.
	Begin func(from netip.AddrPort, end context.CancelFunc) Flow

	mu  sync.Mutex // guards by
	by  map[netip.AddrPort]*flow
	all sync.WaitGroup
}

type flow struct {
	Flow
	end   context.CancelFunc
	queue chan []byte
	last  time.Time // guarded by Flows.mu
	held  int       // bytes in queue, or on the way from there; guarded by Flows.mu
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
	defer f.mu.Unlock()
	one := f.by[from]
	if one == nil {
		ctx, end := context.WithCancel(ctx)
		begun := f.Begin(from, end)
		if begun == nil {
			end()
			return
		}
		one = &flow{Flow: begun, end: end, queue: make(chan []byte, queue)}
		f.by[from] = one
		f.all.Go(func() { f.carry(ctx, from, one) })
	}
	one.last = time.Now()
	// What does not fit is lost, as on any link that is full.
	if len(one.queue) == cap(one.queue) || one.held+len(p) > room || !f.Room.take(len(p)) {
		return
	}
	one.held += len(p)
	one.queue <- append([]byte(nil), p...) // only this goroutine sends
}

// sent gives the room of n bytes of a flow back.
func (f *Flows) sent(one *flow, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	one.held -= n
	f.Room.give(n)
}

// carry carries one sender's datagrams both ways until nothing goes.
func (f *Flows) carry(ctx context.Context, from netip.AddrPort, one *flow) {
	defer one.End()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.by, from)
		f.Room.give(one.held) // with what nobody takes from the queue any more
	}()
	defer one.end()
	st, err := one.Open(ctx)
	if err != nil {
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() }) // a write may wait in it
	defer stop()
	var back sync.WaitGroup
	back.Go(func() {
		defer one.end()
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
			err := w.Write(f.Kind, p)
			f.sent(one, len(p))
			if err != nil {
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
