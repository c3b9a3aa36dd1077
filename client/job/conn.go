package job

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// Times of a lease's stream.
const (
	answerIn    = 15 * time.Second // for Grant or Refuse
	dialIn      = 10 * time.Second
	firstRetry  = 50 * time.Millisecond
	slowestDial = 15 * time.Second
	releaseIn   = 20 * time.Second // a lease that should end is left to its own time after this
	frameBytes  = 1 << 20          // an Assign is ended when it has this much
)

// conn keeps the stream of one lease alive: it opens it, opens it again when it
// breaks, and tells the engine what the lender says. It has one goroutine that
// reads and, while there is a stream, one that writes.
type conn struct {
	e    *Engine
	r    *run
	id   api.LeaseID
	peer api.PeerID

	ctx  context.Context
	stop context.CancelFunc
	wake chan struct{} // one slot: out has something
	kick chan struct{} // one slot: the lender seems to be back

	mu      sync.Mutex // guards what follows; a leaf below Engine.mu
	out     []outgoing
	st      wire.Stream // nil while there is none
	ending  bool        // Release was asked for on this stream, or the last one
	results []lease.Result
	workers int
}

type outgoing struct {
	kind    wire.Kind
	keys    []lease.Key
	reason  string // of a Cancel
	unbegun bool   // of a Cancel
}

func (e *Engine) newConn(r *run, id api.LeaseID, peer api.PeerID) *conn {
	c := &conn{e: e, r: r, id: id, peer: peer, wake: make(chan struct{}, 1), kick: make(chan struct{}, 1)}
	c.ctx, c.stop = context.WithCancel(e.ctx)
	return c
}

func nudge(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default: // somebody already did
	}
}

// push queues a message. What is queued when the stream breaks is dropped: on
// resuming, both sides compare what they hold.
func (c *conn) push(m outgoing) {
	c.mu.Lock()
	if m.kind == lease.KindRelease {
		c.ending = true
	}
	c.out = append(c.out, m)
	c.mu.Unlock()
	nudge(c.wake)
}

// cut breaks the stream, so that it is opened again.
func (c *conn) cut() {
	c.mu.Lock()
	st := c.st
	c.mu.Unlock()
	if st != nil {
		if err := st.Reset(); err != nil {
			c.e.log.Debug("reset lease stream", "lease", c.id, "err", err)
		}
	}
}

// The ways a session ends, besides a broken stream.
var errReleased = errors.New("lease released")

type refusal struct{ lease.Refuse }

func (r *refusal) Error() string { return r.Msg }

// breach is a lender that does not keep to the protocol.
type breach struct{ what string }

func (b *breach) Error() string { return b.what }

// run lives as long as the lease. It returns when the lease has ended, was
// refused, given up or dropped.
func (c *conn) run(resume bool) {
	defer c.stop()
	if !resume {
		if err := c.e.cfg.Store.SaveLease(c.ctx, c.id, c.r.id, c.peer); err != nil {
			c.end(func(s *sched, now time.Time) {
				s.onRefused(c.id, api.KindOf(err), "the journal here: "+err.Error(), now)
			})
			return
		}
	}
	// from: since when there is no stream; taken: a lender knows the lease; told: the
	// scheduler knows that it does not answer, or counts by itself, as after a restart
	from, taken, told := time.Now(), resume, resume
	retry := firstRetry
	for {
		timeout := dialIn
		if taken && !told {
			timeout = max(lease.Reconnect-time.Since(from), 100*time.Millisecond)
		}
		granted, err := c.session(taken, timeout)
		if c.ctx.Err() != nil {
			if c.e.ctx.Err() == nil {
				c.forget()
			}
			return
		}
		var no *refusal
		var bad *breach
		switch {
		case errors.Is(err, errReleased):
			c.end(func(s *sched, now time.Time) { s.onGone(c.id, now) })
			return
		case errors.As(err, &no) && (!taken || no.Kind != api.KindUnavailable): // a lender that restarts may still hold results
			c.end(func(s *sched, now time.Time) { s.onRefused(c.id, no.Kind, no.Msg, now) })
			return
		case errors.As(err, &bad):
			c.e.log.Warn("lender broke the protocol", "peer", c.peer, "job", c.r.id, "what", bad.what)
			c.end(func(s *sched, now time.Time) { s.onBreach(c.id, bad.what, now) })
			return
		case !taken && !granted:
			c.end(func(s *sched, now time.Time) {
				s.onRefused(c.id, api.KindUnavailable, "cannot be reached: "+err.Error(), now)
			})
			return
		}
		if granted {
			from, taken, told, retry = time.Now(), true, false, firstRetry
			c.e.log.Info("lease stream broke", "peer", c.peer, "lease", c.id, "err", err)
		}
		if silent := granted && timedOut(err); !told && (silent || time.Since(from) >= lease.Reconnect) {
			told = true
			c.e.event(c.r, func(s *sched, now time.Time) { s.onLost(c.id, "the lender does not answer", now) })
		}
		away := time.Since(from)
		if away > lease.TTL+lease.Grace || (away > releaseIn && c.isEnding()) {
			c.end(func(s *sched, now time.Time) { s.onGone(c.id, now) })
			return
		}
		wait := retry
		if !told { // be there when the time is up
			wait = min(wait, max(lease.Reconnect-away, time.Millisecond))
		}
		retry = min(2*retry, slowestDial)
		select {
		case <-time.After(wait):
		case <-c.kick:
		case <-c.ctx.Done():
		}
	}
}

func timedOut(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

func (c *conn) isEnding() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending || c.r.over.Load()
}

// end tells the scheduler how the lease ended and forgets it.
func (c *conn) end(fn func(*sched, time.Time)) {
	c.e.mu.Lock()
	delete(c.r.conns, c.id)
	c.e.mu.Unlock()
	c.e.event(c.r, fn)
	c.forget()
}

// forget takes the lease out of the journal. Failing is harmless: after the
// next start its lender will say that it is over.
func (c *conn) forget() {
	ctx, cancel := context.WithTimeout(c.e.ctx, dialIn)
	defer cancel()
	if err := c.e.cfg.Store.DeleteLease(ctx, c.id); err != nil {
		c.e.log.Warn("forget lease", "lease", c.id, "err", err)
	}
}

// session is one stream, from dialling to its end. granted tells whether the
// lease stood on it.
func (c *conn) session(resume bool, timeout time.Duration) (granted bool, err error) {
	dctx, cancel := context.WithTimeout(c.ctx, timeout)
	st, err := c.e.cfg.Dial.OpenStream(dctx, c.peer, lease.Protocol)
	cancel()
	if err != nil {
		return false, err
	}
	unwatch := context.AfterFunc(c.ctx, func() { c.reset(st) })
	defer unwatch()
	defer c.reset(st)
	if err := st.SetDeadline(time.Now().Add(answerIn)); err != nil {
		return false, err
	}
	w, r := wire.NewWriter(st, lease.MaxFrame), wire.NewReader(st, lease.MaxFrame)
	if err := w.Send(lease.KindOpen, c.r.plan.open(c.id, c.r.id, resume)); err != nil {
		return false, err
	}
	kind, payload, err := r.Next()
	if err != nil {
		return false, asBreach(err)
	}
	grant, err := readAnswer(kind, payload)
	if err != nil {
		return false, err
	}
	c.e.mu.Lock() // nothing may be sent before both sides know what the other holds
	c.setStream(st)
	c.e.eventLocked(c.r, func(s *sched, now time.Time) { s.onGranted(c.id, grant, now) })
	c.e.mu.Unlock()
	if err := st.SetWriteDeadline(time.Time{}); err != nil {
		return true, err
	}
	var writer sync.WaitGroup
	closed := make(chan struct{})
	writer.Go(func() { c.write(st, w, closed) })
	err = c.read(st, r)
	close(closed)
	c.reset(st)
	writer.Wait()
	c.e.mu.Lock() // between the break and onBroken nothing may be queued and lost
	c.setStream(nil)
	ended := c.ending
	c.e.eventLocked(c.r, func(s *sched, now time.Time) { s.onBroken(c.id, now) })
	c.e.mu.Unlock()
	if ended && errors.Is(err, io.EOF) {
		return true, errReleased
	}
	return true, err
}

func (c *conn) setStream(st wire.Stream) {
	c.mu.Lock()
	c.st, c.out = st, nil
	if st != nil {
		c.ending = false // a Release asked for on an earlier stream may be lost; it is asked for again
	}
	c.mu.Unlock()
}

func (c *conn) reset(st wire.Stream) {
	if err := st.Reset(); err != nil {
		c.e.log.Debug("reset lease stream", "lease", c.id, "err", err)
	}
}
