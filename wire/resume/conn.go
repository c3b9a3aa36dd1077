package resume

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// Grace is how long a connection lasts without a stream.
const Grace = time.Minute

const (
	maxData   = 64 << 10
	minWindow = 256 << 10
	maxWindow = 4 << 20
	lastWord  = time.Second // for what is said when a connection ends
)

const (
	kindData wire.Kind = iota + 1
	kindAck
	kindEnd
	kindReset
)

// ack says how far one end has read, and up to where it takes more.
type ack struct {
	Read  int64 `json:"read"`
	Limit int64 `json:"limit"`
}

var (
	errReset = errors.New("the connection was reset")
	errLost  = api.Errorf(api.KindUnavailable, "the connection broke, and did not go on within %s", Grace)
	errLies  = api.Errorf(api.KindCorrupt, "the other end sends what it may not")
)

// Conn is one end of a connection. One goroutine at a time may read, one write.
type Conn struct {
	reopen Reopen // nil: the other end comes back
	ctx    context.Context
	cancel context.CancelFunc // when it is over
	mend   sync.WaitGroup
	taking sync.Mutex // held while it is moved to another stream; before mu

	mu       sync.Mutex  // guards what follows
	came     sync.Cond   // for who reads: data, or the end
	room     sync.Cond   // for who writes: there is some
	due      sync.Cond   // for the sender: there is something to send, or nothing ever
	agreed   sync.Cond   // for who closes: the ends may know of each other
	err      error       // why it is over
	tell     bool        // that it is over: the other end does not know
	link     *link       // the last one
	patience *time.Timer // until it is over for want of one

	out      queue            // what was written and not acknowledged
	ended    bool             // no more will be
	sent     int64            // up to where, the end being a byte
	acked    int64            // the same
	limit    int64            // the other end takes no more
	ahead    int64            // how many unacknowledged bytes are kept here at most
	in       queue            // what came and was not read
	try      func([]byte) int // of who waits in Give
	theirEnd bool             // no more will come
	readEnd  bool             // whoever reads was told
	told     ack
	window   int64 // how many unread bytes are kept here at most
	starved  bool  // whoever reads waited since the window grew
	grown    int64 // where that was
}

// link is a stream that a connection runs over.
type link struct {
	st   wire.Stream
	w    *wire.Writer
	work sync.WaitGroup

	gone    bool // it broke, or was left; guarded by Conn.mu
	sending bool // something is being written to it; the same
}

func newConn(reopen Reopen) *Conn {
	c := &Conn{reopen: reopen, window: minWindow, ahead: minWindow, limit: minWindow, told: ack{Limit: minWindow}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	for _, cond := range []*sync.Cond{&c.came, &c.room, &c.due, &c.agreed} {
		cond.L = &c.mu
	}
	return c
}

// turnLocked wakes everybody who waits: for what changes everything.
func (c *Conn) turnLocked() {
	for _, cond := range []*sync.Cond{&c.came, &c.room, &c.due, &c.agreed} {
		cond.Broadcast()
	}
}

// Read implements io.Reader.
func (c *Conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.waitLocked(); err != nil {
		return 0, err
	}
	n := c.in.take(p)
	c.readLocked()
	return n, nil
}

// Give shows what comes to do where it lies, until the end, which is no error, or do
// fails. It is Read without a copy. try, if there is one, is offered what comes while do has
// nothing to do, and says how much of it it took: it may not wait. So nobody is woken for what
// is little.
func (c *Conn) Give(do func(p []byte) error, try func(p []byte) int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		c.try = try
		err := c.waitLocked()
		c.try = nil
		if err == io.EOF { //nolint:errorlint // it is this one
			return nil
		}
		if err != nil {
			return err
		}
		p := c.in.pop()
		c.readLocked()
		c.mu.Unlock()
		err = do(p.b[p.off:])
		p.free()
		c.mu.Lock()
		if err != nil {
			return err
		}
	}
}

// waitLocked waits until there is something to read.
func (c *Conn) waitLocked() error {
	for c.in.empty() && !c.theirEnd && c.err == nil {
		c.starved = true
		c.came.Wait()
	}
	switch {
	case c.err != nil:
		return c.err
	case c.in.empty():
		c.readEnd = true
		c.due.Signal()
		return io.EOF
	}
	return nil
}

// readLocked is called when something was read.
func (c *Conn) readLocked() {
	if c.owesAck() {
		c.due.Signal()
	}
}

// Write implements io.Writer. What was written may still be lost with the
// connection: the other end's answer says what came.
func (c *Conn) Write(p []byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n < len(p) {
		for c.err == nil && !c.ended && c.roomLocked(1) < 1 {
			c.room.Wait()
		}
		switch {
		case c.err != nil:
			return n, c.err
		case c.ended:
			return n, io.ErrClosedPipe
		}
		n += c.out.add(p[n:min(int64(len(p)), int64(n)+c.roomLocked(1))])
		c.pushLocked()
	}
	return n, nil
}

// Piece is room for what is written: Keep takes the beginning of it, or Drop all.
func (c *Conn) Piece() []byte { return full.Get().(*[maxData]byte)[:wire.Piece] }

// Drop gives back what Piece gave.
func (c *Conn) Drop(p []byte) { full.Put((*[maxData]byte)(p[:maxData])) }

// Keep is Write without a copy, where there is much to be written.
func (c *Conn) Keep(p []byte) error {
	if len(p) < worth {
		_, err := c.Write(p)
		c.Drop(p)
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.err == nil && !c.ended && c.roomLocked(int64(len(p))) < int64(len(p)) {
		c.room.Wait()
	}
	switch {
	case c.err != nil:
		return c.err
	case c.ended:
		return io.ErrClosedPipe
	}
	c.out.keep(p)
	c.pushLocked()
	return nil
}

// roomLocked is how much may be written now, by who has n bytes. Where the other end
// takes more than this one keeps, it keeps more, if there is any left for that.
func (c *Conn) roomLocked(n int64) int64 {
	if c.out.to+n > c.acked+c.ahead && c.out.to+n <= c.limit && c.ahead < maxWindow && spare.take(c.ahead) {
		c.ahead *= 2
	}
	return min(c.limit, c.acked+c.ahead) - c.out.to
}

// CloseWrite ends this end's data; the other end reads EOF after it.
func (c *Conn) CloseWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	c.room.Broadcast()
	c.due.Signal()
	return c.err
}

// Close gives the connection up, unless both ends have ended: then it waits until
// each knows so of the other, as far as a path can be had for that.
func (c *Conn) Close() error {
	c.mu.Lock()
	orderly := c.ended && c.readEnd
	for orderly && c.err == nil && !(c.settled() && (c.told.Read > c.in.to || c.link.gone && c.reopen == nil)) {
		c.agreed.Wait()
	}
	c.mu.Unlock()
	c.fail(io.ErrClosedPipe, !orderly)
	c.wait()
	return nil
}

// Reset gives the connection up and tells the other end.
func (c *Conn) Reset() error {
	c.fail(errReset, true)
	c.wait()
	return nil
}

// fail ends the connection, if it is not over.
func (c *Conn) fail(err error, tell bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failLocked(err, tell)
}

func (c *Conn) failLocked(err error, tell bool) {
	if c.err != nil {
		return
	}
	c.err, c.tell = err, tell
	c.in.chunks, c.out.chunks = nil, nil // not to the pool: a write may look at one
	spare.give(c.window + c.ahead - 2*minWindow)
	c.window, c.ahead = minWindow, minWindow
	c.cancel()
	if c.patience != nil {
		c.patience.Stop()
	}
	_ = c.link.st.SetDeadline(time.Now().Add(lastWord)) // a write may wait in it
	c.turnLocked()
}

// wait returns when nothing of a connection that is over works any more.
func (c *Conn) wait() {
	c.mend.Wait()
	c.mu.Lock()
	l := c.link
	c.mu.Unlock()
	l.work.Wait()
}

// settled tells whether each end has all of the other and this one knows so.
func (c *Conn) settled() bool { return c.theirEnd && c.acked > c.out.to }

// got is how many bytes have come, the end being one.
func (c *Conn) got() int64 {
	if c.theirEnd {
		return c.in.to + 1
	}
	return c.in.to
}

// readHere is how many were read.
func (c *Conn) readHere() int64 {
	if c.readEnd {
		return c.in.to + 1
	}
	return c.in.from
}

// owesAck tells whether the other end must hear how far this one has read. It may
// keep no more than minWindow, whatever it was told that it may send.
func (c *Conn) owesAck() bool {
	return c.readHere()-c.told.Read >= minWindow/4 || c.readEnd && c.told.Read < c.readHere()
}
