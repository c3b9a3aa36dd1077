package server

import (
	"context"
	"slices"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/policy"
)

// guest is what lives here beside the leases' slots: a long-lived container, or a
// sandbox in which a member has a shell.
type guest struct {
	peer  *peer
	needs api.Resources
	shell bool
}

// Reserve takes what a container may use, if the owner's rules and limits let who
// have it on that network, and answers with the caps that hold. Unused sandboxes
// of leases give way. KindDenied, KindUnsupported, KindQuota.
func (s *Server) Reserve(who api.Caller, id api.SandboxID, needs api.Resources, on api.GuestNetwork) (api.Resources, error) {
	return s.reserve(who, id, needs, false, func() *api.Error { return s.permittedLocked(s.rules, who, on) })
}

// ReserveShell is Reserve for a sandbox in which who has a shell. It waits until
// what an earlier process left in the runtime is removed.
func (s *Server) ReserveShell(ctx context.Context, who api.Caller, id api.SandboxID) (api.Resources, error) {
	select {
	case <-s.ready:
	case <-ctx.Done():
		return api.Resources{}, context.Cause(ctx)
	}
	return s.reserve(who, id, api.Resources{}, true, func() *api.Error { return s.shellPermittedLocked(who) })
}

func (s *Server) reserve(who api.Caller, id api.SandboxID, needs api.Resources, shell bool, permittedLocked func() *api.Error) (api.Resources, error) {
	if err := policy.CheckNeeds(needs); err != nil {
		return needs, err
	}
	name := s.name(who.Peer)
	s.mu.Lock()
	defer s.unlock()
	limits := s.limits.Load()
	needs = policy.Slot(needs, limits.PerGuest)
	if err := permittedLocked(); err != nil {
		return needs, err
	}
	switch {
	case s.state != api.LendOpen:
		return needs, api.Errorf(api.KindUnavailable, "this node takes no work now: %s", s.stateReasonLocked())
	case needs.GPU > limits.PerGuest.GPU:
		return needs, api.Errorf(api.KindUnsupported, "%d GPUs are asked for, and this node lends %d", needs.GPU, limits.PerGuest.GPU)
	case !needs.Fits(limits.PerGuest) || !needs.Fits(limits.PerPeer) || !needs.Fits(limits.Total):
		return needs, api.Errorf(api.KindQuota, "it needs more than this node lends to one guest (%s)", describe(limits.PerGuest))
	}
	p := s.peers[who.Peer]
	if p == nil {
		p = &peer{id: who.Peer, name: name}
	}
	u := s.useLocked()
	for _, sl := range s.slots {
		if sl.state == slotIdle {
			u = u.without(sl)
		}
	}
	if g := s.guests[id]; g != nil { // what it held while it was stopped
		u.total = u.total.Sub(g.needs)
		u.peers[g.peer] = u.peers[g.peer].Sub(g.needs)
	}
	if !u.total.Add(needs).Fits(limits.Total) || !u.peers[p].Add(needs).Fits(limits.PerPeer) {
		return needs, api.Errorf(api.KindQuota, "this node has no room for it now: %s are free for one peer at most", describe(limits.PerPeer.Sub(u.peers[p])))
	}
	s.addGuestLocked(p, id, guest{p, needs, shell})
	for _, sl := range s.slots {
		if u := s.useLocked(); u.total.Fits(limits.Total) {
			break
		}
		if sl.state == slotIdle {
			s.stopSlotLocked(sl, nil)
		}
	}
	return needs, nil
}

// Adopt takes back what a container of an earlier process uses, whatever the
// rules say now.
func (s *Server) Adopt(who api.PeerID, id api.SandboxID, cap api.Resources) {
	name := s.name(who)
	s.mu.Lock()
	defer s.unlock()
	p := s.peers[who]
	if p == nil {
		p = &peer{id: who, name: name}
	}
	s.addGuestLocked(p, id, guest{p, cap, false})
}

func (s *Server) addGuestLocked(p *peer, id api.SandboxID, g guest) {
	s.peers[p.id] = p
	if s.guests[id] == nil {
		p.guests++
	}
	s.guests[id] = &g
	s.reshareLocked()
	s.dirty = true
}

// Release gives back what Reserve took; twice is harmless.
func (s *Server) Release(id api.SandboxID) {
	s.mu.Lock()
	defer s.unlock()
	g := s.guests[id]
	if g == nil {
		return
	}
	notify(s.untidy) // a shell's sandbox leaves its room, as a slot's does
	delete(s.guests, id)
	if g.peer.guests--; g.peer.guests == 0 && g.peer.loans == 0 {
		delete(s.peers, g.peer.id)
	}
	s.dispatchLocked()
	s.reshareLocked()
	s.dirty = true
}

// Over names those of the guests that are too much for what the owner lends, when
// the first of them go first, and before them all shells, the newest first: they
// leave nothing that could be missed. What a full disk takes from the limits counts
// for nothing here.
func (s *Server) Over(order []api.SandboxID) []api.SandboxID {
	settings, _ := s.cfg.Settings.Load()
	return s.OverUnder(settings, order)
}

// OverUnder is Over under other limits than the owner's.
func (s *Server) OverUnder(settings api.Limits, order []api.SandboxID) (over []api.SandboxID) {
	s.mu.Lock()
	defer s.unlock()
	limits, u := policy.Effective(settings, s.machine), s.useLocked()
	for _, sl := range s.slots {
		if sl.state == slotClosing {
			u = u.without(sl)
		}
	}
	var shells []api.SandboxID
	for id, g := range s.guests {
		if g.shell {
			shells = append(shells, id)
		}
	}
	slices.Sort(shells)
	slices.Reverse(shells) // ids begin with the time
	for _, id := range append(shells, order...) {
		g := s.guests[id]
		if g == nil || slices.Contains(over, id) || u.total.Fits(limits.Total) && u.peers[g.peer].Fits(limits.PerPeer) && g.needs.Fits(limits.PerGuest) {
			continue
		}
		over = append(over, id)
		u.total = u.total.Sub(g.needs)
		u.peers[g.peer] = u.peers[g.peer].Sub(g.needs)
	}
	return over
}

// Paused tells whether the owner has everything stand still.
func (s *Server) Paused() bool {
	s.mu.Lock()
	defer s.unlock()
	return s.state == api.LendPaused
}

// Permitted says why who may not have containers on that network here, or nil.
func (s *Server) Permitted(who api.Caller, on api.GuestNetwork) error {
	s.mu.Lock()
	defer s.unlock()
	if err := s.permittedLocked(s.rules, who, on); err != nil {
		return err
	}
	return nil
}

// PermittedUnder is Permitted under another policy than the owner's.
func (s *Server) PermittedUnder(rules []api.Rule, who api.Caller, on api.GuestNetwork) error {
	s.mu.Lock()
	defer s.unlock()
	if err := s.permittedLocked(rules, who, on); err != nil {
		return err
	}
	return nil
}

func (s *Server) permittedLocked(rules []api.Rule, who api.Caller, on api.GuestNetwork) *api.Error {
	if err := borrows(who); err != nil {
		return err
	}
	if !slices.Contains(s.limits.Load().Runtimes, api.RuntimeDocker) {
		return api.Errorf(api.KindDenied, "this node does not lend containers").WithHint("its owner can: p2prc lend limits --runtimes wasm,docker")
	}
	if !policy.Decide(rules, who, api.ActionContainer, api.RuntimeResource(api.RuntimeDocker)).Allow {
		return api.Errorf(api.KindDenied, "the owner's policy does not let you have containers here").
			WithHint("its owner can: p2prc lend policy allow PEER containers")
	}
	return s.netBarredLocked(rules, who, on)
}

// borrows says why who borrows nothing at all, or nil.
func borrows(who api.Caller) *api.Error {
	switch {
	case who.Role == "":
		return api.Errorf(api.KindDenied, "you are no member of this network any more")
	case !who.Role.Borrows():
		return api.Errorf(api.KindDenied, "a %s does not borrow", who.Role)
	}
	return nil
}

// ShellPermitted says why who may not have a shell here, or nil.
func (s *Server) ShellPermitted(who api.Caller) error {
	s.mu.Lock()
	defer s.unlock()
	if err := s.shellPermittedLocked(who); err != nil {
		return err
	}
	return nil
}

func (s *Server) shellPermittedLocked(who api.Caller) *api.Error {
	if err := borrows(who); err != nil {
		return err
	}
	if !slices.Contains(s.limits.Load().Runtimes, api.RuntimeProcess) {
		return api.Errorf(api.KindDenied, "this node does not lend its own programs").WithHint("its owner can: p2prc lend limits --runtimes wasm,docker,process")
	}
	if !policy.Decide(s.rules, who, api.ActionShell, api.RuntimeResource(api.RuntimeProcess)).Allow {
		return api.Errorf(api.KindDenied, "the owner's policy does not let you have a shell here").
			WithHint("its owner can: p2prc lend policy allow YOU shell")
	}
	return nil
}

// Charge writes what a container cost into the ledger, its id standing for a job's.
func (s *Server) Charge(who api.PeerID, id api.SandboxID, used api.UsageRow) {
	s.mu.Lock()
	s.lent += time.Duration(used.CPUSeconds * float64(time.Second))
	s.unlock()
	s.journal.charge(who, api.JobID(id), time.Now(), used)
}

// Building says that until done is called the engine builds what a container is
// made of. An engine does not tell what a build used: it is charged with all that
// it was given.
func (s *Server) Building(who api.PeerID, id api.SandboxID, cap api.Resources) (done func()) {
	begun, over := time.Now(), s.Aside(cap.CPU)
	return func() {
		over()
		took := time.Since(begun).Seconds()
		s.journal.charge(who, api.JobID(id), time.Now(), api.UsageRow{CPUSeconds: cap.CPU * took, MemorySeconds: float64(cap.Memory) * took})
	}
}
