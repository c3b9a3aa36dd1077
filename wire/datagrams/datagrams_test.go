package datagrams

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/internal/bufpipe"
	"github.com/Akilan1999/p2p-rendering-computation/internal/leak"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

func TestMain(m *testing.M) { leak.Main(m) }

const kind wire.Kind = 4

// stuck is a flow whose stream nobody reads from.
type stuck struct {
	st   wire.Stream
	open chan struct{} // Open waits for it
}

func (s stuck) Open(ctx context.Context) (wire.Stream, error) {
	select {
	case <-s.open:
		return s.st, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
func (s stuck) Count(int, int) {}
func (s stuck) End()           {}

func listen(t *testing.T) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What waits for a stream is bounded in bytes, of each flow and of all that share
// the room, and leaves none taken.
func TestWhatWaitsIsBounded(t *testing.T) {
	const all = 5 * room / 2
	near, far := bufpipe.Pair(1 << 10)
	defer far.Reset()
	f := Flows{Conn: listen(t), Kind: kind, Room: NewRoom(all)}
	f.Begin = func(netip.AddrPort, context.CancelFunc) Flow { return stuck{near, make(chan struct{})} }
	f.by = map[netip.AddrPort]*flow{}
	defer f.Conn.Close()
	ctx, cancel := context.WithCancel(t.Context())
	held := 0
	for port := range uint16(4) {
		from := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port+1)
		for range queue {
			f.take(ctx, from, make([]byte, Max))
		}
		one := f.by[from]
		if one.held > room || len(one.queue)*Max != one.held {
			t.Errorf("%d bytes, %d datagrams wait in flow %d", one.held, len(one.queue), port)
		}
		held += one.held
	}
	if left := f.Room.left.Load(); held > all || held < all-Max || left != int64(all-held) {
		t.Errorf("%d bytes wait in all, of %d, and room is left for %d", held, all, left)
	}
	cancel()
	f.all.Wait()
	if left := f.Room.left.Load(); left != all {
		t.Errorf("room for %d of %d bytes is left when all have ended", left, all)
	}
}

// reset tells whether a stream is reset within a while; it reads nothing from it.
func reset(st wire.Stream) bool {
	for late := time.Now().Add(20 * time.Second); time.Now().Before(late); {
		if _, err := st.Write(nil); err != nil {
			return true
		}
		time.Sleep(time.Millisecond)
	}
	return false
}

// A peer that takes nothing holds nobody up: a flow that waits in a write ends.
func TestEndsInAWrite(t *testing.T) {
	for _, alone := range []bool{false, true} {
		near, far := bufpipe.Pair(1 << 10)
		began, open := make(chan context.CancelFunc, 1), make(chan struct{})
		close(open)
		f := Flows{Conn: listen(t), Kind: kind, Room: NewRoom(1 << 20), Begin: func(_ netip.AddrPort, end context.CancelFunc) Flow {
			began <- end
			return stuck{near, open}
		}}
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { f.Run(ctx) })
		c, err := net.Dial("udp", f.Conn.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		c.Write(make([]byte, 8<<10))
		end := <-began
		far.Read(make([]byte, 1)) // it is being written
		if alone {
			end()
		} else {
			cancel()
		}
		if !reset(far) {
			t.Errorf("alone %t: the stream stays", alone)
			far.Reset()
		}
		cancel()
		run.Wait()
		c.Close()
	}
}

// The other end does not wait for a peer that takes nothing either, whether it is told
// to end or the peer says what it may not.
func TestCarryEndsInAWrite(t *testing.T) {
	for _, told := range []bool{true, false} {
		near, far := bufpipe.Pair(1 << 10)
		target := listen(t)
		socket, err := net.DialUDP("udp", nil, target.LocalAddr().(*net.UDPAddr))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var carry sync.WaitGroup
		carry.Go(func() { Carry(ctx, near, kind, socket, func(int, int) {}) })
		target.WriteTo(make([]byte, 8<<10), socket.LocalAddr())
		far.Read(make([]byte, 1)) // it is being written
		if told {
			cancel()
		} else {
			wire.NewWriter(far, Max).Write(kind+1, nil)
		}
		if !reset(far) {
			t.Errorf("told %t: the stream stays", told)
			far.Reset()
		}
		carry.Wait()
		cancel()
		target.Close()
	}
}
