package events

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func msgs(events []api.Event) string {
	s := ""
	for _, e := range events {
		if e.Type == api.EventGap {
			s += "GAP "
			continue
		}
		s += e.Msg + " "
	}
	return s
}

func fill(h *Hub, from, to int) {
	for i := from; i <= to; i++ {
		h.Publish(api.Event{Type: api.EventLend, Msg: fmt.Sprint(i)})
	}
}

func TestReaderResumesWhereItWas(t *testing.T) {
	h := New(4)
	fill(h, 1, 3)
	first, err := h.Reader(0).Ready(2)
	if err != nil || msgs(first) != "1 2 " {
		t.Fatalf("%q, %v", msgs(first), err)
	}
	rest, err := h.Reader(first[1].Cursor).Ready(10)
	if err != nil || msgs(rest) != "3 " {
		t.Fatalf("%q, %v", msgs(rest), err)
	}
	if again, err := h.Reader(h.Last()).Ready(10); err != nil || len(again) != 0 {
		t.Fatalf("%q, %v after the last event", msgs(again), err)
	}
}

// Wherever numbering begins, the ring is read in order while it fills and after.
func TestRingAtEveryPhase(t *testing.T) {
	for phase := range 4 {
		for total := 1; total <= 9; total++ {
			h := New(4)
			h.last = api.Cursor(1000 + phase)
			fill(h, 1, total)
			want := ""
			for i := max(1, total-3); i <= total; i++ {
				want += fmt.Sprint(i, " ")
			}
			if got, err := h.Reader(0).Ready(10); err != nil || msgs(got) != want {
				t.Errorf("phase %d after %d: %q, want %q, %v", phase, total, msgs(got), want, err)
			}
		}
	}
}

func TestOldCursorIsToldOfTheGap(t *testing.T) {
	h := New(4)
	start := h.Last()
	fill(h, 1, 9)
	got, err := h.Reader(start).Ready(10)
	if err != nil || msgs(got) != "GAP " {
		t.Fatalf("%q, %v", msgs(got), err)
	}
	after, err := h.Reader(got[0].Cursor).Ready(10)
	if err != nil || msgs(after) != "6 7 8 9 " {
		t.Fatalf("resuming at the gap's own cursor: %q, %v", msgs(after), err)
	}
}

func TestCursorOfAnEarlierProcess(t *testing.T) {
	h := New(4)
	old := New(4)
	old.last = h.last - 1000 // it began a millisecond earlier
	fill(old, 1, 2)
	fill(h, 3, 3)
	r := h.Reader(old.Last())
	gap, err := r.Ready(10)
	if err != nil || msgs(gap) != "GAP " {
		t.Fatalf("%q, %v", msgs(gap), err)
	}
	rest, err := r.Ready(10)
	if err != nil || msgs(rest) != "3 " {
		t.Fatalf("%q, %v", msgs(rest), err)
	}
	future := h.Reader(h.Last() + 1000) // the clock went back
	if gap, err := future.Ready(10); err != nil || msgs(gap) != "GAP " {
		t.Fatalf("%q, %v for a cursor from the future", msgs(gap), err)
	}
}

func TestSlowReaderIsEndedNotBuffered(t *testing.T) {
	h := New(4)
	r := h.Reader(0)
	fill(h, 1, 5)
	if got, err := r.Ready(10); !errors.Is(err, ErrSlow) {
		t.Fatalf("%q, %v", msgs(got), err)
	}
}

func TestWaitWakesForEventsAndForItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(4)
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan string)
		go func() {
			r := h.Reader(0)
			for {
				events, err := r.Wait(ctx, 10)
				if err != nil {
					got <- err.Error()
					return
				}
				got <- msgs(events)
			}
		}()
		synctest.Wait()
		fill(h, 1, 1)
		if s := <-got; s != "1 " {
			t.Errorf("got %q", s)
		}
		synctest.Wait()
		cancel()
		if s := <-got; s != context.Canceled.Error() {
			t.Errorf("got %q", s)
		}
	})
}

// Whatever the order of publishing and reading, a reader sees every event once
// and in order, or is told that it did not.
func TestReadersSeeEverythingOrAreTold(t *testing.T) {
	h := New(64)
	const total = 5000
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var since, last api.Cursor
			for {
				r := h.Reader(since)
				for {
					events, err := r.Wait(ctx, 1+rand.IntN(20))
					if errors.Is(err, ErrSlow) {
						since = last
						break // resume: the gap is told
					}
					if err != nil {
						t.Error(err)
						return
					}
					for _, e := range events {
						if e.Type != api.EventGap && last != 0 && e.Cursor != last+1 {
							t.Errorf("event %d after %d", e.Cursor, last)
						}
						if last = e.Cursor; e.Msg == fmt.Sprint(total) {
							return
						}
					}
				}
			}
		})
	}
	fill(h, 1, total)
	wg.Wait()
}
