package server

import (
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/policy"
)

const (
	diskEvery = 10 * time.Second
	diskStep  = 64 << 20 // less is not worth telling every member; and to have less is to have none
)

// look is how many bytes of disk can be lent now, in steps; what guests have
// written already is not among them. When that cannot be told, the last answer stands.
func (s *Server) look() int64 {
	if s.cfg.Disk == nil {
		return s.lendable.Load()
	}
	total, free, err := s.cfg.Disk()
	if err != nil {
		s.log.Error("what is free on the disk cannot be told", "err", err)
		return s.lendable.Load()
	}
	n := policy.Lendable(total, free)
	return n - n%diskStep
}

// watchDisk makes what can be lent now the limit of what is granted and announced.
// What runs keeps what it was given.
func (s *Server) watchDisk() {
	n := s.look()
	if n == s.lendable.Swap(n) {
		return
	}
	s.commit.Lock()
	defer s.commit.Unlock()
	limits, _ := s.cfg.Settings.Load()
	s.mu.Lock()
	defer s.unlock()
	was := *s.limits.Load()
	s.adoptLimits(limits)
	if now := s.limits.Load(); now.Total.Disk == was.Total.Disk {
		return
	}
	for _, l := range s.loans {
		if l.restored {
			continue
		}
		l.needs = policy.Slot(l.open.Needs, s.limits.Load().PerGuest)
		if s.barLocked(l); l.barred != "" {
			s.giveBackAllLocked(l, ending{api.CauseWithdrawn, l.barred})
		}
	}
	s.dispatchLocked()
	s.reshareLocked()
	s.dirty = true
}
