package job

import (
	"fmt"
	"slices"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// after a restart a lender of which nothing is heard is waited for this long at most.
const restartWait = 10 * time.Second

// onKnown takes a lease of before a restart. Until it has answered, or its lender
// was heard of for Reconnect, nothing is assigned: it may hold any task.
func (s *sched) onKnown(id api.LeaseID, peer api.PeerID, now time.Time) {
	n := s.node(peer)
	if n.lease != nil {
		s.act(action{kind: actDrop, lease: id, peer: peer})
		return
	}
	t := s.tenure(id, n, resuming, now)
	t.old = true
	s.known[id] = now.Add(restartWait)
	if n.heard {
		s.expect(t, now)
	}
}

// expect starts the wait for the answer of a lender that was heard of.
func (s *sched) expect(t *tenure, now time.Time) {
	if until, ok := s.known[t.id]; ok && now.Add(lease.Reconnect).Before(until) {
		s.known[t.id] = now.Add(lease.Reconnect)
	}
}

func (s *sched) tenure(id api.LeaseID, n *node, p phase, now time.Time) *tenure {
	t := &tenure{id: id, node: n, phase: p, since: now, idleSince: now, out: map[lease.Key]*attempt{}, late: map[lease.Key]struct{}{}}
	s.leases[id], n.lease = t, t
	return t
}

// forget ends a lease here; what it still had is lost.
func (s *sched) forget(t *tenure, now time.Time) {
	s.loseAll(t, "the lease ended", now)
	for k, a := range t.out { // only results being recorded are left
		s.drop(t, k, a)
	}
	delete(s.leases, t.id)
	delete(s.known, t.id)
	if t.node.lease == t {
		t.node.lease = nil
	}
}

// onGranted: the lease stands, new or resumed.
func (s *sched) onGranted(id api.LeaseID, g lease.Grant, now time.Time) {
	t := s.leases[id]
	if t == nil {
		s.act(action{kind: actDrop, lease: id})
		return
	}
	fromJournal := t.old
	t.old = false
	delete(s.known, id)
	t.node.refusals, t.node.refused, t.node.invalid = 0, "", false
	t.share = sane(g.Share)
	t.to(open, now)
	t.idleSince, t.rateFrom, t.rateN = now, now, 0
	if s.began.IsZero() {
		s.began = now
	}
	if len(g.Running)+len(g.Finished) > 2*maxCredit || len(g.Ended) > maxCredit || len(g.Memory) > maxMemory {
		s.onBreach(id, "it claims more than any lender holds or remembers", now)
		return
	}
	s.reconcile(t, g, fromJournal, now)
	if s.state.Terminal() {
		s.release(t, now)
	}
}

// reconcile compares what a lender says it holds with what we think it holds.
func (s *sched) reconcile(t *tenure, g lease.Grant, fromJournal bool, now time.Time) {
	named := make(map[lease.Key]attemptState, len(g.Running)+len(g.Finished))
	for _, k := range g.Running {
		named[k] = attQueued
		if g.Memory == "" { // Started is not sent again
			named[k] = attRunning
		}
	}
	for _, k := range g.Finished {
		named[k] = attHeld
	}
	ended := make(map[lease.Key]bool, len(g.Ended))
	for _, k := range g.Ended {
		ended[k] = true
	}
	remembers := g.Memory != "" && g.Memory == t.knows
	t.knows = g.Memory
	for _, k := range sortedKeys(t.out) {
		a := t.out[k]
		if _, holds := named[k]; holds || a.state > attHeld {
			continue
		}
		if s.never() && a.state == attQueued && !a.unsent && (!remembers || ended[k]) {
			t.move(a, attRunning) // it may have been
		}
		s.lose(t, k, a, api.CauseLost, "the lender does not hold it any more", now)
	}
	late := t.late
	t.late = map[lease.Key]struct{}{}
	t.unwanted, t.unwantedTill = map[lease.Key]struct{}{}, now.Add(lease.TTL)
	var again, cancel []lease.Key
	for _, k := range slices.Concat(g.Running, g.Finished) {
		st := named[k]
		if a := t.out[k]; a != nil {
			switch {
			case a.state < attHeld && st == attHeld:
				t.move(a, attHeld)
				a.assigned = now // the wait for its result begins here
			case a.state <= attRunning && a.called == calledAnyhow:
				cancel = append(cancel, k)
			case a.state == attQueued && s.never() && g.Memory == "": // its Started may be lost
				t.move(a, attRunning)
				a.started = now
			case a.state == attQueued && a.called == calledUnbegun: // the Cancel may be lost
				again = append(again, k)
			}
			continue
		}
		_, wasOurs := late[k]
		if fromJournal && k.Task >= 0 && int64(k.Task) < s.count.Total && k.Attempt > 0 && k.Attempt < maxAttempts {
			wasOurs = true
			s.tasks[k.Task].attempt = max(s.tasks[k.Task].attempt, k.Attempt)
		}
		switch {
		case wasOurs && s.adopt(t, k, st, now):
		case st == attHeld: // its result will come, and be acknowledged
		default:
			t.unwanted[k] = struct{}{}
			cancel = append(cancel, k)
		}
	}
	s.callUnbegun(t, again, "not needed here any more", now)
	if len(cancel) > 0 {
		s.act(action{kind: actCancel, lease: t.id, keys: cancel, reason: "not needed any more"})
	}
}

// adopt takes an attempt back that a lender turned out to hold. False: nobody needs it.
func (s *sched) adopt(t *tenure, k lease.Key, st attemptState, now time.Time) bool {
	tk := &s.tasks[k.Task]
	if tk.state.terminal() || tk.state == recording || s.state.Terminal() || tk.live > maxLeases/2 {
		return false
	}
	if st != attHeld && tk.live > 0 && (tk.live > 1 || s.never() || !s.plan.strategy.Moves()) {
		return false // it runs elsewhere too; a result that is there already is always welcome
	}
	s.set(k.Task, running)
	tk.live++
	t.add(k, &attempt{state: st, assigned: now, started: now})
	if s.unmark(k.Task, t.node) && t.node.lost > 0 {
		t.node.lost--
		s.lostN--
	}
	return true
}

// sane bounds what a lender says of its share.
func sane(sh lease.Share) lease.Share {
	sh.Slots = min(max(sh.Slots, 0), maxCredit)
	sh.Credit = min(max(sh.Credit, 0), maxCredit)
	sh.Reason = clip(oneLine(sh.Reason), 200)
	switch sh.State {
	case "", api.LendOpen, api.LendPaused, api.LendDraining, api.LendOff:
	default:
		sh.State = api.LendOff
	}
	return sh
}

// onShare: slots, credit or lending state changed.
func (s *sched) onShare(id api.LeaseID, sh lease.Share, now time.Time) {
	t := s.leases[id]
	if t == nil {
		return
	}
	took := t.takes()
	t.share = sane(sh)
	if t.takes() != took {
		t.since = now
	}
}

// onRefused: a lease was refused, or could not even be asked for (kind unavailable).
func (s *sched) onRefused(id api.LeaseID, kind api.Kind, msg string, now time.Time) {
	t := s.leases[id]
	if t == nil {
		return
	}
	n := t.node
	wasKnown := t.phase != opening
	s.forget(t, now)
	if wasKnown && kind == api.KindNotFound {
		return // an old lease that is over is no refusal of a new one
	}
	n.refusals++
	n.refused = clip(oneLine(msg), 200)
	n.invalid = kind == api.KindInvalid || kind == api.KindCorrupt
	wait := min(250*time.Millisecond<<min(n.refusals, 8), 30*time.Second)
	if kind == api.KindDenied || kind == api.KindUnsupported || n.invalid {
		wait = 30 * time.Second
	}
	n.notBefore = now.Add(wait)
	s.judgeInvalid(now)
}

// judgeInvalid ends a job that lenders agree is nonsense: every one that fits,
// or invalidLimit of them, and none has ever run a task of it.
func (s *sched) judgeInvalid(now time.Time) {
	var says, fit int
	var why string
	for _, n := range s.byIdx {
		if n.done+n.failed > 0 {
			return
		}
		if n.invalid {
			says, why = says+1, n.refused
		}
		if n.fit() {
			fit++
		}
	}
	if says > 0 && says >= min(invalidLimit, fit) && !s.state.Terminal() {
		s.end(api.JobFailed, "lenders cannot run it: "+why, now)
	}
}

// onBroken: the stream broke; tasks are still waited for.
func (s *sched) onBroken(id api.LeaseID, now time.Time) {
	if t := s.leases[id]; t != nil && (t.phase == open || t.phase == releasing) {
		t.to(broken, now)
	}
}

// onLost: nothing was heard for too long. Outstanding tasks run elsewhere; the
// lease may still come back, and late results are welcome.
func (s *sched) onLost(id api.LeaseID, reason string, now time.Time) {
	t := s.leases[id]
	if t == nil || t.phase == lost {
		return
	}
	t.to(lost, now)
	delete(s.known, id)
	if len(t.out) > 0 {
		s.blameLoss(t.node, reason, now)
	}
	s.loseAll(t, reason, now)
}

// onGone: the lease has ended on both sides, or will by itself.
func (s *sched) onGone(id api.LeaseID, now time.Time) {
	if t := s.leases[id]; t != nil {
		s.forget(t, now)
	}
}

// onBreach: the lender broke the protocol; nothing it says counts any more.
func (s *sched) onBreach(id api.LeaseID, what string, now time.Time) {
	t := s.leases[id]
	if t == nil {
		return
	}
	s.act(action{kind: actDrop, lease: id, peer: t.node.id})
	s.setAside(t.node, "it broke the protocol: "+clip(oneLine(what), 200), now)
	t.to(lost, now) // whatever it has may have begun
	s.forget(t, now)
}

func (s *sched) loseAll(t *tenure, reason string, now time.Time) {
	for _, k := range sortedKeys(t.out) {
		if a := t.out[k]; a.state != attRecording {
			s.lose(t, k, a, api.CauseLost, reason, now)
			t.late[k] = struct{}{}
		}
	}
}

// hold tells whether leases of before a restart are still waited for.
func (s *sched) hold(now time.Time) bool {
	for id, until := range s.known {
		if now.Before(until) {
			return true
		}
		delete(s.known, id)
		if t := s.leases[id]; t != nil && t.phase == resuming {
			t.to(lost, now)
		}
	}
	return false
}

// send is which keys are to be sent that waited for the journal: those that are
// still out under the lease.
func (s *sched) send(id api.LeaseID, keys []lease.Key) (out []lease.Key) {
	t := s.leases[id]
	if t == nil || t.phase != open {
		return nil
	}
	for _, k := range keys {
		if a := t.out[k]; a != nil && a.unsent {
			a.unsent = false
			out = append(out, k)
		}
	}
	return out
}

func sortedKeys(m map[lease.Key]*attempt) []lease.Key {
	keys := make([]lease.Key, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compareKeys)
	return keys
}

func compareKeys(a, b lease.Key) int {
	if a.Task != b.Task {
		return int(a.Task - b.Task)
	}
	return int(a.Attempt - b.Attempt)
}

func (t *tenure) String() string { return fmt.Sprintf("lease %s on %s", t.id, t.node.id) }
