// Package events is a node's event stream: a bounded ring in memory that
// readers follow by cursor.
//
// Cursors grow within a process and, because they begin at the clock's
// microseconds, across restarts too. A reader that asks for a cursor this
// process does not hold (an earlier process's, or one the ring has overwritten)
// is told by one [api.EventGap] first. A reader holds no buffer here: one that
// is slower than the ring is long gets [ErrSlow] and may resume where it was.
package events

import (
	"context"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Kept is how many events a hub holds.
const Kept = 2048

// ErrSlow ends a reader that the ring has overtaken.
var ErrSlow = &api.Error{Kind: api.KindUnavailable, Msg: "this reader is too slow, events were dropped", Hint: "read the state anew and follow from the last cursor seen"}

// Hub takes events from anyone and gives them to any number of readers, in one
// order. It is safe for concurrent use.
type Hub struct {
	mu   sync.Mutex  // guards what follows
	ring []api.Event // an event lies at its cursor modulo the length
	held int
	last api.Cursor    // of the newest event; before the first, where numbering began
	more chan struct{} // closed and replaced when an event arrives
}

// New makes a hub that holds kept events.
func New(kept int) *Hub {
	return &Hub{ring: make([]api.Event, kept), last: api.Cursor(time.Now().UnixMicro()), more: make(chan struct{})}
}

// Publish numbers and dates an event and wakes the readers. What it points at
// belongs to the hub from here on.
func (h *Hub) Publish(e api.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	e.Cursor = h.last
	if e.Time.IsZero() {
		e.Time = time.Now().UTC()
	}
	*h.slotLocked(h.last) = e
	h.held = min(h.held+1, len(h.ring))
	close(h.more)
	h.more = make(chan struct{})
}

// slotLocked is where the event of a cursor lies.
func (h *Hub) slotLocked(c api.Cursor) *api.Event { return &h.ring[c%api.Cursor(len(h.ring))] }

// Last is the newest event's cursor.
func (h *Hub) Last() api.Cursor {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last
}

// Reader follows a hub. It is for one goroutine.
type Reader struct {
	h    *Hub
	next api.Cursor
	gap  bool // an EventGap is due before anything else
}

// Reader starts after a cursor; 0 is the oldest event there is.
func (h *Hub) Reader(since api.Cursor) *Reader {
	h.mu.Lock()
	defer h.mu.Unlock()
	oldest := h.oldestLocked()
	switch {
	case since == 0:
		return &Reader{h: h, next: oldest}
	case since < oldest-1 || since > h.last:
		return &Reader{h: h, next: oldest, gap: true}
	}
	return &Reader{h: h, next: since + 1}
}

// oldestLocked is the cursor of the oldest event held, or of the next one to come.
func (h *Hub) oldestLocked() api.Cursor { return h.last - api.Cursor(h.held) + 1 }

// Ready gives the events that are there now, at most max, oldest first, and
// none when the reader is up to date.
func (r *Reader) Ready(max int) ([]api.Event, error) {
	events, _, err := r.take(max)
	return events, err
}

// Wait is Ready, but waits for an event (or for ctx, whose error it returns).
func (r *Reader) Wait(ctx context.Context, max int) ([]api.Event, error) {
	for {
		events, more, err := r.take(max)
		if err != nil || len(events) > 0 {
			return events, err
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (r *Reader) take(max int) ([]api.Event, <-chan struct{}, error) {
	h := r.h
	h.mu.Lock()
	defer h.mu.Unlock()
	oldest := h.oldestLocked()
	if r.gap {
		r.gap = false
		r.next = oldest
		gap := api.Event{Cursor: oldest - 1, Time: time.Now().UTC(), Type: api.EventGap, Msg: "events before this one are no longer known"}
		return []api.Event{gap}, h.more, nil
	}
	if r.next < oldest {
		return nil, h.more, ErrSlow
	}
	var out []api.Event
	for ; r.next <= h.last && len(out) < max; r.next++ {
		out = append(out, *h.slotLocked(r.next))
	}
	return out, h.more, nil
}
