package blob

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// brokenError is an error of a stream, as opposed to a holder's answer.
type brokenError struct{ error }

func (e brokenError) Unwrap() error { return e.error }

func isBroken(err error) bool {
	var e brokenError
	return errors.As(err, &e)
}

// errIdle ends a link that nobody has used for a while.
var errIdle = errors.New("idle")

// linkSlot is a peer's place in the exchange: at most one live link.
type linkSlot struct {
	dial  chan struct{} // one token: only one dials
	large chan struct{} // one token for each large blob coming from there
	link  *link         // guarded by Exchange.mu
	refs  int           // who uses the slot, guarded by Exchange.mu
}

// link is the asking side of one stream: requests go out in order and answers
// come back in that order.
type link struct {
	peer   api.PeerID
	st     wire.Stream
	w      *wire.Writer
	send   sync.Mutex    // held while a request is queued and written, so that both orders are one; before mu
	window chan struct{} // one token for each request under way

	mu    sync.Mutex // guards what follows
	queue []*ask
	used  bool      // something was answered
	dead  error     // why the link ended
	frame time.Time // when the answer now coming in must be whole
	until time.Time // the read deadline
}

// ask is one request under way.
type ask struct {
	answer []byte // a slice
	err    error
	waited time.Time // until when the holder may make us wait; zero before the first WAIT
	done   chan struct{}
}

// ask sends a request to peer and returns a handle on its answer. It blocks
// while the stream's window is full.
func (x *Exchange) ask(ctx context.Context, peer api.PeerID, m askMsg) (*link, *ask, error) {
	slot := x.slot(peer)
	defer x.leave(peer, slot)
	for {
		l, err := x.link(ctx, peer, slot)
		if err != nil {
			return nil, nil, err
		}
		a, err := l.start(ctx, m)
		if !isBroken(err) {
			return l, a, err
		}
		if fresh := x.unlink(slot, l); fresh {
			return nil, nil, err
		}
	}
}

func (x *Exchange) slot(peer api.PeerID) *linkSlot {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := x.links[peer]
	if s == nil {
		s = &linkSlot{dial: make(chan struct{}, 1), large: make(chan struct{}, largePeer)}
		x.links[peer] = s
	}
	s.refs++
	return s
}

// leave forgets a slot that nobody uses, so that the map stays as small as what is in use.
func (x *Exchange) leave(peer api.PeerID, s *linkSlot) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if s.refs--; s.refs == 0 && s.link == nil && x.links[peer] == s {
		delete(x.links, peer)
	}
}

// unlink takes a dead link out of its slot and tells whether it never answered anything.
func (x *Exchange) unlink(s *linkSlot, l *link) (fresh bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if s.link == l {
		s.link = nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.used
}

// link is the peer's live link, dialed if there is none.
func (x *Exchange) link(ctx context.Context, peer api.PeerID, s *linkSlot) (*link, error) {
	select {
	case s.dial <- struct{}{}:
		defer func() { <-s.dial }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	x.mu.Lock()
	l := s.link
	x.mu.Unlock()
	if l != nil {
		return l, nil
	}
	dialing, cancel := context.WithTimeout(ctx, dialTime)
	st, err := x.dial.OpenStream(dialing, peer, Protocol)
	cancel()
	if err != nil {
		return nil, err
	}
	l = &link{peer: peer, st: st, w: wire.NewWriter(st, maxAsk), window: make(chan struct{}, linkWindow)}
	x.mu.Lock()
	s.link = l
	x.mu.Unlock()
	// The goroutine holds the slot as long as the link lives.
	x.slot(peer)
	stop := context.AfterFunc(x.life, func() { l.fail(errClosed) })
	ok := x.start(func() {
		defer x.leave(peer, s)
		defer stop()
		l.read()
		x.unlink(s, l)
	})
	if !ok {
		stop()
		l.fail(errClosed)
		x.unlink(s, l)
		x.leave(peer, s)
		return nil, errClosed
	}
	return l, nil
}

// start queues and writes a request.
func (l *link) start(ctx context.Context, m askMsg) (*ask, error) {
	select {
	case l.window <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	a := &ask{done: make(chan struct{})}
	l.send.Lock()
	defer l.send.Unlock()
	l.mu.Lock()
	if l.dead != nil {
		l.mu.Unlock()
		<-l.window
		return nil, brokenError{l.dead}
	}
	l.queue = append(l.queue, a)
	if len(l.queue) == 1 { // the reader may be waiting for the end of an idle stream
		l.deadlineLocked(true)
	}
	l.mu.Unlock()
	err := l.st.SetWriteDeadline(time.Now().Add(silence))
	if err == nil {
		err = l.w.Send(kindGet, m)
	}
	if err != nil {
		// Answers may still be on their way, so it is the reader who finds the end:
		// nobody will answer this one.
		l.mu.Lock()
		if l.dead == nil {
			l.dead = l.why(err)
		}
		l.mu.Unlock()
	}
	return a, nil
}

// wait returns the answer. An error of the stream is a brokenError, KindCorrupt
// when the holder broke the protocol, KindTimeout when it was too slow; other
// errors are what the holder answered.
func (a *ask) wait(ctx context.Context) ([]byte, error) {
	select {
	case <-a.done:
		return a.answer, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// fail ends the link and all that is under way on it.
func (l *link) fail(err error) {
	l.mu.Lock()
	if l.dead == nil {
		l.dead = err
	}
	idle := errors.Is(l.dead, errIdle)
	queue := l.queue
	l.queue = nil
	l.mu.Unlock()
	for _, a := range queue {
		a.err = brokenError{err}
		close(a.done)
		<-l.window
	}
	end := l.st.Reset
	if idle {
		end = l.st.Close
	}
	if end() != nil {
		return // it was dead already
	}
}

// deadlineLocked says until when the next bytes must come.
func (l *link) deadlineLocked(newFrame bool) {
	now := time.Now()
	until := now.Add(linkIdle)
	if len(l.queue) > 0 {
		if newFrame {
			l.frame = now.Add(frameTime)
		}
		until = now.Add(silence)
		if l.frame.Before(until) {
			until = l.frame
		}
	}
	l.until = until
	if err := l.st.SetReadDeadline(until); err != nil {
		return // the stream is dead, and the read will say so
	}
}

// Read is what the frame reader reads from: each read has its deadline. The end
// of an idle time is the link's end, unless a request has come meanwhile.
func (l *link) Read(p []byte) (int, error) {
	for {
		l.mu.Lock()
		l.deadlineLocked(false)
		l.mu.Unlock()
		n, err := l.st.Read(p)
		if n > 0 || !isTimeout(err) {
			return n, err
		}
		l.mu.Lock()
		waiting := len(l.queue) > 0
		early := time.Now().Before(l.until)
		if !waiting && l.dead == nil {
			l.dead = errIdle
		}
		l.mu.Unlock()
		if !waiting || !early {
			return n, err
		}
	}
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// read hands answers to their asks until the stream ends.
func (l *link) read() {
	r := wire.NewReader(l, maxFrame)
	for {
		kind, payload, err := r.Next()
		if err == nil {
			err = l.got(kind, payload)
		}
		if err != nil {
			l.fail(l.why(err))
			return
		}
	}
}

// why puts a stream's end into words.
func (l *link) why(err error) error {
	switch {
	case api.KindOf(err) == api.KindCorrupt:
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return api.Errorf(api.KindUnavailable, "it closed the stream")
	case isTimeout(err):
		return api.Errorf(api.KindTimeout, "it has stopped answering")
	case api.KindOf(err) == api.KindTimeout:
		return err
	}
	return api.Errorf(api.KindUnavailable, "the stream broke: %w", err)
}

func (l *link) got(kind wire.Kind, payload []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		return api.Errorf(api.KindCorrupt, "it sent an answer nobody asked for")
	}
	a := l.queue[0]
	switch kind {
	case kindWait:
		now := time.Now()
		if a.waited.IsZero() {
			a.waited = now.Add(waitTime)
		}
		if now.After(a.waited) {
			return api.Errorf(api.KindTimeout, "it made us wait for too long")
		}
		l.deadlineLocked(true)
		return nil
	case kindData:
		a.answer = append(make([]byte, 0, len(payload)), payload...)
	case kindFail:
		var m failMsg
		if err := wire.Decode(payload, &m); err != nil {
			return err
		}
		a.err = m.err()
	default:
		return wire.UnknownKind(kind)
	}
	l.used = true
	l.queue = l.queue[1:]
	l.deadlineLocked(true)
	close(a.done)
	<-l.window
	return nil
}

// err is a refusal in our words where we have some: the other side's are shown, not trusted.
func (m failMsg) err() error {
	if m.Kind == api.KindNotFound {
		return api.Errorf(api.KindNotFound, "it does not have it")
	}
	return api.Errorf(api.KindUnavailable, "it cannot serve it: %q", clip(m.Msg))
}
