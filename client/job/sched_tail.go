package job

import (
	"slices"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// onTick is time passing: idle leases are given up, and at the tail of a job
// idle lenders get what is stuck elsewhere.
func (s *sched) onTick(now time.Time) {
	for _, t := range s.sorted() {
		if t.phase == open && t.rateN > 0 {
			t.measure(0, now)
		}
		if now.After(t.unwantedTill) {
			clear(t.unwanted) // it may have made them up
		}
		if t.active() > t.share.Slots {
			t.fullAt = now
		}
		if t.phase == releasing && now.Sub(t.since) > releaseIn {
			s.act(action{kind: actDrop, lease: t.id, peer: t.node.id}) // it ends by itself there
			s.forget(t, now)
			continue
		}
		for _, k := range sortedKeys(t.out) {
			if a := t.out[k]; a.state == attHeld && t.phase == open && now.Sub(a.assigned) > lease.TTL {
				s.lose(t, k, a, api.CauseLost, "the lender promised its result and never sent it", now)
				t.late[k] = struct{}{}
			}
		}
	}
	s.rebalance(now)
	s.releaseIdle(now)
}

func (s *sched) sorted() []*tenure {
	all := make([]*tenure, 0, len(s.leases))
	for _, t := range s.leases {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b *tenure) int { return int(a.node.index) - int(b.node.index) })
	return all
}

// releaseIdle gives leases back that have had nothing to do, or no longer fit.
func (s *sched) releaseIdle(now time.Time) {
	for _, t := range s.sorted() {
		if t.phase != open {
			continue
		}
		if len(t.out) > 0 {
			t.idleSince = time.Time{}
			continue
		}
		if t.idleSince.IsZero() {
			t.idleSince = now
		}
		useless := s.state != api.JobRunning || !t.node.fit()
		if useless || (s.count.Waiting == 0 && s.stragglers == 0 && now.Sub(t.idleSince) >= idleFor) {
			s.release(t, now)
		}
	}
}

func (s *sched) release(t *tenure, now time.Time) {
	t.to(releasing, now)
	s.act(action{kind: actRelease, lease: t.id})
}

// straggler is an attempt that an idle lender could relieve.
type straggler struct {
	t    *tenure
	k    lease.Key
	a    *attempt
	copy bool // run it beside; otherwise call it back first
}

// rebalance looks, when nothing waits, for attempts that sit on a slow, silent
// or stopped lender while others have slots to spare. What waits for a slot there
// is called back and then given elsewhere; what runs, does not begin though there
// is a slot, or does not come back, gets a copy, and the first result wins. Under
// restart: never there are no copies, and what does not begin is called back, too.
func (s *sched) rebalance(now time.Time) {
	s.stragglers, s.unrelieved = 0, 0
	if s.count.Waiting > 0 || s.count.Running == 0 || s.state != api.JobRunning || !s.plan.strategy.Moves() || s.hold(now) {
		return
	}
	var found []straggler
	usual := s.times.usual()
	for _, t := range s.sorted() {
		for _, k := range sortedKeys(t.out) {
			a := t.out[k]
			if tk := &s.tasks[k.Task]; tk.state != running || tk.live != 1 || a.state >= attHeld {
				continue
			}
			if moves, dup := s.late(t, k, a, usual, now); moves {
				found = append(found, straggler{t, k, a, dup})
			}
		}
	}
	s.stragglers, s.unrelieved = len(found), len(found)
	for _, t := range s.usable(now) {
		free := min(t.share.Slots, t.share.Credit) - t.active()
		var copies []lease.Key
		for i := 0; i < len(found) && free > 0; i++ {
			g := found[i]
			if g.a == nil || g.t == t || (g.copy && !s.suits(t, g.k.Task, false)) {
				continue
			}
			found[i].a = nil
			s.unrelieved--
			free--
			if g.copy {
				copies = append(copies, s.give(t, g.k.Task, now))
			} else {
				s.callUnbegun(g.t, []lease.Key{g.k}, "to run on an idle node", now)
			}
		}
		if len(copies) > 0 {
			s.act(action{kind: actAssign, lease: t.id, peer: t.node.id, keys: copies})
		}
	}
	for _, t := range s.leases {
		if t.phase == opening {
			s.unrelieved -= s.slotsGuess(t.node)
		}
	}
}

// late tells whether an attempt should be relieved, and whether by a copy.
func (s *sched) late(t *tenure, k lease.Key, a *attempt, usual time.Duration, now time.Time) (moves, dup bool) {
	stuck := !t.takes() || t.node.aside != ""
	age := now.Sub(a.assigned)
	full := t.active() > t.share.Slots
	overdue := a.state == attQueued && age > stealAfter
	if !full { // it is being prepared
		wait := beginWithin
		if s.never() { // the next lender may need as long, and then it is called back there
			wait <<= min(k.Attempt-1, 6)
		}
		overdue = a.state == attQueued && min(age, now.Sub(t.fullAt)) > wait
	}
	switch {
	case t.phase != open: // it comes back, or is lost, in a moment
		return false, false
	case s.never():
		return overdue && a.called == notCalled, false
	case stuck:
		return age > stuckAfter && now.Sub(t.since) > stuckAfter, true
	case a.called == calledAnyhow, a.called == calledUnbegun && a.state == attQueued: // no answer yet
		return now.Sub(a.calledAt) > stuckAfter, true
	case a.state == attQueued:
		return overdue, !full
	default:
		ran, limit := now.Sub(a.started), time.Duration(s.plan.spec.Limits.Wall)
		return usual > 0 && ran > max(s.slowFloor, slowFactor*usual) || limit > 0 && ran-lease.TTL > limit, true
	}
}
