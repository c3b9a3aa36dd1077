package server

import (
	"context"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// pinning is the generation under which a batch pins the outputs of results of l.
func (s *Server) pinning(l *loan, results int) int64 {
	s.mu.Lock()
	defer s.unlock()
	l.lastPin++
	l.pins[l.lastPin] = results
	return l.lastPin
}

// saved is told what the journal has, or could not get, on disk. Only now do
// borrowers hear of results.
func (s *Server) saved(done []saving, err error) {
	s.mu.Lock()
	defer s.unlock()
	news := map[*loan][]outgoing{}
	for _, sv := range done {
		at, l := sv.at, sv.at.loan
		if err != nil {
			s.giveBackLocked(at, ending{api.CauseLost, clip("the result could not be written here: " + err.Error())})
			news[l] = nil // nothing to send, and its credit may have changed
			if _, pinned := l.pins[sv.pin]; pinned {
				delete(l.pins, sv.pin)
				s.journal.put(func(p *pending) { p.unpin = append(p.unpin, pinOwner(l.id, sv.pin)) })
			}
			continue
		}
		l.recorded.Store(true)
		s.overLocked(at)
		if l.ended {
			continue
		}
		s.holdLocked(l, sv.key, held{pin: sv.pin, size: len(sv.body), stored: sv.stored})
		news[l] = append(news[l], outgoing{key: sv.key, size: len(sv.body), body: sv.body})
	}
	for l, rs := range news {
		if se := l.out.Load(); se != nil {
			se.finished(rs...)
		}
		s.settleLocked(l)
	}
}

// bury waits until nothing of an ended lease runs, then removes what the journal
// and the store have of it.
func (s *Server) bury(l *loan) {
	defer s.work.Done()
	l.work.Wait()
	ctx := context.Background() // the journal outlives everything that waits for it
	if err := s.journal.flush(ctx); err != nil {
		s.log.Warn("a lease ends while its journal cannot be written", "lease", l.id, "err", err)
	}
	s.mu.Lock()
	owners := []string{inputOwner(l.id)}
	for gen := range l.pins {
		owners = append(owners, pinOwner(l.id, gen))
	}
	s.unlock()
	if l.recorded.Load() {
		s.journal.put(func(p *pending) {
			p.unpin = append(p.unpin, owners...)
			p.end = append(p.end, l.id)
		})
		if err := s.journal.flush(ctx); err != nil {
			s.log.Warn("a lease that ended cannot be removed from the journal yet", "lease", l.id, "err", err)
		}
	}
	s.mu.Lock()
	delete(s.loans, l.id)
	l.common.release()
	s.storeLocked(l.peer, -l.common.stored)
	if l.peer.loans--; l.peer.loans == 0 && l.peer.guests == 0 {
		delete(s.peers, l.peer.id)
	}
	s.dirty = true
	s.reshareLocked()
	s.unlock()
}

// meter is what a slot was seen to use. Server.mu guards it.
type meter struct {
	at      time.Time     // when rate was worked out
	cpu     time.Duration // used since it was opened
	charged time.Duration // of it, in the ledger already
	rate    float64       // cores, over the last interval
	memory  int64
}

// sample asks every sandbox what it uses.
func (s *Server) sample(ctx context.Context) {
	s.mu.Lock()
	var probes []*slot
	for _, sl := range s.slots {
		if sl.sandbox != nil && sl.state != slotClosing {
			probes = append(probes, sl)
		}
	}
	s.unlock()
	if len(probes) == 0 {
		return
	}
	done := make(chan struct{}, len(probes))
	for _, sl := range probes {
		go func() {
			defer func() { done <- struct{}{} }()
			s.sampleOne(ctx, sl)
		}()
	}
	for range probes {
		<-done
	}
}

const sampleWait = 500 * time.Millisecond

func (s *Server) sampleOne(ctx context.Context, sl *slot) {
	ctx, cancel := context.WithTimeout(ctx, sampleWait)
	defer cancel()
	u, err := sl.sandbox.Usage(ctx)
	s.mu.Lock()
	defer s.unlock()
	now := time.Now()
	m := &sl.meter
	if err != nil { // frozen or going: what it was stays, but nothing says that it computes
		m.rate = 0
		return
	}
	from := m.at
	if from.IsZero() {
		from = sl.opened
	}
	if d := now.Sub(from); d >= 100*time.Millisecond {
		m.rate = max(0, (u.CPUTime-m.cpu).Seconds()/d.Seconds())
		s.lent += max(0, u.CPUTime-m.cpu)
		m.at, m.cpu = now, u.CPUTime
	}
	m.memory = u.Memory
}

// lastSample is taken before a sandbox is closed, so that the work of attempts
// that had no result is charged too.
func (s *Server) lastSample(sl *slot) {
	s.mu.Lock()
	frozen := sl.frozenLocked(s)
	s.unlock()
	if !frozen {
		s.sampleOne(context.Background(), sl)
	}
}

// chargeRestLocked charges what a sandbox used beyond its tasks: killed attempts
// and the sandbox itself.
func (s *Server) chargeRestLocked(sl *slot) {
	if rest := sl.meter.cpu - sl.meter.charged; rest > 0 {
		s.journal.charge(sl.loan.peer.id, sl.loan.open.Job, time.Now(), api.UsageRow{CPUSeconds: rest.Seconds()})
	}
}
