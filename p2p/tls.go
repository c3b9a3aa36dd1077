package p2p

import (
	"context"
	"net"
	"sync"

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
	return &secureConn{SecureConn: c, on: b}, nil
}

// secureConn writes the records of one Write together.
type secureConn struct {
	sec.SecureConn
	on    *batched
	write sync.Mutex // held by one Write at a time
}

// Write implements net.Conn.
func (c *secureConn) Write(p []byte) (int, error) {
	c.write.Lock()
	defer c.write.Unlock()
	if len(p) <= leastRecord {
		return c.SecureConn.Write(p)
	}
	c.on.hold()
	n, err := c.SecureConn.Write(p)
	if ferr := c.on.flush(); err == nil {
		err = ferr
	}
	return n, err
}

// Close implements net.Conn. In the middle of a Write, which may wait for the other
// end, there is no word of goodbye.
func (c *secureConn) Close() error {
	if !c.write.TryLock() {
		return c.on.Close()
	}
	defer c.write.Unlock()
	return c.SecureConn.Close()
}

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
