package p2p

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/sec"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
)

// counting counts the system calls of a connection, and can hold up those that write.
type counting struct {
	net.Conn
	reads, writes atomic.Int64
	hold          sync.RWMutex
}

func (c *counting) Read(p []byte) (int, error) { c.reads.Add(1); return c.Conn.Read(p) }

func (c *counting) Write(p []byte) (int, error) {
	c.writes.Add(1)
	c.hold.RLock()
	defer c.hold.RUnlock()
	return c.Conn.Write(p)
}

// securePair is a connection with this TLS at the dialer's end, and there what is below it, and theirs
// at the other, to which the dialer means to speak.
func securePair(t *testing.T, theirs func(crypto.PrivKey) sec.SecureTransport, means peer.ID) (near sec.SecureConn, below *counting, far sec.SecureConn, err error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	ours, farKey := freshKey(t), freshKey(t)
	if means == "" {
		if means, err = peer.IDFromPrivateKey(farKey); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error, 1)
	go func() {
		c, err := ln.Accept()
		if err == nil {
			far, err = theirs(farKey).SecureInbound(t.Context(), c, "")
		}
		done <- err
	}()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	below = &counting{Conn: c}
	s, err := newTLS(libp2ptls.ID, ours, nil)
	if err != nil {
		t.Fatal(err)
	}
	near, err = s.SecureOutbound(t.Context(), below, means)
	err = errors.Join(err, <-done)
	t.Cleanup(func() {
		for _, c := range []sec.SecureConn{near, far} {
			if c != nil {
				c.Close()
			}
		}
	})
	return near, below, far, err
}

func freshKey(t *testing.T) crypto.PrivKey {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func batchedTLS(key crypto.PrivKey) sec.SecureTransport {
	s, _ := newTLS(libp2ptls.ID, key, nil)
	return s
}

func plainTLS(key crypto.PrivKey) sec.SecureTransport {
	s, _ := libp2ptls.New(libp2ptls.ID, key, nil)
	return s
}

// What is written in any pieces comes whole, both ways, from and to an end that has libp2p's
// own TLS, with one system call for each.
func TestTLSInBatches(t *testing.T) {
	for name, theirs := range map[string]func(crypto.PrivKey) sec.SecureTransport{"both": batchedTLS, "one": plainTLS} {
		t.Run(name, func(t *testing.T) {
			near, below, far, err := securePair(t, theirs, "")
			if err != nil {
				t.Fatal(err)
			}
			data := make([]byte, 4<<20)
			rand.Read(data)
			var ways sync.WaitGroup
			write := func(c sec.SecureConn) (pieces int64) {
				for rest := data; len(rest) > 0; pieces++ {
					n := []int{1, mostRecord, mostRecord + 1, 64 << 10, 64<<10 - 1}[pieces%5]
					n = min(n, len(rest))
					if _, err := c.Write(rest[:n]); err != nil {
						t.Error(err)
						return pieces
					}
					rest = rest[n:]
				}
				return pieces
			}
			below.writes.Store(0)
			var pieces int64
			ways.Go(func() { pieces = write(near) })
			ways.Go(func() { write(far) })
			for _, c := range []sec.SecureConn{near, far} {
				ways.Go(func() {
					got := make([]byte, len(data))
					if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, data) {
						t.Errorf("what came is not what was sent: %v", err)
					}
				})
			}
			ways.Wait()
			// The first MiB goes in small records, so that the other end can begin.
			if n := below.writes.Load(); n > pieces {
				t.Errorf("%d pieces took %d system calls", pieces, n)
			}
			near.Close()
			if _, err := far.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("the end reads as %v", err)
			}
		})
	}
}

// While one write is on its way, what is little waits for it and goes together, and nobody
// who writes waits for that. What is large goes after it.
func TestTLSLittleWritesTogether(t *testing.T) {
	near, below, far, err := securePair(t, batchedTLS, "")
	if err != nil {
		t.Fatal(err)
	}
	before := below.writes.Load()
	below.hold.Lock()
	var want bytes.Buffer
	for i := range 100 {
		p := bytes.Repeat([]byte{byte(i)}, 10)
		want.Write(p)
		if n, err := near.Write(p); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
	}
	below.hold.Unlock()
	large := make([]byte, 10<<10)
	want.Write(large)
	if n, err := near.Write(large); n != len(large) || err != nil {
		t.Fatal(n, err)
	}
	got := make([]byte, want.Len())
	if _, err := io.ReadFull(far, got); err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("what came is not what was sent: %v", err)
	}
	if n := below.writes.Load() - before; n > 3 { // the first, those that waited, the large one
		t.Errorf("101 writes took %d system calls", n)
	}
}

// Who writes for all lets those go first that are ready to write as well.
func TestTLSWritesOfMany(t *testing.T) {
	const many = 64
	near, below, far, err := securePair(t, plainTLS, "")
	if err != nil {
		t.Fatal(err)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // they are ready at one moment
	before := below.writes.Load()
	start := make(chan struct{})
	var all sync.WaitGroup
	for range many {
		all.Go(func() {
			<-start
			if _, err := near.Write([]byte("frame")); err != nil {
				t.Error(err)
			}
		})
	}
	runtime.Gosched() // all wait
	close(start)
	all.Wait()
	if _, err := io.ReadFull(far, make([]byte, many*len("frame"))); err != nil {
		t.Fatal(err)
	}
	if n := below.writes.Load() - before; n > many/8 {
		t.Errorf("%d writes of %d frames", n, many)
	}
}

// What was written before the end comes before it, and nothing is taken after it.
func TestTLSClosesAfterTheLast(t *testing.T) {
	near, _, far, err := securePair(t, batchedTLS, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := near.Write([]byte("the last")); err != nil {
		t.Fatal(err)
	}
	if err := near.Close(); err != nil {
		t.Error(err)
	}
	if got, err := io.ReadAll(far); string(got) != "the last" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := near.Write([]byte("more")); err == nil {
		t.Error("a closed connection takes more")
	}
}

// A write that is larger than what is written together comes whole as well.
func TestTLSLargeWrite(t *testing.T) {
	near, _, far, err := securePair(t, batchedTLS, "")
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 1<<20)
	rand.Read(data)
	go near.Write(data)
	got := make([]byte, len(data))
	if _, err := io.ReadFull(far, got); err != nil || !bytes.Equal(got, data) {
		t.Errorf("what came is not what was sent: %v", err)
	}
}

// Whoever has another key than was meant is refused.
func TestTLSWrongKey(t *testing.T) {
	other, err := peer.IDFromPrivateKey(freshKey(t))
	if err != nil {
		t.Fatal(err)
	}
	var mismatch sec.ErrPeerIDMismatch
	if near, _, _, err := securePair(t, batchedTLS, other); near != nil || !errors.As(err, &mismatch) {
		t.Errorf("%v, %v", near, err)
	}
}

// A connection that breaks in the middle of a write, or is closed there, ends the write.
func TestTLSBreaks(t *testing.T) {
	for name, end := range map[string]func(near sec.SecureConn, below, far net.Conn){
		"closed":            func(near sec.SecureConn, _, _ net.Conn) { near.Close() },
		"broken":            func(_ sec.SecureConn, below, _ net.Conn) { below.Close() },
		"left by the other": func(_ sec.SecureConn, _, far net.Conn) { far.Close() },
	} {
		for _, size := range []int{64 << 10, 100} {
			testTLSBreaks(t, fmt.Sprintf("%s, %d", name, size), size, end)
		}
	}
}

func testTLSBreaks(t *testing.T, name string, size int, end func(near sec.SecureConn, below, far net.Conn)) {
	near, below, far, err := securePair(t, batchedTLS, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for p := make([]byte, size); ; { // until the other end's buffers are full, and then it is over
			if _, err := near.Write(p); err != nil {
				return
			}
		}
	}()
	if _, err := io.CopyN(io.Discard, far, 1<<20); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	start := time.Now()
	end(near, below, far)
	<-ctx.Done()
	if took := time.Since(start); took > 4*time.Second { // TLS gives a goodbye five
		t.Errorf("%s: it took %s", name, took)
	}
}
