package resume

import (
	"context"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

const (
	tryTime   = 5 * time.Second // for one try to open another stream
	firstWait = 100 * time.Millisecond
	lastWait  = 2 * time.Second // between tries
)

// Reopen opens another stream for a connection: it says to the other end how many
// bytes this one got, and learns what that one did. An error of a kind other than
// KindUnavailable, KindTimeout, KindInternal and KindCanceled, with which a try ends
// that took too long, is the end of the connection.
type Reopen func(ctx context.Context, got int64) (st wire.Stream, theirs int64, err error)

// Dialed is the end that opened st, on which nothing else goes any more.
func Dialed(st wire.Stream, reopen Reopen) *Conn {
	c := newConn(reopen)
	c.attach(st, 0)
	return c
}

// Accepted is the end at which st was opened.
func Accepted(st wire.Stream) *Conn {
	c := newConn(nil)
	c.attach(st, 0)
	return c
}

// Resume goes on over st, where the other end said how much it got; say tells it
// how much this one did. It returns when the connection has left the stream.
func (c *Conn) Resume(st wire.Stream, theirs int64, say func(got int64) error) error {
	c.taking.Lock()
	got := c.detach()
	err := say(got)
	var l *link
	if err == nil {
		l = c.attach(st, theirs)
	} else {
		c.mu.Lock()
		if c.err == nil {
			c.hopeLocked()
		}
		c.mu.Unlock()
	}
	c.taking.Unlock()
	if l != nil {
		l.work.Wait()
	}
	return err
}

// retry opens another stream, until it has one or the time is up.
func (c *Conn) retry() {
	ctx, cancel := context.WithTimeout(c.ctx, Grace)
	defer cancel()
	got := c.detach()
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		try, done := context.WithTimeout(ctx, tryTime)
		st, theirs, err := c.reopen(try, got)
		done()
		if err == nil {
			c.attach(st, theirs)
			return
		}
		switch api.KindOf(err) {
		case api.KindUnavailable, api.KindTimeout, api.KindInternal, api.KindCanceled:
		default:
			c.fail(err, false)
			return
		}
		pause := time.NewTimer(wait)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			c.fail(errLost, false)
			return
		}
	}
}
