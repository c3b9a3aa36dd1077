package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/policy"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// freezeWait is how long a sandbox may take to freeze; one that does not is
// closed, because the owner was promised the machine within 5 s.
const freezeWait = 2 * time.Second

// Limits is what is lent at most, with the defaults filled in.
func (s *Server) Limits() api.Limits {
	l := *s.limits.Load()
	l.Runtimes = slices.Clone(l.Runtimes)
	return l
}

// Policy is the table in force.
func (s *Server) Policy() []api.Rule {
	s.mu.Lock()
	defer s.unlock()
	return slices.Clone(s.rules)
}

// SetLimits checks and keeps new limits, and withdraws at once what is over
// them. KindInvalid says what is wrong with them; nothing has changed then.
func (s *Server) SetLimits(ctx context.Context, l api.Limits) error {
	return s.set(ctx, func(was *api.Limits, _ *[]api.Rule) { *was = l }, "the limits")
}

// SetPolicy checks and keeps a new table, and withdraws at once what it forbids.
// None means the default one; in an empty one nobody may do anything.
func (s *Server) SetPolicy(ctx context.Context, rules []api.Rule) error {
	return s.set(ctx, func(_ *api.Limits, was *[]api.Rule) { *was = slices.Clone(rules) }, "the policy")
}

func (s *Server) set(ctx context.Context, change func(*api.Limits, *[]api.Rule), what string) error {
	s.commit.Lock()
	defer s.commit.Unlock()
	limits, rules := s.cfg.Settings.Load()
	change(&limits, &rules)
	if err := errors.Join(policy.CheckLimits(limits, s.machine), s.checkIdle(limits)); err != nil {
		return err
	}
	if err := policy.CheckRules(rules); err != nil {
		return err
	}
	if err := s.cfg.Settings.Commit(ctx, limits, rules); err != nil {
		return err
	}
	s.mu.Lock()
	s.adopt(limits, rules)
	s.enforceLocked()
	s.dispatchLocked()
	s.reshareLocked()
	s.dirty = true
	s.emitLocked(api.Event{Type: api.EventLend, Msg: what + " changed"})
	s.unlock()
	s.settleState()
	return nil
}

// enforceLocked withdraws what the present settings do not allow: leases that
// may not run at all, then the newest sandboxes of whoever is over a cap.
func (s *Server) enforceLocked() {
	for _, l := range s.loans {
		if s.barLocked(l); l.barred == "" {
			continue
		}
		why := ending{api.CauseWithdrawn, "withdrawn by the owner: " + l.barred}
		s.giveBackAllLocked(l, why)
		for sl := range l.slots {
			s.stopSlotLocked(sl, &why)
		}
	}
	limits := s.limits.Load()
	why := ending{api.CauseWithdrawn, "the owner lowered the limits"}
	newest := s.slotsLocked()
	slices.Reverse(newest)
	for _, sl := range newest {
		if sl.state == slotClosing {
			continue
		}
		u := s.useLocked()
		for _, c := range s.slots {
			if c.state == slotClosing {
				u = u.without(c)
			}
		}
		if !u.total.Fits(limits.Total) || !u.peers[sl.loan.peer].Fits(limits.PerPeer) {
			s.stopSlotLocked(sl, &why)
		}
	}
}

// slotsLocked is the slots, oldest first.
func (s *Server) slotsLocked() []*slot {
	all := make([]*slot, 0, len(s.slots))
	for _, sl := range s.slots {
		all = append(all, sl)
	}
	slices.SortFunc(all, func(a, b *slot) int { return cmp.Or(a.opened.Compare(b.opened), cmp.Compare(a.id, b.id)) })
	return all
}

// Pause freezes every sandbox and takes no work until Resume. Borrowers are told;
// what they had queued is given back, and what stays frozen for long is too.
func (s *Server) Pause(ctx context.Context, reason string) error {
	return s.setState(ctx, api.LendPaused, reason)
}

// Drain takes no more work and lets what runs end, until Resume.
func (s *Server) Drain(ctx context.Context, reason string) error {
	return s.setState(ctx, api.LendDraining, reason)
}

// Resume lends again.
func (s *Server) Resume(ctx context.Context) error { return s.setState(ctx, api.LendOpen, "") }

func (s *Server) setState(ctx context.Context, to api.LendState, reason string) error {
	s.commit.Lock()
	defer s.commit.Unlock()
	if err := s.cfg.Store.Apply(ctx, lease.Batch{Lending: &lease.Lending{State: to, Reason: clip(reason)}}); err != nil {
		return err
	}
	s.mu.Lock()
	s.said = lease.Lending{State: to, Reason: clip(reason)}
	s.unlock()
	s.settleState()
	return nil
}

// dueLocked is whether this node lends now: what the owner said last, within his
// hours and while he leaves the machine alone, as he set it.
func (s *Server) dueLocked(now time.Time) lease.Lending {
	wait := time.Duration(s.limits.Load().Idle)
	switch {
	case s.said.State != api.LendOpen:
	case !s.hours.Open(now.Local()):
		return lease.Lending{State: api.LendPaused, Reason: "outside of the hours in which this node lends"}
	case wait > 0 && !s.use.idle(now, wait):
		return lease.Lending{State: api.LendPaused, Reason: "the machine is in use; it lends when that has ended for " + wait.String()}
	}
	return s.said
}

// settleState makes what is due the state that lending is in, and has guests stand
// still or go on. The caller holds commit.
func (s *Server) settleState() {
	s.mu.Lock()
	from, due := s.state, s.dueLocked(time.Now())
	if due == (lease.Lending{State: from, Reason: s.reason}) {
		s.unlock()
		return
	}
	to := due.State
	s.state, s.reason = to, due.Reason
	if to != api.LendOpen {
		why := ending{api.CauseWithdrawn, s.stateReasonLocked()}
		for _, l := range s.loans {
			s.giveBackAllLocked(l, why)
		}
	}
	var change []*slot
	for _, sl := range s.slotsLocked() {
		if was := from == api.LendPaused || sl.paused; was != sl.frozenLocked(s) {
			change = append(change, sl)
		}
	}
	s.markLocked(change, to == api.LendPaused)
	s.reshareLocked()
	s.dirty = true
	s.emitLocked(api.Event{Type: api.EventLend, Msg: s.stateReasonLocked()})
	s.unlock()

	s.freeze(change, to == api.LendPaused)
	s.mu.Lock()
	s.dispatchLocked()
	s.unlock()
}

// stateReasonLocked is the lending state in words for borrowers.
func (s *Server) stateReasonLocked() string {
	msg := map[api.LendState]string{
		api.LendOpen: "lending", api.LendPaused: "paused by the owner", api.LendDraining: "draining: the owner takes no more work",
	}[s.state]
	if s.reason != "" {
		msg += ": " + s.reason
	}
	return msg
}

// markLocked notes that slots are frozen or not, so that none begins a task.
func (s *Server) markLocked(slots []*slot, frozen bool) {
	for _, sl := range slots {
		switch {
		case frozen && sl.resumed == nil:
			sl.pausedAt, sl.resumed = time.Now(), make(chan struct{})
		case !frozen && sl.resumed != nil:
			close(sl.resumed)
			sl.resumed = nil
		}
	}
}

// freeze freezes or thaws sandboxes, all at once. One that cannot be frozen is
// closed: the owner gets the machine back whatever a guest does.
func (s *Server) freeze(slots []*slot, frozen bool) {
	done := make(chan struct{}, len(slots))
	for _, sl := range slots {
		go func() {
			defer func() { done <- struct{}{} }()
			s.freezeOne(sl, frozen)
		}()
	}
	for range slots {
		<-done
	}
}

func (s *Server) freezeOne(sl *slot, frozen bool) {
	s.mu.Lock()
	sb := sl.sandbox
	if sb == nil && frozen {
		s.stopStartingLocked(sl)
	}
	closing := sl.state == slotClosing
	s.unlock()
	if sb == nil || closing {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), freezeWait)
	defer cancel()
	act, word := runtime.Sandbox.Resume, "resumed"
	if frozen {
		act, word = runtime.Sandbox.Pause, "paused"
	}
	err := act(sb, ctx)
	s.mu.Lock()
	if err != nil && sl.state != slotClosing {
		s.log.Error("a sandbox cannot be "+word+"; it is closed", "sandbox", sl.id, "err", err)
		s.stopSlotLocked(sl, &ending{api.CauseWithdrawn, "it could not be " + word})
	} else {
		s.emitSandboxLocked(sl)
	}
	s.unlock()
}

// stopStartingLocked ends a sandbox that is being opened: what opens it cannot be
// frozen, and a module is compiled for up to minutes.
func (s *Server) stopStartingLocked(sl *slot) {
	if sl.paused {
		sl.loan.hold = time.Now().Add(killHold)
	}
	s.stopSlotLocked(sl, &ending{api.CauseWithdrawn, "paused by the owner while it started"})
	s.creditLocked(sl.loan)
}

// Kill ends one sandbox now. Its borrower is told withdrawn and the reason, and
// gets no new sandbox for that lease for a while. KindNotFound if there is none.
func (s *Server) Kill(ctx context.Context, id api.SandboxID, reason string) error {
	s.mu.Lock()
	sl := s.slots[id]
	if sl == nil {
		s.unlock()
		return noSandbox(id)
	}
	s.killLocked(sl, reason)
	s.unlock()
	return await(ctx, sl)
}

// KillAll ends every sandbox now.
func (s *Server) KillAll(ctx context.Context, reason string) error {
	s.mu.Lock()
	all := s.slotsLocked()
	for _, sl := range all {
		s.killLocked(sl, reason)
	}
	s.unlock()
	for _, sl := range all {
		if err := await(ctx, sl); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) killLocked(sl *slot, reason string) {
	why := ending{api.CauseWithdrawn, api.Killed(clip(reason))}
	l := sl.loan
	l.hold, l.why = time.Now().Add(killHold), why
	s.giveBackAllLocked(l, why)
	s.stopSlotLocked(sl, &why)
	s.creditLocked(l)
}

// await returns when nothing is left of a slot that was stopped.
func await(ctx context.Context, sl *slot) error {
	ctx, cancel := context.WithTimeout(ctx, 2*closeWait)
	defer cancel()
	select {
	case <-sl.gone:
		return nil
	case <-ctx.Done():
		return api.Errorf(api.KindTimeout, "sandbox %s was told to end and has not yet", sl.id)
	}
}

func noSandbox(id api.SandboxID) error {
	return api.Errorf(api.KindNotFound, "no sandbox %s", id).WithHint("p2prc lend ls lists them")
}

// PauseSandbox freezes one sandbox until ResumeSandbox.
func (s *Server) PauseSandbox(_ context.Context, id api.SandboxID) error { return s.pauseOne(id, true) }

// ResumeSandbox lets one sandbox go on, unless lending as a whole is paused.
func (s *Server) ResumeSandbox(_ context.Context, id api.SandboxID) error {
	return s.pauseOne(id, false)
}

func (s *Server) pauseOne(id api.SandboxID, paused bool) error {
	s.commit.Lock()
	defer s.commit.Unlock()
	s.mu.Lock()
	sl := s.slots[id]
	if sl == nil {
		s.unlock()
		return noSandbox(id)
	}
	was := sl.frozenLocked(s)
	sl.paused = paused
	now := sl.frozenLocked(s)
	if was != now {
		s.markLocked([]*slot{sl}, now)
	}
	s.unlock()
	if was == now {
		return nil
	}
	s.freezeOne(sl, now)
	s.mu.Lock()
	s.dispatchLocked()
	s.unlock()
	return nil
}

// Usage sums the ledger by some of peer, job and day, from since on.
func (s *Server) Usage(ctx context.Context, by []string, since time.Time) ([]api.UsageRow, error) {
	for i, b := range by {
		if (b != "peer" && b != "job" && b != "day") || slices.Index(by, b) != i {
			return nil, api.Errorf(api.KindInvalid, "usage cannot be summed by %q", clip(b)).WithHint("peer, job and day, each once")
		}
	}
	flush, cancel := context.WithTimeout(ctx, closeWait)
	defer cancel()
	if err := s.flushed(flush); err != nil {
		return nil, fmt.Errorf("the ledger cannot be written: %w", err)
	}
	rows, err := s.cfg.Store.Usage(ctx, by, since)
	for i := range rows {
		rows[i].Name = s.name(rows[i].Peer)
	}
	return rows, err
}

// flushed returns when what was charged so far is in the store.
func (s *Server) flushed(ctx context.Context) error {
	s.mu.Lock()
	up := s.up && !s.down
	s.unlock()
	if !up {
		return nil
	}
	return s.journal.flush(ctx)
}
