package job

import (
	"cmp"
	"slices"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// next does what events made possible: it ends the job, opens leases, gives out
// tasks. It is called after every event, or after several.
func (s *sched) next(now time.Time) {
	if s.finishIfDone(now) || s.state != api.JobRunning || s.hold(now) {
		return
	}
	if s.limbo {
		s.settleLimbo(now)
	}
	s.openLeases(now)
	if s.count.Waiting > 0 {
		s.assign(now)
	}
}

// openLeases asks lenders for leases while there is work that they could take.
// A job with fewer tasks than there are lenders asks only as many as it needs,
// the roomiest and nearest first.
func (s *sched) openLeases(now time.Time) {
	if s.count.Waiting == 0 && s.unrelieved <= 0 {
		return
	}
	room, useful := maxLeases-len(s.leases), 0
	for _, t := range s.leases {
		if t.phase == opening || (t.phase == open && t.node.fit() && t.takes() && t.share.Slots > 0) {
			useful++
		}
	}
	lanes := s.plan.strategy.Lanes() > 1 // then a lease is useful to its own lane only
	if !lanes && s.count.Waiting > 0 {   // stragglers need others than have them
		room = min(room, int(s.count.Waiting+s.count.Running)-useful)
	}
	if room <= 0 {
		return
	}
	var can []*node
	for _, n := range s.byIdx {
		lane := s.plan.strategy.Lane(n.id)
		if n.lease == nil && n.fit() && !now.Before(n.notBefore) && lane != NoLane && (!lanes || s.queue.waits(lane, s.waiting)) {
			can = append(can, n)
		}
	}
	guess := map[*node]int{}
	for _, n := range can {
		guess[n] = s.slotsGuess(n)
	}
	slices.SortStableFunc(can, func(a, b *node) int {
		return cmp.Or(cmp.Compare(a.refusals, b.refusals), cmp.Compare(guess[b], guess[a]), cmp.Compare(a.peer.Latency, b.peer.Latency))
	})
	for _, n := range can[:min(room, len(can))] {
		if s.count.Waiting == 0 {
			if s.unrelieved <= 0 {
				return
			}
			s.unrelieved -= guess[n]
		}
		t := s.tenure(s.newLease(), n, opening, now)
		s.act(action{kind: actOpen, lease: t.id, peer: n.id})
	}
}

// usable tells whether a lease takes tasks now.
func (t *tenure) usable(now time.Time) bool {
	return t.phase == open && t.node.fit() && !now.Before(t.node.notBefore) && t.takes()
}

// takes tells whether the lender lends now.
func (t *tenure) takes() bool {
	return t.share.State == "" || t.share.State == api.LendOpen
}

// assign gives waiting tasks out, by the strategy's quotas, the least loaded lender first.
func (s *sched) assign(now time.Time) {
	ready := s.usable(now)
	if len(ready) == 0 {
		return
	}
	view, speed := s.view(ready, now)
	others := len(ready) > 1 && s.plan.strategy.Moves()
	for _, t := range ready {
		// A task goes back to where it failed only when that lender has nothing else to do.
		bored := len(t.out) == 0 && !t.idleSince.IsZero() && now.Sub(t.idleSince) > boredAfter
		avoidable := others && !bored
		l := Lender{Peer: t.node.id, Slots: t.share.Slots, Held: t.active(), Done: t.node.done + t.node.failed, Speed: speed[t], Proven: t.rate > 0, Took: t.took}
		room := min(s.plan.strategy.Quota(l, view), t.share.Credit)
		if t.node.failStreak >= doubtAfter {
			room = min(room, t.share.Slots)
		}
		room -= t.active()
		var keys []lease.Key
		for ; room > 0; room-- {
			id, ok := s.queue.pop(s.plan.strategy.Lane(t.node.id), s.waiting, func(id api.TaskID) bool { return s.suits(t, id, avoidable) })
			if !ok {
				break
			}
			keys = append(keys, s.give(t, id, now))
		}
		if len(keys) > 0 {
			s.act(action{kind: actAssign, lease: t.id, peer: t.node.id, keys: keys})
		}
	}
}

// suits tells whether a lease should take a task now. Two tasks that are one lost
// machine away from being blamed never share one: only one of them may be guilty.
func (s *sched) suits(t *tenure, id api.TaskID, avoidable bool) bool {
	tk := &s.tasks[id]
	if int(tk.kills) == len(tk.killed) && t.suspects > 0 {
		return false
	}
	return !avoidable || tk.avoid != t.node.index+1
}

func (s *sched) usable(now time.Time) []*tenure {
	var ready []*tenure
	for _, t := range s.leases {
		if t.usable(now) && t.share.Slots > 0 && t.over < maxUnsettled {
			ready = append(ready, t)
		}
	}
	slices.SortFunc(ready, func(a, b *tenure) int { // leases is a map: the order must not be chance
		return cmp.Or(cmp.Compare(a.active()*b.share.Slots, b.active()*a.share.Slots), cmp.Compare(a.node.index, b.node.index))
	})
	return ready
}

// view is what quotas are made from. A lease without a measured speed is taken
// to be as fast per slot as the measured ones are on average.
func (s *sched) view(ready []*tenure, now time.Time) (View, map[*tenure]float64) {
	v := View{Total: s.count.Total, Open: s.count.Waiting + s.count.Running, Settling: now.Sub(s.began) < settleFor}
	speed := make(map[*tenure]float64, len(ready))
	var rate, slots float64
	for _, t := range ready {
		if t.rate > 0 {
			rate, slots = rate+t.rate, slots+float64(t.share.Slots)
		}
	}
	perSlot := 1.0
	if slots > 0 {
		perSlot = rate / slots
	}
	for _, t := range ready {
		sp := t.rate
		if sp == 0 {
			sp = perSlot * float64(t.share.Slots)
		}
		speed[t] = sp
		v.Speed += sp
	}
	for _, t := range s.leases {
		if t.phase == opening && now.Sub(t.since) < settleFor {
			v.Settling = true
			v.Speed += perSlot * float64(s.slotsGuess(t.node))
		}
	}
	return v, speed
}

// give makes an attempt of a task under a lease.
func (s *sched) give(t *tenure, id api.TaskID, now time.Time) lease.Key {
	tk := &s.tasks[id]
	tk.attempt++
	tk.live++
	s.set(id, running)
	k := lease.Key{Task: id, Attempt: tk.attempt}
	t.add(k, &attempt{state: attQueued, unsent: s.never(), assigned: now, suspect: int(tk.kills) == len(tk.killed)})
	t.idleSince = time.Time{}
	return k
}

// measure takes n ended tasks into the lease's speed. A window is as long as it
// takes to say something: many results, or two seconds.
func (t *tenure) measure(n int, now time.Time) {
	t.rateN += n
	dt := now.Sub(t.rateFrom)
	if (t.rateN >= 2*max(t.share.Slots, 1) && dt >= 50*time.Millisecond) || dt >= 2*time.Second {
		r := float64(t.rateN) / dt.Seconds()
		if t.rate > 0 {
			r = (r + t.rate) / 2
		}
		t.rate, t.rateFrom, t.rateN = r, now, 0
	}
}

// learn takes into account how long a task took there, as the lender says, who is
// not believed to be faster than a task a millisecond.
func (t *tenure) learn(took time.Duration) {
	if took <= 0 {
		return
	}
	took = max(took, time.Millisecond)
	if t.took == 0 {
		t.took = took
	}
	t.took += (took - t.took) / 4
}
