package job

import (
	"maps"
	"slices"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// work lets a lender go on for a bit.
func (m *sim) work(l *simLender) {
	if len(m.late) > 0 && m.chance(0.3) {
		m.late[0]()
		m.late = m.late[1:]
	}
	for _, id := range slices.Sorted(maps.Keys(l.leases)) {
		x := l.leases[id]
		if len(x.inbox) > 0 {
			fn := x.inbox[0]
			x.inbox = x.inbox[1:]
			fn()
			continue
		}
		if !x.connected {
			if l.up && (x.lost || m.chance(0.5)) { // resume
				m.answer(x, true)
			} else if !x.lost && m.chance(0.3) {
				x.lost = true
				m.s.onLost(x.id, "the lender does not answer", m.now)
			}
			continue
		}
		if l.liar && m.chaos && m.chance(0.05) {
			m.lie(x)
			continue
		}
		for len(x.queue) > 0 && len(x.running) < l.slots && !l.paused {
			k := x.queue[0]
			x.queue, x.running = x.queue[1:], append(x.running, k)
			m.begun[k.Task]++
			x.inbox = append(x.inbox, func() { m.note("started %s %v", x.id, k); m.s.onStarted(x.id, []lease.Key{k}, m.now) })
		}
		if len(x.running) > 0 && !l.paused && m.chance(0.7) {
			i := m.rnd.IntN(len(x.running))
			k := x.running[i]
			x.running = slices.Delete(x.running, i, i+1)
			r := lease.Result{Key: k, Usage: api.TaskUsage{Wall: api.Duration(m.rnd.IntN(1e9))}}
			if m.chance(m.failing) {
				r.Exit.Code = 1
			}
			if m.chance(0.5) {
				r.Stdout.Blob[0] = 1
				r.Stdout.Size = 1 << 20
			}
			x.held[k] = r
			x.inbox = append(x.inbox, m.sends(x, r))
			if m.chaos && m.chance(0.1) {
				x.inbox = append(x.inbox, m.sends(x, r)) // twice
			}
		}
		if x.releasing && len(x.queue)+len(x.running)+len(x.held) == 0 {
			delete(l.leases, x.id)
			m.s.onGone(x.id, m.now)
		}
	}
}

func (m *sim) lie(x *simLease) {
	k := lease.Key{Task: api.TaskID(m.rnd.IntN(150) - 5), Attempt: api.Attempt(m.rnd.IntN(5) - 1)}
	m.note("%s lies about %v", x.l.id, k)
	switch m.rnd.IntN(4) {
	case 0:
		m.s.onFinished(x.id, []lease.Result{{Key: k}}, m.now)
	case 1:
		m.s.onGivenBack(x.id, []lease.Key{k}, api.CauseFailed, "because", m.now)
	case 2:
		m.s.onStarted(x.id, []lease.Key{k}, m.now)
	case 3:
		m.s.onShare(x.id, lease.Share{Slots: -3, Credit: 1 << 60, State: "odd"}, m.now)
	}
}

// harm does something to a lender.
func (m *sim) harm(l *simLender) {
	switch m.rnd.IntN(7) {
	case 6:
		if m.chance(0.2) {
			m.restart()
		}
	case 0: // its streams break
		m.breakStreams(l)
	case 1: // kill -9
		m.note("%s dies", l.id)
		l.up = false
		m.breakStreams(l)
		for _, x := range l.leases {
			x.queue, x.running, x.ended = nil, nil, nil
		}
		l.died++
		m.peers()
	case 2:
		l.up = true
		m.peers()
	case 3:
		l.paused = !l.paused
		for _, id := range slices.Sorted(maps.Keys(l.leases)) {
			x := l.leases[id]
			if x.connected {
				x.inbox = append(x.inbox, func() { m.s.onShare(x.id, m.share(l), m.now) })
			}
		}
	case 4: // the owner takes tasks back
		for _, id := range slices.Sorted(maps.Keys(l.leases)) {
			x := l.leases[id]
			back := append(slices.Clone(x.queue), x.running...)
			cause := []api.Cause{api.CauseWithdrawn, api.CauseLost}[m.rnd.IntN(2)]
			x.ended = append(x.ended, x.running...)
			x.queue, x.running = nil, nil
			if x.connected && len(back) > 0 {
				x.inbox = append(x.inbox, func() { m.note("given back %s %v", x.id, back); m.s.onGivenBack(x.id, back, cause, "owner", m.now) })
			}
		}
	case 5:
		m.now = m.now.Add(time.Duration(m.rnd.IntN(40)) * time.Second)
	}
}

func (m *sim) breakStreams(l *simLender) {
	for _, id := range slices.Sorted(maps.Keys(l.leases)) {
		x := l.leases[id]
		if x.connected {
			x.connected = false
			x.inbox = nil
			m.s.onBroken(x.id, m.now)
		}
	}
}
