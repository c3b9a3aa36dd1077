package server

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

const (
	killWait  = 3 * time.Second // for a command to end once asked; then its sandbox is closed
	closeWait = 5 * time.Second
	killHold  = 15 * time.Second // a lease whose sandbox the owner killed gets no new one for so long
	holdFirst = time.Second      // after a failure of the machine; doubles
	holdMost  = time.Minute
)

type slotState uint8

const (
	slotStarting slotState = iota
	slotIdle
	slotRunning
	slotClosing
)

// slot is one sandbox of a lease and the goroutine that feeds it. Server.mu
// guards the fields below sandbox.
type slot struct {
	id     api.SandboxID
	loan   *loan
	needs  api.Resources
	opened time.Time
	ctx    context.Context // ends when the slot is stopped
	cancel context.CancelFunc
	work   chan *attempt // the next task of an idle slot
	quit   chan struct{} // closed when it is stopped
	gone   chan struct{} // closed when nothing is left of it

	sandbox  runtime.Sandbox // nil while it starts
	state    slotState
	paused   bool // by the owner, this one alone
	pausedAt time.Time
	resumed  chan struct{} // closed when it may go on; nil if it may
	cur      *attempt
	stop     *ending // why it was stopped; nil if only because nobody needs it
	since    time.Time
	turn     time.Time
	ran      time.Duration
	tasks    int64
	meter    meter
}

// frozenLocked tells whether the slot may not run now.
func (sl *slot) frozenLocked(s *Server) bool { return sl.paused || s.state == api.LendPaused }

// runSlot opens a sandbox and executes tasks in it until it is stopped.
func (s *Server) runSlot(sl *slot, at *attempt) {
	defer s.work.Done()
	defer sl.loan.work.Done()
	sb, err := s.openSandbox(sl)
	if err != nil {
		s.openFailed(sl, err)
	} else {
		for at != nil {
			if at = s.taskEnded(sl, at, s.execute(sl, sb, at)); at == nil {
				at = sl.await()
			}
		}
		s.lastSample(sl)
		if err := closeSandbox(sb); err != nil {
			s.log.Error("a sandbox cannot be closed", "sandbox", sl.id, "err", err)
		}
	}
	s.slotGone(sl)
}

// await is the next task, or nil when the slot is stopped.
func (sl *slot) await() *attempt {
	select {
	case at := <-sl.work:
		return at
	case <-sl.quit:
		return nil
	}
}

// openSandbox opens the slot's sandbox and waits while it may not run.
func (s *Server) openSandbox(sl *slot) (runtime.Sandbox, error) {
	l := sl.loan
	limits := s.limits.Load()
	s.mu.Lock()
	image := cmp.Or(string(l.common.image), l.open.Image)
	s.unlock()
	spec := runtime.Spec{ID: sl.id, Lease: l.id, Borrower: l.peer.id, Image: image, Network: l.open.Network, Cap: sl.needs, MaxProcs: limits.MaxProcs, Lent: limits.Total}
	if !l.open.Module.IsZero() {
		path, err := s.cfg.Blobs.Path(l.open.Module)
		if err != nil {
			return nil, err
		}
		spec.Module = path
	}
	raw, err := s.runtimes[l.open.Runtime].Open(sl.ctx, spec)
	if err != nil {
		return nil, err
	}
	sb := s.stack(raw, sl)
	s.mu.Lock()
	sl.sandbox, sl.since = sb, time.Now()
	frozen := sl.frozenLocked(s)
	resumed := sl.resumed
	if sl.state == slotStarting {
		sl.state = slotRunning
	}
	s.emitSandboxLocked(sl)
	s.unlock()
	if frozen && resumed != nil {
		select {
		case <-resumed:
		case <-sl.quit:
		}
	}
	return sb, nil
}

// openFailed tells the machine's fault from the job's: what cannot be opened
// because it is no module is the task's failure, anything else is ours.
func (s *Server) openFailed(sl *slot, err error) {
	at := sl.cur
	switch kind := api.KindOf(err); {
	case sl.ctx.Err() != nil: // slotGone says why
	case kind == api.KindInvalid || kind == api.KindCorrupt:
		s.mu.Lock()
		sl.state = slotClosing // it takes no other task
		s.unlock()
		s.taskEnded(sl, at, s.taskFault(sl, at, 126, err.Error()))
	default:
		s.log.Warn("a sandbox cannot be opened", "lease", sl.loan.id, "runtime", sl.loan.open.Runtime, "err", err)
		s.mu.Lock()
		s.setBackLocked(sl.loan, fmt.Sprintf("a sandbox cannot be opened here: %v", err))
		why := sl.loan.why
		s.stopSlotLocked(sl, &why)
		s.unlock()
	}
}

// setBackLocked gives back what l has queued and lets it rest after a failure of
// the machine, longer each time.
func (s *Server) setBackLocked(l *loan, why string) {
	l.holdFor = min(max(2*l.holdFor, holdFirst), holdMost)
	l.hold, l.why = time.Now().Add(l.holdFor), ending{api.CauseLost, clip(why)}
	s.giveBackAllLocked(l, l.why)
	s.creditLocked(l)
}

// taskEnded files how at ended and returns the slot's next task, or nil.
func (s *Server) taskEnded(sl *slot, at *attempt, out outcome) *attempt {
	now := time.Now()
	s.mu.Lock()
	defer s.unlock()
	l := sl.loan
	at.cancel()
	if at.ended != nil {
		close(at.ended)
	}
	sl.cur = nil
	sl.tasks++
	l.busy--
	switch {
	case at.state != attemptRunning:
	case at.stop != nil && (out.err != nil || !out.ok):
		s.giveBackLocked(at, *at.stop)
	case out.err != nil:
		s.log.Warn("an attempt was lost", "lease", l.id, "task", at.task.Task, "sandbox", sl.id, "err", out.err)
		s.giveBackLocked(at, ending{api.CauseLost, lostReason(out.err)})
		if sl.state != slotClosing {
			s.stopSlotLocked(sl, &ending{api.CauseLost, "the sandbox was lost"})
		}
		if api.KindOf(out.err) != api.KindLost {
			s.setBackLocked(l, lostReason(out.err))
		}
	default:
		l.took = ewma(l.took, max(now.Sub(sl.since), time.Microsecond))
		l.holdFor = 0
		at.state, at.stored = attemptSaving, out.stored
		s.storeLocked(l.peer, out.stored) // also while the journal is being written
		s.journal.put(func(p *pending) {
			p.saves = append(p.saves, saving{at: at, key: at.task.Key, body: out.body, blobs: out.blobs, stored: out.stored})
		})
	}
	s.journal.charge(l.peer.id, l.open.Job, now, out.usage)
	sl.meter.charged += out.cpu
	sl.since = now
	if sl.state == slotClosing {
		return nil
	}
	if !sl.frozenLocked(s) && s.runnableLocked(l, now) && (now.Sub(sl.turn) < quantum || !s.othersWaitLocked(l, now)) && s.withinLocked(l) {
		next := l.pop()
		s.startLocked(sl, next)
		return next
	}
	sl.state = slotIdle
	s.dispatchLocked()
	return nil
}

// withinLocked tells whether l may keep as many slots as it has.
func (s *Server) withinLocked(l *loan) bool { return l.busy < l.want(1<<30) }

func lostReason(err error) string { return clip(err.Error()) }

// slotGone forgets a slot of which nothing is left, and gives back what it did
// not get to.
func (s *Server) slotGone(sl *slot) {
	s.mu.Lock()
	defer s.unlock()
	l := sl.loan
	sl.state = slotClosing
	sl.cancel()
	if at := sl.cur; at != nil { // assigned, never executed
		sl.cur = nil
		l.busy--
		at.cancel()
		switch {
		case at.stop != nil:
			s.giveBackLocked(at, *at.stop)
		case sl.stop != nil:
			s.giveBackLocked(at, *sl.stop)
		default:
			s.giveBackLocked(at, ending{api.CauseLost, "the sandbox ended before the task began"})
		}
	}
	notify(s.untidy)
	delete(s.slots, sl.id)
	delete(l.slots, sl)
	s.chargeRestLocked(sl)
	s.dirty = true
	s.emitSandboxLocked(sl)
	close(sl.gone)
	s.dispatchLocked()
	s.settleLocked(l)
}

// stopSlotLocked stops a slot: at once if why is given, which then is what the
// borrower is told of the task it runs. With why nil the slot must be idle.
func (s *Server) stopSlotLocked(sl *slot, why *ending) {
	if sl.state == slotClosing {
		return
	}
	starting := sl.sandbox == nil
	sl.state, sl.stop = slotClosing, why
	close(sl.quit)
	if sl.cur != nil && sl.cur.stop == nil {
		sl.cur.stop = why
	}
	sl.cancel()
	s.emitSandboxLocked(sl)
	if !starting && sl.cur != nil {
		s.closeSoonLocked(sl)
	}
}

// closeSoonLocked closes a slot's sandbox whatever its goroutine waits for.
func (s *Server) closeSoonLocked(sl *slot) {
	sb := sl.sandbox
	s.work.Add(1)
	go func() {
		defer s.work.Done()
		if err := closeSandbox(sb); err != nil {
			s.log.Error("a sandbox cannot be closed", "sandbox", sl.id, "err", err)
		}
	}()
}

// stopAttemptLocked ends a running attempt. Its sandbox lives on if the command
// can be ended without closing it.
func (s *Server) stopAttemptLocked(at *attempt, why ending) {
	if at.stop != nil {
		return
	}
	at.stop = &why
	sl := at.slot
	if sl.frozenLocked(s) {
		s.stopSlotLocked(sl, &why)
		return
	}
	at.cancel()
	at.ended = make(chan struct{})
	s.work.Add(1)
	go func() { // a command that does not end when asked loses its sandbox
		defer s.work.Done()
		t := time.NewTimer(killWait)
		defer t.Stop()
		select {
		case <-sl.gone:
			return
		case <-at.ended:
			return
		case <-t.C:
		}
		s.mu.Lock()
		defer s.unlock()
		if sl.cur == at {
			s.stopSlotLocked(sl, &why)
		}
	}()
}

func closeSandbox(sb runtime.Sandbox) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	return sb.Close(ctx)
}
