package job

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

var (
	seedFlag = flag.Uint64("seed", 0, "run the simulation with this seed only")
	simRuns  = flag.Int("sims", 200, "how many simulations to run")
)

// restart is kill -9 of the borrower: what is not in the journal is forgotten.
func (m *sim) restart() {
	m.note("the borrower restarts")
	m.journal, m.fetches = nil, nil
	m.s = newSched("job", m.s.plan, m.s.newLease, m.now)
	for _, id := range slices.Sorted(maps.Keys(m.rows)) {
		m.s.restore(m.rows[id][len(m.rows[id])-1])
	}
	m.peers()
	for _, l := range m.lenders {
		for _, id := range slices.Sorted(maps.Keys(l.leases)) {
			x := l.leases[id]
			x.connected, x.lost, x.releasing, x.inbox = false, false, false, nil
			m.s.onKnown(x.id, l.id, m.now)
		}
	}
}

func (m *sim) run() error {
	m.settle()
	for range 300 {
		if err := m.step(); err != nil {
			return err
		}
	}
	m.chaos, m.failing = false, 0
	for _, l := range m.lenders {
		l.up, l.paused = true, false
		for _, x := range l.leases {
			x.inbox = append(x.inbox, func() { m.s.onShare(x.id, m.share(l), m.now) })
		}
	}
	m.peers()
	if err := m.s.onResume(m.now); err != nil && m.s.ended.IsZero() {
		return err
	}
	for i := 0; m.s.ended.IsZero() || len(m.journal) > 0; i++ {
		if i > 20_000 {
			for _, t := range m.s.sorted() {
				m.note("%s: phase %d, share %+v, %d out, aside %q, not before %s", t, t.phase, t.share, len(t.out), t.node.aside, t.node.notBefore.Sub(m.now))
			}
			return fmt.Errorf("never ends: %+v, %d leases: %s", m.s.count, len(m.s.leases), m.s.waits(m.now))
		}
		if err := m.step(); err != nil {
			return err
		}
	}
	return m.verdict()
}

// by is the lender that a row names, or one of nothing.
func (m *sim) by(id api.PeerID) *simLender {
	i := slices.IndexFunc(m.lenders, func(l *simLender) bool { return l.id == id })
	if i < 0 {
		return &simLender{}
	}
	return m.lenders[i]
}

// verdict: every task has one result that counts, retries were spent on failures
// only, and what may not run twice did not.
func (m *sim) verdict() error {
	for id := range api.TaskID(m.s.count.Total) {
		final, failures := 0, 0
		for _, row := range m.rows[id] {
			if row.Cause == api.CauseFailed { // every one is a result of its own
				failures++
			}
			if row.State.Terminal() {
				final++
				if row.Failures != failures {
					return fmt.Errorf("task %d: %d failures booked, %d happened", id, row.Failures, failures)
				}
				if row.State == api.TaskFailed && m.begun[id] == 0 && strings.Contains(row.Error, "does not hold it any more") && m.by(row.Peer).died == 0 && !m.by(row.Peer).old {
					return fmt.Errorf("task %d failed, and it was certainly not begun", id)
				}
				if row.State == api.TaskFailed && row.Cause == api.CauseCanceled && !m.by(row.Peer).old {
					return fmt.Errorf("task %d failed because it was called back: %s", id, row.Error)
				}
				if row.State == api.TaskFailed && row.Cause == api.CauseLost && m.s.plan.spec.Restart != restartNever && len(m.lenders) < crashLimit {
					return fmt.Errorf("task %d failed because it was lost", id)
				}
			}
		}
		if m.s.never() && m.begun[id] > 1+failures {
			return fmt.Errorf("restart: never, but task %d was begun %d times after %d failures", id, m.begun[id], failures)
		}
		if final != 1 {
			return fmt.Errorf("task %d has %d final results: %+v", id, final, m.rows[id])
		}
	}
	if c := m.s.count; c.Done+c.Failed != c.Total {
		return fmt.Errorf("ended with %+v", c)
	}
	return nil
}

func TestSimulation(t *testing.T) {
	base := *seedFlag
	runs := 1
	if base == 0 {
		base, runs = rand.Uint64()>>1, *simRuns
	}
	for i := range uint64(runs) {
		m := newSim(base + i)
		if err := m.run(); err != nil {
			for _, line := range m.log[max(0, len(m.log)-40):] {
				t.Log(line)
			}
			t.Fatalf("seed %d: %v (go test -run TestSimulation -seed %d)", base+i, err, base+i)
		}
	}
}
