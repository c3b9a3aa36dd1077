package server

import (
	"math"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// The owner uses his machine when all that is not lent takes more than half a
// core of it, on large machines a tenth of all, averaged over useSpan; and he
// leaves it alone while that is less than half as much. Two bounds and a wait, so
// that lending does not flap, and a long span, because what guests use is told in
// lumps: engines answer late.
const (
	useSpan  = 20 * time.Second
	useCores = 0.5
	useShare = 0.1
)

// watch tells how long the owner has left his machine alone.
type watch struct {
	high  float64       // cores
	at    time.Time     // of the last look
	spent time.Duration // by all then
	lent  time.Duration // by guests then
	load  float64       // cores that the owner uses, averaged
	inUse bool
	last  time.Time // when he used some of it
}

// newWatch begins with a machine in use: nothing is known of it yet.
func newWatch(cores float64, now time.Time) watch {
	return watch{high: max(useCores, useShare*cores), inUse: true, last: now}
}

// look takes in what all, and of that guests, have spent so far. Without an answer
// from the system the machine counts as in use.
func (w *watch) look(now time.Time, spent, lent time.Duration, err error) {
	since := now.Sub(w.at)
	switch {
	case err != nil:
		w.inUse, w.last, w.at = true, now, time.Time{}
		return
	case !w.at.IsZero() && since > 0:
		owns := (spent - w.spent - lent + w.lent).Seconds() / since.Seconds()
		w.load += (owns - w.load) * (1 - math.Exp(-since.Seconds()/useSpan.Seconds()))
	}
	w.at, w.spent, w.lent = now, spent, lent
	if w.load > w.high {
		w.inUse = true
	}
	if w.load > w.high/2 {
		w.last = now
	}
}

// idle tells whether the owner has left the machine alone for so long.
func (w *watch) idle(now time.Time, wait time.Duration) bool {
	if now.Sub(w.last) >= wait {
		w.inUse = false
	}
	return !w.inUse
}

// watchUse looks at who uses the machine.
func (s *Server) watchUse(now time.Time) {
	if s.cfg.Spent == nil {
		return
	}
	spent, err := s.cfg.Spent()
	s.mu.Lock()
	defer s.unlock()
	if !s.use.at.IsZero() {
		s.lent += time.Duration(s.aside * float64(now.Sub(s.use.at)))
	}
	if err != nil && !s.use.inUse {
		s.log.Error("how busy this machine is cannot be told; it counts as in use", "err", err)
	}
	s.use.look(now, spent, s.lent, err)
}

// Aside says that until done is called the machine does something for guests that
// nobody measures, with at most so many cores: it is not its owner's use.
func (s *Server) Aside(cores float64) (done func()) {
	s.addAside(cores)
	return func() { s.addAside(-cores) }
}

func (s *Server) addAside(cores float64) {
	s.mu.Lock()
	defer s.unlock()
	s.aside += cores
}

// checkIdle refuses to wait for what this system does not tell.
func (s *Server) checkIdle(l api.Limits) error {
	if l.Idle > 0 && s.cfg.Spent == nil {
		return api.Errorf(api.KindUnsupported, "this system does not tell how busy it is").WithHint("lend in hours of the week: p2prc lend limits --hours")
	}
	return nil
}
