package server

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

const (
	peerBytes = 64 << 20 // of a borrower's assigned tasks: credit is told so that it suffices
	hardBytes = 2 * peerBytes
	keptBytes = 256 << 20 // of a borrower's results in the journal; beyond it gets no credit
	maxLists  = 1000      // inputs, arguments, variables of one task
)

// message handles one frame of a borrower. An error ends the stream.
func (s *Server) message(se *session, kind wire.Kind, payload []byte) error {
	switch kind {
	case lease.KindAssign:
		var a lease.Assign
		if err := wire.Decode(payload, &a); err != nil {
			return err
		}
		return s.locked(se, kind, func(l *loan) error { return s.assignLocked(l, se, a.Tasks, len(payload)) })
	case lease.KindCancel:
		var c lease.Cancel
		if err := wire.Decode(payload, &c); err != nil {
			return err
		}
		return s.locked(se, kind, func(l *loan) error { s.cancelLocked(l, se, c); return nil })
	case lease.KindAck:
		var keys lease.Keys
		if err := wire.Decode(payload, &keys); err != nil {
			return err
		}
		return s.locked(se, kind, func(l *loan) error {
			full := s.fullLocked(l.peer)
			for _, k := range keys.Keys {
				s.dropLocked(l, k)
			}
			s.settleLocked(l)
			if full {
				s.dispatchLocked()
			}
			return nil
		})
	case lease.KindRenew:
		return s.locked(se, kind, func(*loan) error {
			se.put(func(o *outbox) { o.renewed = true })
			return nil
		})
	case lease.KindRelease:
		return s.locked(se, kind, func(l *loan) error {
			l.released = true
			s.settleLocked(l)
			return nil
		})
	}
	return wire.UnknownKind(kind)
}

// locked runs fn on the loan that se carries, unless a newer stream does.
func (s *Server) locked(se *session, kind wire.Kind, fn func(l *loan) error) error {
	s.mu.Lock()
	defer s.unlock()
	l := se.loan
	if l.out.Load() != se || l.ended {
		return api.Errorf(api.KindUnavailable, "the lease is carried by another stream or has ended")
	}
	if s.down && kind != lease.KindAssign { // what is assigned is given back
		return nil // nothing is begun or ended any more; what is held can be acknowledged after the restart
	}
	l.seen = time.Now()
	return fn(l)
}

func (s *Server) assignLocked(l *loan, se *session, tasks []lease.Task, size int) error {
	if len(tasks) > lease.MaxBatch {
		return api.Errorf(api.KindInvalid, "%d tasks in one message, limit %d", len(tasks), lease.MaxBatch)
	}
	if l.released {
		return api.Errorf(api.KindInvalid, "tasks for a lease that was released")
	}
	no := s.noLocked(l)
	each := int64(size / max(1, len(tasks)))
	var back []lease.Key
	var again []outgoing // said twice, after they ended
	for _, t := range tasks {
		if t.Task < 0 || t.Attempt < 1 {
			return api.Errorf(api.KindInvalid, "task %d attempt %d is no key", t.Task, t.Attempt)
		}
		if h, done := l.held[t.Key]; done {
			again = append(again, outgoing{key: t.Key, size: h.size})
			continue
		}
		if l.attempts[t.Key] != nil {
			continue // said twice
		}
		if no == nil && l.peer.bytes+each > hardBytes {
			no = &ending{api.CauseWithdrawn, "too many bytes of tasks are queued here"}
		}
		if no == nil && (l.peer.held+l.peer.given >= 2*lease.MaxHeld || l.peer.kept >= 2*keptBytes) {
			no = &ending{api.CauseWithdrawn, fmt.Sprintf("%d results wait to be acknowledged", l.peer.held)}
		}
		if no != nil {
			back = append(back, t.Key)
			continue
		}
		if len(l.attempts) >= l.ceiling {
			return api.Errorf(api.KindInvalid, "more tasks than the credit of %d", l.ceiling)
		}
		s.takeLocked(l, t, each)
	}
	l.size = ewma(l.size, each)
	se.repeat(again)
	if no != nil {
		se.givenBack(*no, back...)
	}
	s.stageLocked(l)
	s.dispatchLocked()
	return nil
}

// noLocked is why l may be given no tasks now, or nil.
func (s *Server) noLocked(l *loan) *ending {
	switch {
	case s.down:
		return &ending{api.CauseWithdrawn, "the node is shutting down"}
	case s.state != api.LendOpen:
		return &ending{api.CauseWithdrawn, s.stateReasonLocked()}
	case l.barred != "":
		return &ending{api.CauseWithdrawn, l.barred}
	case time.Now().Before(l.hold):
		why := l.why
		return &why
	}
	return nil
}

// takeLocked accepts a task.
func (s *Server) takeLocked(l *loan, t lease.Task, size int64) {
	at := &attempt{loan: l, task: t, bytes: size, state: attemptStaging}
	l.attempts[t.Key] = at
	l.peer.given++
	l.peer.bytes += size
	l.active = time.Now()
	if l.common.done && !ownInputs(t) {
		at.state = attemptReady
		l.ready = append(l.ready, at)
		return
	}
	l.unstaged = append(l.unstaged, at)
}

// overLocked forgets an attempt that ended, whatever way.
func (s *Server) overLocked(at *attempt) {
	l := at.loan
	if at.state == attemptOver {
		return
	}
	at.state = attemptOver
	delete(l.attempts, at.task.Key)
	l.peer.given--
	l.peer.bytes -= at.bytes
	s.storeLocked(l.peer, -at.stored)
	l.active = time.Now()
}

// giveBackLocked ends an attempt without a result.
func (s *Server) giveBackLocked(at *attempt, why ending) {
	if at.state == attemptOver {
		return
	}
	s.overLocked(at)
	if at.begun {
		if len(at.loan.gaveUp) >= maxGaveUp {
			at.loan.forget()
		}
		at.loan.gaveUp = append(at.loan.gaveUp, at.task.Key)
	}
	if se := at.loan.out.Load(); se != nil {
		se.givenBack(why, at.task.Key)
	}
}

// giveBackAllLocked ends what l has queued; what runs is not touched.
func (s *Server) giveBackAllLocked(l *loan, why ending) {
	for _, at := range sortedAttempts(l) {
		if at.state == attemptStaging || at.state == attemptReady {
			s.giveBackLocked(at, why)
		}
	}
	l.unstaged, l.ready = nil, nil
}

func (s *Server) cancelLocked(l *loan, se *session, m lease.Cancel) {
	why := ending{api.CauseCanceled, clip(m.Reason)}
	unwanted := map[lease.Key]bool{} // results that are held
	var unknown []lease.Key
	for _, k := range m.Keys {
		at := l.attempts[k]
		_, held := l.held[k]
		switch {
		case m.Unbegun && (held || at != nil && at.begun): // it goes on
		case at != nil && at.state == attemptRunning:
			s.stopAttemptLocked(at, why)
		case at != nil && at.state == attemptSaving: // ended already: Finished answers
		case at != nil:
			s.giveBackLocked(at, why)
		case held:
			unwanted[k] = true
			s.dropLocked(l, k)
		case !unwanted[k]:
			unknown = append(unknown, k)
		}
	}
	// of a result that was sent, Finished was the answer
	se.givenBack(why, append(unknown, se.forget(unwanted)...)...)
	s.settleLocked(l)
}

// holdLocked keeps a result until it is acknowledged.
func (s *Server) holdLocked(l *loan, k lease.Key, h held) {
	l.held[k] = h
	l.peer.held++
	l.peer.kept += int64(h.size)
	s.storeLocked(l.peer, h.stored)
}

// dropLocked lets a result go: it was acknowledged, or nobody wants it.
func (s *Server) dropLocked(l *loan, k lease.Key) {
	h, ok := l.held[k]
	if !ok {
		return
	}
	delete(l.held, k)
	l.peer.held--
	l.peer.kept -= int64(h.size)
	s.storeLocked(l.peer, -h.stored)
	unpin := ""
	if h.pin > 0 {
		if l.pins[h.pin]--; l.pins[h.pin] == 0 {
			delete(l.pins, h.pin)
			unpin = pinOwner(l.id, h.pin)
		}
	}
	s.journal.put(func(p *pending) {
		p.drops = append(p.drops, lease.Held{Lease: l.id, Key: k})
		if unpin != "" {
			p.unpin = append(p.unpin, unpin)
		}
	})
}

// settleLocked ends l if it was released and nothing is left, else looks whether
// its credit changed.
func (s *Server) settleLocked(l *loan) {
	if s.down {
		return
	}
	if l.released && l.idle() {
		s.endLocked(l, ending{api.CauseCanceled, "released"})
		return
	}
	s.creditLocked(l)
}

// endLocked ends a lease: its attempts and results are dropped, and when its
// sandboxes are gone so is what the journal and the store have of it.
func (s *Server) endLocked(l *loan, why ending) {
	if l.ended {
		return
	}
	l.ended = true
	s.giveBackAllLocked(l, why)
	for sl := range l.slots {
		s.stopSlotLocked(sl, &why)
	}
	for _, h := range l.held {
		l.peer.held--
		l.peer.kept -= int64(h.size)
		s.storeLocked(l.peer, -h.stored)
	}
	l.held = map[lease.Key]held{}
	if se := l.out.Load(); se != nil {
		se.put(func(o *outbox) { o.closing = true })
	}
	l.cancel()
	s.dirty = true
	s.work.Add(1)
	go s.bury(l)
}

func sortedAttempts(l *loan) []*attempt {
	all := make([]*attempt, 0, len(l.attempts))
	for _, at := range l.attempts {
		all = append(all, at)
	}
	slices.SortFunc(all, func(a, b *attempt) int { return compareKeys(a.task.Key, b.task.Key) })
	return all
}

func compareKeys(a, b lease.Key) int {
	return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Attempt, b.Attempt))
}

func sortKeys(keys []lease.Key) { slices.SortFunc(keys, compareKeys) }

// ewma is a moving average in which the newest value counts for a quarter.
func ewma[T ~int64](avg, v T) T {
	if avg == 0 {
		return v
	}
	return avg + (v-avg)/4
}

func clip(s string) string {
	if len(s) > 200 {
		return s[:200]
	}
	return s
}

// tooLittle says what there is too little of for a task.
func tooLittle(needs, free api.Resources) string {
	switch {
	case !(api.Resources{CPU: needs.CPU}).Fits(api.Resources{CPU: free.CPU}):
		return fmt.Sprintf("%.3g cores, and a task needs %.3g", max(free.CPU, 0), needs.CPU)
	case needs.Memory > free.Memory:
		return fmt.Sprintf("%d MiB of memory, and a task needs %d", max(free.Memory, 0)>>20, needs.Memory>>20)
	case needs.Disk > free.Disk:
		return fmt.Sprintf("%d MiB of disk, and a task needs %d", max(free.Disk, 0)>>20, needs.Disk>>20)
	}
	return fmt.Sprintf("%d GPUs, and a task needs %d", max(free.GPU, 0), needs.GPU)
}

func describe(r api.Resources) string {
	return fmt.Sprintf("%g cores, %d MiB of memory, %d GPUs", r.CPU, r.Memory>>20, r.GPU)
}
