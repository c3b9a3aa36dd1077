package server

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

const (
	writeWait  = lease.TTL // for one flush; a borrower that does not read for so long has its stream reset
	frameBytes = 1 << 20   // a Finished frame is ended when it has this much
	queueBytes = 8 << 20   // of results kept in memory for one stream; the rest is read back from the journal
	queueKeys  = 8 * lease.MaxBatch
	startEvery = 10 * time.Millisecond // starts wait so long for results to go with
	liveEvery  = 100 * time.Millisecond
	liveBytes  = 256 << 10 // of live output waiting for one stream; more is dropped
)

// session is one stream of a lease: a queue of what is to be sent, emptied by
// one goroutine. What gathers while it writes goes out together.
type session struct {
	st   wire.Stream
	w    *wire.Writer
	loan *loan
	load func(ctx context.Context, keys []lease.Key) ([]lease.Held, error)

	wake chan struct{} // holds one when there is something to send
	room chan struct{} // holds one when the queue was emptied

	mu  sync.Mutex // guards what follows; a leaf but for Server.mu above it
	out outbox
	due time.Time // when starts and live output go out if nothing else does; zero if there are none
}

// outbox is what waits to be sent.
type outbox struct {
	grant   *lease.Grant
	started []lease.Key
	back    []lease.GivenBack
	results []outgoing
	bytes   int // of bodies in results
	keys    int // in started, back and results
	share   *lease.Share
	renewed bool
	live    []lease.Output
	liveLen int
	closing bool
}

// urgent tells whether something cannot wait for more.
func (o *outbox) urgent() bool {
	return o.grant != nil || len(o.back) > 0 || len(o.results) > 0 || o.share != nil || o.renewed || o.closing
}

// outgoing is a result to be sent; a nil body is read back from the journal.
type outgoing struct {
	key  lease.Key
	size int
	body []byte
}

func newSession(st wire.Stream, l *loan, load func(context.Context, []lease.Key) ([]lease.Held, error)) *session {
	return &session{
		st: st, w: wire.NewWriter(st, lease.MaxFrame), loan: l, load: load,
		wake: make(chan struct{}, 1), room: make(chan struct{}, 1),
	}
}

// put changes the queue and wakes the writer.
func (se *session) put(fn func(o *outbox)) {
	se.mu.Lock()
	fn(&se.out)
	se.mu.Unlock()
	notify(se.wake)
}

func (se *session) started(k lease.Key) {
	se.mu.Lock()
	defer se.mu.Unlock()
	se.out.started = append(se.out.started, k)
	se.out.keys++
	se.within(startEvery)
}

// within has the writer look at the queue in time. The caller holds se.mu.
func (se *session) within(d time.Duration) {
	if at := time.Now().Add(d); se.due.IsZero() || at.Before(se.due) {
		se.due = at
		notify(se.wake)
	}
}

func (se *session) givenBack(why ending, keys ...lease.Key) {
	if len(keys) == 0 {
		return
	}
	se.put(func(o *outbox) {
		o.keys += len(keys)
		if n := len(o.back); n > 0 && o.back[n-1].Cause == why.cause && o.back[n-1].Reason == why.reason {
			o.back[n-1].Keys = append(o.back[n-1].Keys, keys...)
			return
		}
		o.back = append(o.back, lease.GivenBack{Keys: append([]lease.Key(nil), keys...), Cause: why.cause, Reason: why.reason})
	})
}

// finished queues results. Bodies beyond what may be kept in memory are let go.
func (se *session) finished(rs ...outgoing) {
	if len(rs) == 0 {
		return
	}
	se.put(func(o *outbox) {
		for _, r := range rs {
			if o.bytes+len(r.body) > queueBytes {
				r.body = nil
			}
			o.bytes += len(r.body)
			o.keys++
			o.results = append(o.results, r)
		}
	})
}

// repeat sends results again, unless they wait to be sent anyway.
func (se *session) repeat(rs []outgoing) {
	if len(rs) == 0 {
		return
	}
	se.mu.Lock()
	waits := make(map[lease.Key]bool, len(se.out.results))
	for _, r := range se.out.results {
		waits[r.key] = true
	}
	se.mu.Unlock()
	se.finished(slices.DeleteFunc(rs, func(r outgoing) bool { return waits[r.key] })...)
}

// forget takes results out of the queue and returns those that were still there.
func (se *session) forget(unwanted map[lease.Key]bool) []lease.Key {
	if len(unwanted) == 0 {
		return nil
	}
	se.mu.Lock()
	defer se.mu.Unlock()
	var gone []lease.Key
	se.out.results = slices.DeleteFunc(se.out.results, func(r outgoing) bool {
		if !unwanted[r.key] {
			return false
		}
		gone = append(gone, r.key)
		se.out.bytes -= len(r.body)
		se.out.keys--
		return true
	})
	return gone
}

func (se *session) setShare(sh lease.Share) {
	se.put(func(o *outbox) { o.share = &sh })
}

// output queues a copy of live output, or drops it when too much waits.
func (se *session) output(k lease.Key, stream string, at int64, p []byte) {
	se.mu.Lock()
	defer se.mu.Unlock()
	if se.out.liveLen+len(p) > liveBytes {
		return
	}
	se.out.liveLen += len(p)
	if last := se.lastLive(); last != nil && last.Key == k && last.Stream == stream && last.At+int64(len(last.Data)) == at {
		last.Data = append(last.Data, p...)
	} else {
		se.out.live = append(se.out.live, lease.Output{Key: k, Stream: stream, At: at, Data: append([]byte(nil), p...)})
	}
	se.within(liveEvery)
}

func (se *session) lastLive() *lease.Output {
	if len(se.out.live) == 0 {
		return nil
	}
	return &se.out.live[len(se.out.live)-1]
}

// waitRoom blocks while too much waits to be sent: a borrower that asks without
// reading the answers is not read either.
func (se *session) waitRoom(ctx context.Context) error {
	for {
		se.mu.Lock()
		full := se.out.keys > queueKeys && !se.out.closing
		se.mu.Unlock()
		if !full {
			return nil
		}
		select {
		case <-se.room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// take empties the queue, or says how long it may still fill.
func (se *session) take() (o outbox, wait time.Duration) {
	se.mu.Lock()
	defer se.mu.Unlock()
	if !se.out.urgent() {
		if wait = time.Until(se.due); wait > 0 {
			return o, wait
		}
	}
	o, se.out, se.due = se.out, outbox{}, time.Time{}
	return o, 0
}

// run writes until the queue was closed (nil), ctx ends, or the stream breaks.
func (se *session) run(ctx context.Context) error {
	due := time.NewTimer(0)
	defer due.Stop()
	for {
		select {
		case <-se.wake:
		case <-due.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		o, wait := se.take()
		if wait > 0 {
			due.Reset(wait)
			continue
		}
		if err := se.write(ctx, o); err != nil {
			return err
		}
		notify(se.room)
		if o.closing {
			return se.st.CloseWrite()
		}
	}
}

// refuse answers an Open with no, and ends the stream.
func refuse(st wire.Stream, err error) error {
	p := api.ProblemOf(err, false)
	if werr := st.SetWriteDeadline(time.Now().Add(writeWait)); werr != nil {
		return werr
	}
	w := wire.NewWriter(st, lease.MaxFrame)
	if werr := w.Send(lease.KindRefuse, lease.Refuse{Kind: p.Kind, Msg: p.Detail, Hint: p.Hint}); werr != nil {
		return werr
	}
	return st.CloseWrite()
}

// notify puts a token into a channel of one, if there is none.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
