package job

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

var (
	seedFlag = flag.Uint64("seed", 0, "run the simulation with this seed only")
	simRuns  = flag.Int("sims", 400, "how many simulations to run")
)

// sim drives a scheduler with random events: lenders that die, pause, come
// back, lie, finish late, send twice; a journal that is slow; fetches that fail.
// Time is a number. Everything follows from the seed.
type sim struct {
	rnd     *rand.Rand
	now     time.Time
	s       *sched
	lenders []*simLender
	journal []simStep
	fetches []action
	rows    map[api.TaskID][]api.Task // durable
	unhad   map[lease.Key]bool        // outputs could not be fetched
	late    []func()                  // messages of broken streams, delivered too late
	leaseN  int
	chaos   bool
	log     []string
	failing float64 // share of results that fail
}

type simStep struct {
	row   *api.Task
	lease api.LeaseID
	key   lease.Key
	ack   []lease.Key
	kind  actionKind
	then  func()
}

type simLender struct {
	id     api.PeerID
	liar   bool
	up     bool
	paused bool
	slots  int
	leases map[api.LeaseID]*simLease
}

type simLease struct {
	l         *simLender
	id        api.LeaseID
	connected bool
	lost      bool // the borrower was told
	releasing bool
	queue     []lease.Key
	running   []lease.Key
	held      map[lease.Key]lease.Result
	inbox     []func() // to the scheduler, in order
}

func (m *sim) chance(p float64) bool { return m.rnd.Float64() < p }
func (m *sim) note(format string, args ...any) {
	m.log = append(m.log, fmt.Sprintf("%8s ", m.now.Sub(time.Unix(0, 0)))+fmt.Sprintf(format, args...))
}

func newSim(seed uint64) *sim {
	m := &sim{rnd: rand.New(rand.NewPCG(seed, 1)), now: time.Unix(0, 0), rows: map[api.TaskID][]api.Task{}, unhad: map[lease.Key]bool{}, chaos: true}
	spec := batch(int64(1 + m.rnd.IntN(120)))
	spec.Retry = m.rnd.IntN(3)
	m.failing = []float64{0, 0, 0.05, 0.3}[m.rnd.IntN(4)]
	n := 1 + m.rnd.IntN(5)
	for i := range n {
		l := &simLender{id: api.PeerID(fmt.Sprint("L", i)), up: true, slots: 1 + m.rnd.IntN(4), leases: map[api.LeaseID]*simLease{}}
		l.liar = i > 0 && m.chance(0.2)
		m.lenders = append(m.lenders, l)
	}
	if m.chance(0.2) {
		spec.Restart = restartNever
		for _, l := range m.lenders {
			l.liar = false // without copies a lender that says it runs a task and does not holds it for ever
		}
	}
	if m.chance(0.2) {
		spec.Strategy = "pin"
		for _, l := range m.lenders {
			if !l.liar {
				spec.On = append(spec.On, l.id)
			}
		}
	}
	p, err := compile(spec)
	if err != nil {
		panic(err)
	}
	m.s = newSched("job", p, func() api.LeaseID { m.leaseN++; return api.LeaseID(fmt.Sprint("lease", m.leaseN)) }, m.now)
	m.peers()
	return m
}

func (m *sim) peers() {
	var ps []api.Peer
	for _, l := range m.lenders {
		p := fakePeer(l.id)
		if !l.up {
			p.State = api.PeerDead
		}
		ps = append(ps, p)
	}
	m.s.onPeers(ps, m.now)
}

func (m *sim) lease(id api.LeaseID) *simLease {
	for _, l := range m.lenders {
		if x := l.leases[id]; x != nil {
			return x
		}
	}
	return nil
}

// settle does what the scheduler wants, until it wants nothing.
func (m *sim) settle() {
	m.s.next(m.now)
	for _, a := range m.s.take() {
		m.note("act %d %s keys %v row %+v", a.kind, a.lease, a.keys, a.row.ID)
		switch a.kind {
		case actOpen:
			i := slices.IndexFunc(m.lenders, func(l *simLender) bool { return l.id == a.peer })
			l := m.lenders[i]
			l.leases[a.lease] = &simLease{l: l, id: a.lease, held: map[lease.Key]lease.Result{}}
			x := l.leases[a.lease]
			x.inbox = append(x.inbox, func() { m.answer(x, false) })
		case actAssign:
			if m.s.never() {
				m.journal = append(m.journal, simStep{kind: actAssign, lease: a.lease, ack: a.keys})
			} else if x := m.lease(a.lease); x != nil && x.connected {
				x.queue = append(x.queue, a.keys...)
			}
		case actCancel, actRelease, actAck:
			m.journal = append(m.journal, simStep{kind: a.kind, lease: a.lease, ack: a.keys})
		case actDrop:
			if x := m.lease(a.lease); x != nil {
				delete(x.l.leases, a.lease)
			}
		case actFetch:
			m.fetches = append(m.fetches, a)
		case actRecord:
			st := simStep{kind: actRecord, row: &a.row, lease: a.lease}
			if len(a.keys) > 0 {
				st.key = a.keys[0]
			}
			m.journal = append(m.journal, st)
		}
	}
}

// answer is the lender's Grant or Refuse.
func (m *sim) answer(x *simLease, resume bool) {
	switch {
	case !x.l.up && !resume:
		delete(x.l.leases, x.id)
		m.s.onRefused(x.id, api.KindUnavailable, "cannot be reached", m.now)
	case !x.l.up:
	case m.chaos && !resume && m.chance(0.1):
		delete(x.l.leases, x.id)
		m.s.onRefused(x.id, []api.Kind{api.KindQuota, api.KindDenied, api.KindUnavailable}[m.rnd.IntN(3)], "no", m.now)
	case m.chaos && resume && m.chance(0.1): // it forgot the lease
		delete(x.l.leases, x.id)
		m.s.onRefused(x.id, api.KindNotFound, "no such lease", m.now)
	default:
		x.connected, x.lost = true, false
		g := lease.Grant{Share: m.share(x.l), Running: append(slices.Clone(x.running), x.queue...), Finished: sortKeys(slices.Collect(maps.Keys(x.held)))}
		if x.l.liar && m.chaos && m.chance(0.3) {
			g.Running = append(g.Running, lease.Key{Task: api.TaskID(m.rnd.IntN(200)), Attempt: 1}, lease.Key{Task: -5, Attempt: -1})
		}
		for _, k := range g.Finished {
			x.inbox = append(x.inbox, m.sends(x, x.held[k]))
		}
		m.note("granted %s %+v", x.id, g)
		m.s.onGranted(x.id, g, m.now)
	}
}

func (m *sim) share(l *simLender) lease.Share {
	sh := lease.Share{Slots: l.slots, Credit: l.slots * 4, State: api.LendOpen}
	if l.paused {
		sh = lease.Share{Slots: 0, State: api.LendPaused, Reason: "paused"}
	}
	return sh
}

func (m *sim) sends(x *simLease, rs ...lease.Result) func() {
	return func() { m.note("finished %s %v", x.id, rs[0].Key); m.s.onFinished(x.id, rs, m.now) }
}

// commit makes the next steps of the journal durable.
func (m *sim) commit(n int) error {
	for ; n > 0 && len(m.journal) > 0; n-- {
		st := m.journal[0]
		m.journal = m.journal[1:]
		x := m.lease(st.lease)
		switch st.kind {
		case actRecord:
			m.rows[st.row.ID] = append(m.rows[st.row.ID], *st.row)
			m.s.onRecorded(st.lease, st.key, *st.row, m.now)
		case actAssign: // restart: never
			for _, k := range st.ack {
				m.rows[k.Task] = append(m.rows[k.Task], api.Task{ID: k.Task, State: api.TaskRunning, Attempt: k.Attempt, Failures: int(m.s.tasks[k.Task].fails)})
			}
			if x != nil && x.connected {
				x.queue = append(x.queue, st.ack...)
			}
		case actAck:
			for _, k := range st.ack {
				if x == nil {
					continue
				}
				if _, held := x.held[k]; held && !x.l.liar && len(m.rows[k.Task]) == 0 && !m.unhad[k] && !m.s.state.Terminal() && m.s.valid(k) && m.s.tasks[k.Task].attempt == k.Attempt {
					return fmt.Errorf("%v acknowledged, nothing of its task is in the journal", k)
				}
				if x.connected {
					delete(x.held, k)
				}
			}
		case actCancel:
			if x == nil || !x.connected {
				continue
			}
			var back []lease.Key
			drop := func(k lease.Key) bool {
				if slices.Contains(st.ack, k) {
					back = append(back, k)
					return true
				}
				return false
			}
			x.queue, x.running = slices.DeleteFunc(x.queue, drop), slices.DeleteFunc(x.running, drop)
			if len(back) > 0 {
				x.inbox = append(x.inbox, func() { m.s.onGivenBack(x.id, back, api.CauseCanceled, "canceled", m.now) })
			}
		case actRelease:
			if x != nil && x.connected {
				x.releasing = true
			}
		}
	}
	return nil
}

// step does one thing by chance.
func (m *sim) step() error {
	m.now = m.now.Add(time.Duration(m.rnd.IntN(50)) * time.Millisecond)
	l := m.lenders[m.rnd.IntN(len(m.lenders))]
	switch k := m.rnd.IntN(20); {
	case k < 3:
		m.s.onTick(m.now)
	case k < 6:
		if err := m.commit(1 + m.rnd.IntN(8)); err != nil {
			return err
		}
	case k < 9:
		m.fetched()
	case k < 18 || !m.chaos:
		m.work(l)
	default:
		m.harm(l)
	}
	m.settle()
	return m.s.checkInvariants()
}

func (m *sim) fetched() {
	if len(m.fetches) == 0 {
		return
	}
	i := m.rnd.IntN(len(m.fetches))
	a := m.fetches[i]
	m.fetches = slices.Delete(m.fetches, i, i+1)
	var err error
	if m.chaos && m.chance(0.05) {
		err = api.Errorf(api.KindNotFound, "gone")
		m.unhad[a.result.Key] = true
	}
	m.s.onFetched(a.lease, a.result, err, m.now)
}

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
			x.inbox = append(x.inbox, func() { m.s.onStarted(x.id, []lease.Key{k}, m.now) })
		}
		if len(x.running) > 0 && !l.paused && m.chance(0.7) {
			i := m.rnd.IntN(len(x.running))
			k := x.running[i]
			x.running = slices.Delete(x.running, i, i+1)
			r := lease.Result{Key: k}
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
			x.queue, x.running = nil, nil
		}
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
			if x.connected && len(back) > 0 {
				x.queue, x.running = nil, nil
				cause := []api.Cause{api.CauseWithdrawn, api.CauseLost}[m.rnd.IntN(2)]
				x.inbox = append(x.inbox, func() { m.s.onGivenBack(x.id, back, cause, "owner", m.now) })
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

// verdict: every task has one result that counts, and retries were spent on
// failures only.
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
				if row.State == api.TaskFailed && row.Cause == api.CauseLost && m.s.plan.spec.Restart != restartNever && len(m.lenders) < crashLimit {
					return fmt.Errorf("task %d failed because it was lost", id)
				}
			}
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
