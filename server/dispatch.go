package server

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/alloc"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

const (
	quantum     = 250 * time.Millisecond // a slot stays with its lease at least so long while others wait
	starveAfter = 5 * time.Second        // who waits so long for a first slot has room kept free for it
	queueAhead  = 200 * time.Millisecond // of work that credit lets a slot queue
	minAhead    = 2                      // tasks per slot, the running one included
	maxAhead    = 128                    // the same
)

// use is what the slots take now.
type use struct {
	total api.Resources
	peers map[*peer]api.Resources
	busy  map[*peer]api.Resources // of slots that run something
}

// footprint is what a slot takes: an unused one keeps its memory and disk, not
// its cores.
func (sl *slot) footprint() api.Resources {
	r := sl.needs
	if sl.cur == nil {
		r.CPU, r.GPU = 0, 0
	}
	return r
}

func (s *Server) useLocked() use {
	u := use{peers: map[*peer]api.Resources{}, busy: map[*peer]api.Resources{}}
	for _, sl := range s.slots {
		f, p := sl.footprint(), sl.loan.peer
		u.total = u.total.Add(f)
		u.peers[p] = u.peers[p].Add(f)
		if sl.cur != nil {
			u.busy[p] = u.busy[p].Add(f)
		}
	}
	for _, g := range s.guests {
		u.total = u.total.Add(g.needs)
		u.peers[g.peer] = u.peers[g.peer].Add(g.needs)
	}
	return u
}

// runnableLocked tells whether l may be given a slot if there is one.
func (s *Server) runnableLocked(l *loan, now time.Time) bool {
	return s.state == api.LendOpen && !s.down && !l.ended && l.barred == "" && !now.Before(l.hold) && !s.fullLocked(l.peer) && l.peek() != nil
}

// dispatchLocked gives tasks to slots until none fits. Who has least goes first. It
// does not lose its turn to one with a sandbox at hand because another's must close
// for it, and a lease that has waited long for its first slot has room kept for it.
func (s *Server) dispatchLocked() {
	if s.state != api.LendOpen || s.down {
		return
	}
	now := time.Now()
	var u use
	var passed map[*loan]bool
	var next []*loan // room for them is on its way
	for {
		var best *loan
		for _, l := range s.loans {
			if passed[l] || !s.runnableLocked(l, now) || l.busy >= l.want(alloc.MaxSlots) {
				continue
			}
			if u.peers == nil {
				u = s.useLocked().with(next)
			}
			if best == nil || s.beforeLocked(u, l, best) {
				best = l
			}
		}
		if best == nil {
			return
		}
		placed, soon := s.placeLocked(best, u, now)
		if placed {
			best.starved = time.Time{}
			u = use{}
			continue
		}
		if soon {
			next = append(next, best)
			u = use{}
		}
		if best.busy == 0 {
			if best.starved.IsZero() {
				best.starved = now
			}
			if now.Sub(best.starved) > starveAfter && u.peers[best.peer].Add(best.needs).Fits(s.limits.Load().PerPeer) {
				return
			}
		}
		if passed == nil {
			passed = map[*loan]bool{}
		}
		passed[best] = true
	}
}

// beforeLocked tells whether a should have the next slot rather than b.
func (s *Server) beforeLocked(u use, a, b *loan) bool {
	total := s.limits.Load().Total
	if a.peer != b.peer {
		if d := cmp.Compare(alloc.Dominant(u.busy[a.peer], total), alloc.Dominant(u.busy[b.peer], total)); d != 0 {
			return d < 0
		}
		if a.peer.served != b.peer.served {
			return a.peer.served < b.peer.served
		}
	}
	return cmp.Or(cmp.Compare(a.busy, b.busy), cmp.Compare(a.served, b.served), cmp.Compare(a.id, b.id)) < 0
}

// placeLocked finds a slot for l's next task: an unused sandbox of its own, or
// room for a new one, if need be by closing unused ones of others: soon there is
// room, then.
func (s *Server) placeLocked(l *loan, u use, now time.Time) (placed, soon bool) {
	limits := s.limits.Load()
	fits := func(add api.Resources) bool {
		return u.total.Add(add).Fits(limits.Total) && u.peers[l.peer].Add(add).Fits(limits.PerPeer)
	}
	cores := api.Resources{CPU: l.needs.CPU, GPU: l.needs.GPU}
	for sl := range l.slots {
		if sl.state == slotIdle && !sl.paused && fits(cores) {
			s.turns++
			l.served, l.peer.served, sl.turn = s.turns, s.turns, now
			at := l.pop()
			s.startLocked(sl, at)
			sl.work <- at
			return true, false
		}
	}
	if len(s.slots) < alloc.MaxSlots && fits(l.needs) {
		s.turns++
		l.served, l.peer.served = s.turns, s.turns
		s.openSlotLocked(l, l.pop(), now)
		return true, false
	}
	return false, s.evictLocked(l, u, limits)
}

// evictLocked closes unused sandboxes until a slot for l would fit once they are
// gone, or none is left that would help, and tells whether it will fit.
func (s *Server) evictLocked(l *loan, u use, limits *api.Limits) bool {
	for _, sl := range s.slots {
		if sl.state == slotClosing { // room is on its way
			u = u.without(sl)
		}
	}
	fits := func() bool {
		return u.total.Add(l.needs).Fits(limits.Total) && u.peers[l.peer].Add(l.needs).Fits(limits.PerPeer)
	}
	var idle []*slot
	helps := u
	for _, sl := range s.slots {
		if sl.state == slotIdle && sl.loan != l && !sl.paused {
			idle = append(idle, sl)
			helps = helps.without(sl)
		}
	}
	if !helps.total.Add(l.needs).Fits(limits.Total) || !helps.peers[l.peer].Add(l.needs).Fits(limits.PerPeer) {
		return false
	}
	for _, sl := range idle {
		if fits() && len(s.slots) < alloc.MaxSlots {
			return true
		}
		u = u.without(sl)
		s.stopSlotLocked(sl, nil)
	}
	return fits()
}

// with counts the cores of slots that will be opened for these.
func (u use) with(next []*loan) use {
	for _, l := range next {
		cores := api.Resources{CPU: l.needs.CPU, GPU: l.needs.GPU}
		u.total = u.total.Add(cores)
		u.peers[l.peer] = u.peers[l.peer].Add(cores)
		u.busy[l.peer] = u.busy[l.peer].Add(l.needs)
	}
	return u
}

func (u use) without(sl *slot) use {
	f := sl.footprint()
	peers := make(map[*peer]api.Resources, len(u.peers))
	for p, r := range u.peers {
		peers[p] = r
	}
	peers[sl.loan.peer] = peers[sl.loan.peer].Sub(f)
	return use{total: u.total.Sub(f), peers: peers, busy: u.busy}
}

// othersWaitLocked tells whether a lease other than l has a task that may run.
func (s *Server) othersWaitLocked(l *loan, now time.Time) bool {
	for _, o := range s.loans {
		if o != l && s.runnableLocked(o, now) && o.busy < o.want(alloc.MaxSlots) {
			return true
		}
	}
	return false
}

// openSlotLocked starts a sandbox for l whose first task is at.
func (s *Server) openSlotLocked(l *loan, at *attempt, now time.Time) {
	sl := &slot{
		id: api.SandboxID(ulid.Make().String()), loan: l, needs: l.needs, state: slotStarting,
		opened: now, since: now, turn: now,
		work: make(chan *attempt, 1), quit: make(chan struct{}), gone: make(chan struct{}),
	}
	sl.ctx, sl.cancel = context.WithCancel(context.Background()) // ends with the slot
	s.slots[sl.id] = sl
	l.slots[sl] = struct{}{}
	s.startLocked(sl, at)
	s.work.Add(1)
	l.work.Add(1)
	s.dirty = true
	s.emitSandboxLocked(sl)
	go s.runSlot(sl, at)
}

// startLocked makes at the slot's task.
func (s *Server) startLocked(sl *slot, at *attempt) {
	if sl.state != slotStarting {
		sl.state = slotRunning
	}
	at.state, at.slot, sl.cur, sl.ran = attemptRunning, sl, at, 0
	at.ctx, at.cancel = context.WithCancel(sl.ctx)
	sl.loan.busy++
	now := time.Now()
	sl.since, sl.loan.active = now, now
}

// reshareLocked works out what every lease should use, and tells those for whom
// it changed.
func (s *Server) reshareLocked() {
	if len(s.loans) == 0 {
		return
	}
	now := time.Now()
	var busy, lazy []*loan
	for _, l := range s.loansLocked() {
		switch {
		case l.out.Load() == nil || l.restored || l.ended || l.barred != "":
			l.slotsDue = 0
		case len(l.attempts) > 0 || now.Sub(l.active) < idleShare:
			busy = append(busy, l)
		default:
			lazy = append(lazy, l)
		}
	}
	limits := s.limits.Load()
	free, held := s.guestsLocked()
	claims := make([]alloc.Claim, 0, len(busy)+1)
	for _, l := range busy {
		claims = append(claims, claim(l))
	}
	due := alloc.Shares(free, limits.PerPeer, held, claims)
	slices.Reverse(claims) // an odd slot changes hands: all who may have it are told of it
	other := alloc.Shares(free, limits.PerPeer, held, claims)
	for i, l := range busy {
		l.slotsDue = max(1, due[i], other[len(other)-1-i])
	}
	for _, l := range lazy { // what it would get if it began to work
		n := alloc.Shares(free, limits.PerPeer, held, append(claims, claim(l)))
		l.slotsDue = max(1, n[len(claims)])
	}
	for _, l := range append(busy, lazy...) {
		if s.crowdedLocked(l) != "" { // a task here would wait for a container to go
			l.slotsDue = 0
		}
	}
	for _, l := range s.loans {
		s.creditLocked(l)
	}
}

// guestsLocked is what containers and shells leave of all that is lent, and what each
// peer holds by them.
func (s *Server) guestsLocked() (free api.Resources, held map[api.PeerID]api.Resources) {
	free, held = s.limits.Load().Total, map[api.PeerID]api.Resources{}
	for _, g := range s.guests {
		free = free.Sub(g.needs)
		held[g.peer.id] = held[g.peer.id].Add(g.needs)
	}
	return free, held
}

// crowdedLocked tells how containers and shells leave no room for a task of l, if so.
func (s *Server) crowdedLocked(l *loan) string {
	limits := s.limits.Load()
	free, held := s.guestsLocked()
	own := limits.PerPeer.Sub(held[l.peer.id])
	switch {
	case !l.needs.Fits(limits.Total) || !l.needs.Fits(limits.PerPeer): // it never fits
		return ""
	case !l.needs.Fits(free):
		return "its containers leave " + tooLittle(l.needs, free)
	case !l.needs.Fits(own):
		return "your containers there leave you " + tooLittle(l.needs, own)
	}
	return ""
}

// loansLocked is the leases, oldest first, so that shares do not change by chance.
func (s *Server) loansLocked() []*loan {
	all := make([]*loan, 0, len(s.loans))
	for _, l := range s.loans {
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b *loan) int { return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.id, b.id)) })
	return all
}

func claim(l *loan) alloc.Claim {
	return alloc.Claim{Peer: l.peer.id, Needs: l.needs, Want: l.want(alloc.MaxSlots)}
}

// storeLocked counts bytes of blobs that are held for p from now on, or not any more.
func (s *Server) storeLocked(p *peer, n int64) {
	p.stored += n
	s.stored += n
}

// fullLocked tells whether a borrower has its share of the blob store, or all
// borrowers theirs. What runs goes on, so each slot may add one task's outputs.
func (s *Server) fullLocked(p *peer) bool { return !s.holdsLocked(p, 1) }

// holdsLocked tells whether n more bytes of blobs may be held for p.
func (s *Server) holdsLocked(p *peer, n int64) bool {
	return (s.cfg.BlobShare == 0 || p.stored+n <= s.cfg.BlobShare) && (s.cfg.BlobsLent == 0 || s.stored+n <= s.cfg.BlobsLent)
}

// shareLocked is what l may use now.
func (s *Server) shareLocked(l *loan) lease.Share {
	if no := s.noLocked(l); no != nil {
		return lease.Share{State: s.state, Reason: no.reason}
	}
	sh := lease.Share{Slots: l.slotsDue, State: s.state}
	if sh.Slots == 0 {
		if sh.Reason = s.crowdedLocked(l); sh.Reason != "" {
			return sh
		}
	}
	if l.peer.held >= lease.MaxHeld || l.peer.kept >= keptBytes {
		sh.Reason = "results wait to be acknowledged"
		return sh
	}
	if s.fullLocked(l.peer) {
		sh.Reason = "outputs wait to be fetched"
		return sh
	}
	ahead := minAhead
	if l.took > 0 {
		ahead = 1 + int(math.Ceil(float64(queueAhead)/float64(l.took)))
	}
	sh.Credit = sh.Slots * min(max(ahead, minAhead), maxAhead)
	if l.size > 0 {
		sh.Credit = min(sh.Credit, int(max(int64(sh.Slots), peerBytes/l.size/int64(l.peer.loans))))
	}
	return sh
}

// creditLocked tells the borrower when what it may use has changed enough to matter.
func (s *Server) creditLocked(l *loan) {
	se := l.out.Load()
	if se == nil || l.ended || l.restored {
		return
	}
	sh, was := s.shareLocked(l), l.share
	little := sh.Slots == was.Slots && sh.State == was.State && sh.Reason == was.Reason &&
		(sh.Credit == 0) == (was.Credit == 0) && 4*abs(sh.Credit-was.Credit) <= was.Credit
	if little {
		return
	}
	l.share = sh
	l.ceiling = max(l.ceiling, sh.Credit)
	se.setShare(sh)
}

func abs(n int) int { return max(n, -n) }
