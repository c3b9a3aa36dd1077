package server

import (
	"context"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

const (
	tickEvery    = time.Second
	recheckEvery = time.Minute
	idleClose    = 10 * time.Second // an unused sandbox is closed after
	idleShare    = time.Second      // a lease without work for so long lends its share out
	pausedFor    = lease.Grace      // what is frozen for so long is given back
	overrun      = 15 * time.Second // over its limit a task is stopped from here, if its runtime did not
)

// tickUntil does what time alone brings about, until ctx ends.
func (s *Server) tickUntil(ctx context.Context) {
	t := time.NewTicker(tickEvery)
	defer t.Stop()
	checked, looked := time.Now(), time.Now()
	for {
		select {
		case now := <-t.C:
			notify(s.journal.wake) // whatever a failed batch left
			s.sample(ctx)
			s.watchUse(now)
			if s.cfg.Roles != nil && now.Sub(checked) >= recheckEvery {
				checked = now
				s.Recheck(s.cfg.Roles)
			}
			if now.Sub(looked) >= diskEvery {
				looked = now
				s.watchDisk()
			}
			if s.commit.TryLock() { // else the owner changes something; the next tick looks again
				s.settleState()
				s.commit.Unlock()
			}
			s.tick(now)
		case <-ctx.Done():
			return
		}
	}
}

func (s *Server) tick(now time.Time) {
	s.mu.Lock()
	defer s.unlock()
	for _, l := range s.loans {
		if now.Sub(l.seen) > lease.TTL+lease.Grace && !l.ended {
			s.log.Info("a lease ended because its borrower was not heard of", "lease", l.id, "borrower", l.peer.id, "held", len(l.held))
			s.endLocked(l, ending{api.CauseCanceled, "the lease was not renewed"})
		}
	}
	wall := time.Duration(s.limits.Load().MaxWall)
	for _, sl := range s.slots {
		switch {
		case sl.state == slotIdle && now.Sub(sl.since) > idleClose && !sl.paused:
			s.stopSlotLocked(sl, nil)
		case sl.state != slotRunning:
		case sl.frozenLocked(s):
			if now.Sub(sl.pausedAt) > pausedFor {
				s.stopSlotLocked(sl, &ending{api.CauseWithdrawn, "paused by the owner for " + pausedFor.String()})
			}
		default:
			sl.ran += tickEvery
			if sl.ran > wall+overrun {
				s.stopSlotLocked(sl, &ending{api.CauseWithdrawn, "over the owner's longest run of " + wall.String()})
			}
		}
	}
	s.dispatchLocked()
	s.reshareLocked()
}
