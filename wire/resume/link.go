package resume

import (
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// attach goes on over st, of which the other end said how much it got before.
func (c *Conn) attach(st wire.Stream, theirs int64) *link {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil && (theirs < c.acked || theirs > c.out.to+1) {
		c.failLocked(errLies, false)
	}
	if c.err != nil {
		_ = st.Reset()
		return nil
	}
	if c.patience != nil {
		c.patience.Stop()
	}
	l := &link{st: st, w: wire.NewWriter(st, maxData)}
	if c.link != nil {
		c.told.Read = -1 // what was told may not have come
	}
	c.link, c.sent = l, theirs
	l.work.Go(func() { c.send(l) })
	l.work.Go(func() { c.receive(l) })
	return l
}

// detach leaves the stream and returns when nothing is done with it any more.
func (c *Conn) detach() (got int64) {
	c.mu.Lock()
	l := c.link
	l.gone = true
	c.turnLocked()
	c.mu.Unlock()
	_ = l.st.Reset()
	l.work.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.got()
}

// broke is called where a stream fails.
func (c *Conn) broke(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.gone || c.err != nil {
		return
	}
	l.gone = true
	c.turnLocked()
	_ = l.st.Reset()
	switch {
	case c.settled() && (c.told.Read > c.in.to || c.reopen == nil):
	case c.reopen == nil:
		c.hopeLocked()
	default:
		c.mend.Go(c.retry)
	}
}

// hopeLocked gives the other end time to come back.
func (c *Conn) hopeLocked() {
	if c.patience != nil {
		c.patience.Stop()
	}
	c.patience = time.AfterFunc(Grace, func() { c.fail(errLost, false) })
}

// word is what the stream is sent next.
type word struct {
	data []byte
	ack  *ack
	end  bool
}

func (n word) nothing() bool { return n.ack == nil && n.data == nil && !n.end }

// nextLocked is what there is to send.
func (c *Conn) nextLocked() (n word) {
	if c.owesAck() {
		n.ack = c.ackLocked()
	}
	if c.sent < c.out.to {
		n.data = c.out.at(c.sent)
	} else if c.ended && c.sent == c.out.to {
		n.end = true
	}
	return n
}

// ackLocked is the word that is owed. Where more could have been read than came,
// the other end may send further ahead from now on.
func (c *Conn) ackLocked() *ack {
	if c.starved && c.window < maxWindow && c.in.from-c.grown >= c.window && spare.take(c.window) {
		c.window *= 2
		c.starved, c.grown = false, c.in.from
	}
	c.told = ack{Read: c.readHere(), Limit: c.in.from + c.window}
	word := c.told
	return &word
}

// send writes what there is to the stream, until either is over.
func (c *Conn) send(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case l.sending: // by who writes
		case l.gone:
			_ = l.st.Close()
			return
		case c.err != nil:
			tell := c.tell
			c.mu.Unlock()
			if tell {
				_ = l.w.Send(kindReset, struct{}{}) // it may not be there any more
			}
			_ = l.st.Close()
			c.mu.Lock()
			return
		default:
			if n := c.nextLocked(); !n.nothing() {
				c.putLocked(l, n)
				continue
			}
		}
		c.due.Wait()
	}
}

// pushLocked sends what was written now, where nothing else is on its way: that
// saves waking the sender, and the stream holds up who writes as it would.
func (c *Conn) pushLocked() {
	l := c.link
	if l.gone || l.sending {
		c.due.Signal()
		return
	}
	l.work.Add(1)
	defer l.work.Done()
	c.putLocked(l, c.nextLocked())
	if c.moreLocked(l) {
		c.due.Signal()
	}
}

// moreLocked tells whether the sender has something to do.
func (c *Conn) moreLocked(l *link) bool {
	return c.owesAck() || c.sent < c.out.to || c.ended && c.sent == c.out.to || c.err != nil || l.gone
}

// putLocked writes to the stream, with mu unlocked meanwhile, and notes what it took.
func (c *Conn) putLocked(l *link, n word) {
	l.sending = true
	c.mu.Unlock()
	var err error
	if n.ack != nil {
		err = l.w.Send(kindAck, n.ack)
	}
	if n.data != nil && err == nil {
		err = l.w.Write(kindData, n.data)
	}
	if n.end && err == nil {
		err = l.w.Send(kindEnd, struct{}{})
	}
	if err != nil {
		c.broke(l)
	}
	c.mu.Lock()
	l.sending = false
	if err != nil || l.gone {
		return
	}
	if c.sent += int64(len(n.data)); n.end {
		c.sent++
	}
	c.out.drop(min(c.acked, c.sent)) // not what a write may still look at
	if n.ack != nil || n.end {
		c.agreed.Broadcast()
	}
}

// receive reads from the stream until it ends.
func (c *Conn) receive(l *link) {
	for r := wire.NewReaderSize(l.st, maxData, little); c.one(l, r); {
	}
	c.broke(l)
}

// one reads a frame and does what it says; false: that was the last one.
func (c *Conn) one(l *link, r *wire.Reader) bool {
	kind, n, err := r.Head()
	if err != nil {
		return false
	}
	room := full.Get().(*[maxData]byte)
	payload := room[:n]
	if r.Payload(payload) != nil {
		return false
	}
	kept, more := c.take(l, kind, payload)
	if !kept {
		full.Put(room)
	}
	return more
}

// take does what a frame says, with more to come if that is true. It may keep the payload.
func (c *Conn) take(l *link, kind wire.Kind, payload []byte) (kept, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.gone || c.err != nil {
		return false, false
	}
	fine := true
	switch kind {
	case kindData:
		if fine = !c.theirEnd && c.in.to+int64(len(payload)) <= c.told.Limit; fine {
			kept = c.cameLocked(payload)
		}
	case kindAck:
		var a ack
		fine = wire.Decode(payload, &a) == nil && a.Read >= c.acked && a.Read <= c.out.to+1 && a.Limit >= c.limit && a.Limit <= a.Read+maxWindow
		if fine {
			c.acked, c.limit = a.Read, a.Limit
			c.out.drop(min(c.acked, c.sent))
			c.room.Signal()
			c.agreed.Broadcast()
		}
	case kindEnd:
		fine = !c.theirEnd
		c.theirEnd = true
		c.came.Signal()
		c.agreed.Broadcast()
	case kindReset:
		c.failLocked(errReset, false)
	default:
		fine = false
	}
	if !fine {
		c.failLocked(errLies, true)
	}
	return kept, c.err == nil
}

// cameLocked takes data, and may keep it where it lies.
func (c *Conn) cameLocked(p []byte) (kept bool) {
	n := 0
	if c.try != nil && c.in.empty() {
		n = c.try(p)
		c.in.from += int64(n)
		c.in.to += int64(n)
		c.readLocked()
		if p = p[n:]; len(p) == 0 {
			return false
		}
	}
	if kept = n == 0 && len(p) >= worth; kept {
		c.in.keep(p)
	}
	for !kept && len(p) > 0 {
		p = p[c.in.add(p):]
	}
	c.came.Signal()
	return kept
}
