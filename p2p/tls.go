package p2p

import (
	"context"
	"io"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
)

// security is libp2p's TLS with fewer system calls: of itself it makes one for each
// record of 16 KiB that it writes, and two for three that it reads.
type security struct{ *libp2ptls.Transport }

func newTLS(id protocol.ID, key crypto.PrivKey, muxers []upgrader.StreamMuxer) (security, error) {
	t, err := libp2ptls.New(id, key, muxers)
	return security{t}, err
}

// SecureInbound implements sec.SecureTransport.
func (s security) SecureInbound(ctx context.Context, insecure net.Conn, p peer.ID) (sec.SecureConn, error) {
	b := &batched{Conn: insecure}
	c, err := s.Transport.SecureInbound(ctx, b, p)
	return secured(c, b, err)
}

// SecureOutbound implements sec.SecureTransport.
func (s security) SecureOutbound(ctx context.Context, insecure net.Conn, p peer.ID) (sec.SecureConn, error) {
	b := &batched{Conn: insecure}
	c, err := s.Transport.SecureOutbound(ctx, b, p)
	return secured(c, b, err)
}

func secured(c sec.SecureConn, b *batched, err error) (sec.SecureConn, error) {
	if err != nil {
		return nil, err
	}
	s := &secureConn{SecureConn: c, out: together{c, b}}
	s.changed.L = &s.mu
	return s, nil
}

// secureConn writes what is little when the write before it is done, with all that has come by
// then: a multiplexer hands over the frames of its streams one by one, and of many streams
// that are busy most go in the company of others.
type secureConn struct {
	sec.SecureConn
	out together

	mu      sync.Mutex    // guards what follows
	changed sync.Cond     // of what follows
	run     chan struct{} // closed when flush has returned; nil: nothing was written yet
	late    []byte        // is to be written
	spare   []byte        // room for what is late next
	writing bool
	over    bool
	err     error // of a write; it is the last one
}

// Write implements net.Conn. An error of what is written late is that of a later Write.
func (c *secureConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if little := len(p) <= leastRecord && len(c.late)+len(p) <= mostRecord; little && c.err == nil && !c.over {
		if c.run == nil { // not before: who is refused now is not closed, but what is below
			c.run = make(chan struct{})
			go c.flush(c.run)
		}
		c.late = append(c.late, p...)
		c.changed.Broadcast()
		return len(p), nil
	}
	for c.writing && c.err == nil && !c.over {
		c.changed.Wait()
	}
	switch {
	case c.err != nil:
		return 0, c.err
	case c.over:
		return 0, net.ErrClosed
	}
	return c.putLocked(p)
}

// putLocked writes what is late and then p, with mu unlocked meanwhile.
func (c *secureConn) putLocked(p []byte) (n int, err error) {
	late := c.late
	c.late, c.writing = c.spare[:0], true
	c.mu.Unlock()
	if len(late) > 0 {
		_, err = c.out.Write(late)
	}
	if len(p) > 0 && err == nil {
		n, err = c.out.Write(p)
	}
	c.mu.Lock()
	c.spare, c.writing = late, false
	if c.err == nil {
		c.err = err
	}
	c.changed.Broadcast()
	return n, err
}

// flush writes what is late until the connection is closed or broken.
func (c *secureConn) flush(done chan<- struct{}) {
	defer close(done)
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.err == nil && !(c.over && len(c.late) == 0) {
		if c.writing || len(c.late) == 0 {
			c.changed.Wait()
			continue
		}
		// Who made this goroutine run is followed by others that are ready to write, and
		// they would come after it.
		c.mu.Unlock()
		runtime.Gosched()
		c.mu.Lock()
		if !c.writing && c.err == nil {
			_, _ = c.putLocked(nil) // kept in err
		}
	}
}

// Close implements net.Conn. A write that waits for the other end is given up then, and
// there is no word of goodbye.
func (c *secureConn) Close() error {
	_ = c.SetWriteDeadline(time.Now().Add(lastWrite))
	c.mu.Lock()
	c.over = true
	c.changed.Broadcast()
	run := c.run
	c.mu.Unlock()
	if run != nil {
		<-run
	}
	c.mu.Lock()
	for c.writing {
		c.changed.Wait()
	}
	broken := c.err != nil
	c.mu.Unlock()
	if broken {
		return c.out.on.Close()
	}
	return c.SecureConn.Close()
}

// together writes the records of one Write together.
type together struct {
	tls io.Writer
	on  *batched
}

// Write implements io.Writer. One goes at a time.
func (t together) Write(p []byte) (int, error) {
	if len(p) <= leastRecord {
		return t.tls.Write(p)
	}
	t.on.hold()
	n, err := t.tls.Write(p)
	if ferr := t.on.flush(); err == nil {
		err = ferr
	}
	return n, err
}

const lastWrite = 250 * time.Millisecond // for what is on its way when the connection is closed

const (
	leastRecord = 1 << 10
	mostRecord  = 16 << 10
	batch       = 4*mostRecord + 1<<10 // with what encryption adds
)

var batches = sync.Pool{New: func() any { return new([batch]byte) }}

// batched is the connection below. Reading, it takes as much as there is once there
// is more than it was asked for.
type batched struct {
	net.Conn

	out  sync.Mutex // guards held and late
	held *[batch]byte
	late int // bytes of held to be written

	ahead []byte       // of in: what was read and not asked for yet
	in    *[batch]byte // nil: nothing
	more  bool         // the last read found all it had room for
}

// hold keeps what is written until flush.
func (b *batched) hold() {
	b.out.Lock()
	defer b.out.Unlock()
	b.held = batches.Get().(*[batch]byte)
}

// flush writes what was held.
func (b *batched) flush() error {
	b.out.Lock()
	defer b.out.Unlock()
	err := b.flushLocked()
	batches.Put(b.held)
	b.held = nil
	return err
}

func (b *batched) flushLocked() error {
	_, err := b.Conn.Write(b.held[:b.late])
	b.late = 0
	return err
}

// Write implements net.Conn.
func (b *batched) Write(p []byte) (int, error) {
	b.out.Lock()
	defer b.out.Unlock()
	if b.held == nil {
		return b.Conn.Write(p)
	}
	if b.late+len(p) > batch {
		if err := b.flushLocked(); err != nil {
			return 0, err
		}
	}
	n := copy(b.held[b.late:], p)
	b.late += n
	return n, nil
}

// Read implements net.Conn.
func (b *batched) Read(p []byte) (n int, err error) {
	if b.in == nil {
		if !b.more || len(p) >= batch {
			n, err = b.Conn.Read(p)
			b.more = n == len(p)
			return n, err
		}
		b.in = batches.Get().(*[batch]byte)
		n, err = b.Conn.Read(b.in[:])
		b.ahead, b.more = b.in[:n], n == batch
	}
	n = copy(p, b.ahead)
	if b.ahead = b.ahead[n:]; len(b.ahead) > 0 {
		return n, nil // an error that came with them comes again, after the last
	}
	batches.Put(b.in)
	b.in = nil
	return n, err
}
