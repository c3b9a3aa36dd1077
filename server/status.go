package server

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/policy"
)

// Status is lending at a glance.
func (s *Server) Status() api.LendStatus {
	limits := s.limits.Load()
	infos := s.Runtimes()
	s.mu.Lock()
	defer s.unlock()
	st := api.LendStatus{
		State: s.state, Reason: s.reason, Total: limits.Total, Leases: len(s.loans), Sandboxes: len(s.slots) + len(s.guests),
		Runtimes: infos, Refused: s.refused.Load(), Limits: s.Limits(),
	}
	switch {
	case s.state != api.LendOpen:
	case s.lookingLocked():
		st.State, st.Reason = api.LendOff, "this machine is being looked at; in a moment"
	case !slices.ContainsFunc(infos, func(r api.RuntimeInfo) bool { return r.Available && r.Enabled }):
		st.State, st.Reason = api.LendOff, "no runtime that is lent works here"
	}
	free := limits.Total.Sub(s.useLocked().total)
	st.Free = api.Resources{CPU: max(0, free.CPU), Memory: max(0, free.Memory), Disk: max(0, free.Disk), GPU: max(0, free.GPU)}
	if st.State != api.LendOpen {
		st.Free = api.Resources{}
	}
	for _, p := range s.peers {
		st.Held += int64(p.held)
	}
	return st
}

// Looking tells whether Run is still finding out what works here.
func (s *Server) Looking() bool {
	s.mu.Lock()
	defer s.unlock()
	return s.lookingLocked()
}

func (s *Server) lookingLocked() bool { return !s.up && !s.down && len(s.cfg.Runtimes) > 0 }

// Runtimes says of every runtime whether it works here and is lent, by name, and
// which networks its guests may have if the owner's policy lets them.
func (s *Server) Runtimes() []api.RuntimeInfo {
	lent := s.limits.Load().Runtimes
	s.mu.Lock()
	defer s.unlock()
	infos := make([]api.RuntimeInfo, 0, len(s.infos))
	for name, info := range s.infos {
		info.Enabled = slices.Contains(lent, name)
		info.Networks = slices.DeleteFunc(slices.Clone(info.Networks), func(n api.GuestNetwork) bool {
			return !policy.Grants(s.rules, api.ActionNetwork, api.NetworkResource(n))
		})
		infos = append(infos, info)
	}
	slices.SortFunc(infos, func(a, b api.RuntimeInfo) int { return strings.Compare(string(a.Name), string(b.Name)) })
	return infos
}

// Sandboxes is what runs here now, oldest first, with what it uses now.
func (s *Server) Sandboxes(ctx context.Context) []api.Sandbox {
	s.sample(ctx)
	s.mu.Lock()
	defer s.unlock()
	all := []api.Sandbox{}
	for _, sl := range s.slotsLocked() {
		all = append(all, s.viewLocked(sl))
	}
	return all
}

func (s *Server) viewLocked(sl *slot) api.Sandbox {
	l := sl.loan
	v := api.Sandbox{
		ID: sl.id, Runtime: l.open.Runtime, Borrower: l.peer.id, Name: l.peer.name, Job: l.open.Job, JobName: l.open.JobName,
		Lease: l.id, State: s.stateOfLocked(sl), Task: -1, Since: sl.opened.UTC().Round(0), CPU: sl.meter.rate, Memory: sl.meter.memory,
		CPUTime: api.Duration(sl.meter.cpu), Tasks: sl.tasks, Cap: sl.needs,
	}
	if sl.cur != nil {
		v.Task = sl.cur.task.Task
	}
	return v
}

func (s *Server) stateOfLocked(sl *slot) string {
	switch {
	case sl.state == slotClosing:
		return "closing"
	case sl.frozenLocked(s):
		return "paused"
	case sl.state == slotStarting:
		return "starting"
	case sl.state == slotRunning:
		return "running"
	}
	return "idle"
}

// emitSandboxLocked tells that a sandbox opened, changed or closed.
func (s *Server) emitSandboxLocked(sl *slot) {
	if s.cfg.OnEvent == nil {
		return
	}
	v := s.viewLocked(sl)
	s.emitLocked(api.Event{Type: api.EventSandbox, Sandbox: &v})
}

// Leases is what a peer has here; for the empty peer, what everybody has.
func (s *Server) Leases(of api.PeerID) []api.LeaseView {
	s.mu.Lock()
	defer s.unlock()
	views := []api.LeaseView{}
	for _, l := range s.loans {
		if of != "" && l.peer.id != of {
			continue
		}
		views = append(views, api.LeaseView{
			ID: l.id, Job: l.open.Job, Runtime: l.open.Runtime, Slots: l.share.Slots, Running: l.busy, Held: len(l.held),
			Since: l.since.Round(time.Microsecond),
		})
	}
	slices.SortFunc(views, func(a, b api.LeaseView) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return views
}

func (s *Server) name(p api.PeerID) string {
	if s.cfg.Names == nil || p == "" {
		return ""
	}
	return s.cfg.Names(p)
}
