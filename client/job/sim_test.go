package job

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
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
	unhad   map[simKey]bool           // may be acknowledged unrecorded: outputs could not be fetched, or it was called back
	begun   map[api.TaskID]int        // by lenders, in all
	late    []func()                  // messages of broken streams, delivered too late
	leaseN  int
	chaos   bool
	log     []string
	failing float64 // share of results that fail
}

type simKey struct {
	lease api.LeaseID
	key   lease.Key
}

type simStep struct {
	row   *api.Task
	lease api.LeaseID
	key   lease.Key
	ack   []lease.Key
	kind  actionKind
	mild  bool // what has begun goes on
}

type simLender struct {
	id     api.PeerID
	liar   bool
	old    bool // of before Cancel.Unbegun and Grant.Memory
	up     bool
	paused bool
	died   int
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
	ended     []lease.Key // begun and given back, since it died last
	inbox     []func()    // to the scheduler, in order
}

func (m *sim) chance(p float64) bool { return m.rnd.Float64() < p }
func (m *sim) note(format string, args ...any) {
	m.log = append(m.log, fmt.Sprintf("%8s ", m.now.Sub(time.Unix(0, 0)))+fmt.Sprintf(format, args...))
}

func newSim(seed uint64) *sim {
	m := &sim{rnd: rand.New(rand.NewPCG(seed, 1)), now: time.Unix(0, 0), rows: map[api.TaskID][]api.Task{}, unhad: map[simKey]bool{}, begun: map[api.TaskID]int{}, chaos: true}
	tasks := int64(1 + m.rnd.IntN(120))
	spec := batch(tasks)
	spec.Retry = m.rnd.IntN(3)
	if tasks < 10 || m.chance(0.5) { // of few tasks no time is usual, and without a limit one that never ends is waited for
		spec.Limits.Wall = api.Duration(time.Minute)
	}
	m.failing = []float64{0, 0, 0.05, 0.3}[m.rnd.IntN(4)]
	n := 1 + m.rnd.IntN(5)
	for i := range n {
		l := &simLender{id: api.PeerID(fmt.Sprint("L", i)), up: true, slots: 1 + m.rnd.IntN(4), leases: map[api.LeaseID]*simLease{}}
		l.liar = i > 0 && m.chance(0.2)
		l.old = m.chance(0.15)
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
	p, err := compile(spec, nil)
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
		if a.kind == actCancel && !a.unbegun {
			for _, k := range a.keys {
				m.unhad[simKey{a.lease, k}] = true
			}
		}
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
			m.journal = append(m.journal, simStep{kind: a.kind, lease: a.lease, ack: a.keys, mild: a.unbegun})
		case actDrop:
			if x := m.lease(a.lease); x != nil {
				delete(x.l.leases, a.lease)
			}
		case actFetch:
			m.fetches = append(m.fetches, a)
		case actWaits:
			m.journal = append(m.journal, simStep{kind: actWaits, row: &a.row})
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
		g := lease.Grant{Share: m.share(x.l), Running: append(slices.Clone(x.running), x.queue...), Finished: sortKeys(slices.Collect(maps.Keys(x.held))),
			Memory: fmt.Sprint("after ", x.l.died), Ended: x.ended}
		if x.l.old {
			g.Memory, g.Ended = "", nil
		}
		if x.l.liar && m.chaos && m.chance(0.3) {
			g.Running = append(g.Running, lease.Key{Task: api.TaskID(m.rnd.IntN(200)), Attempt: 1}, lease.Key{Task: -5, Attempt: -1})
		}
		for _, k := range g.Finished {
			x.inbox = append(x.inbox, m.sends(x, x.held[k]))
		}
		m.note("granted %s %+v", x.id, g)
		m.s.onGranted(x.id, g, m.now)
		if began := slices.Clone(x.running); len(began) > 0 && !x.l.old {
			x.inbox = append([]func(){func() { m.s.onStarted(x.id, began, m.now) }}, x.inbox...)
		}
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
		case actWaits:
			m.rows[st.row.ID] = append(m.rows[st.row.ID], *st.row)
		case actAssign: // restart: never
			for _, k := range st.ack {
				m.rows[k.Task] = append(m.rows[k.Task], api.Task{ID: k.Task, State: api.TaskRunning, Attempt: k.Attempt, Failures: int(m.s.tasks[k.Task].fails)})
			}
			if keys := m.s.send(st.lease, st.ack); x != nil && x.connected {
				x.queue = append(x.queue, keys...)
			}
		case actAck:
			for _, k := range st.ack {
				if x == nil {
					continue
				}
				if _, held := x.held[k]; held && !x.l.liar && len(m.rows[k.Task]) == 0 && !m.unhad[simKey{st.lease, k}] && !m.s.state.Terminal() && m.s.valid(k) && m.s.tasks[k.Task].attempt == k.Attempt {
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
			x.queue = slices.DeleteFunc(x.queue, drop)
			if !st.mild || x.l.old {
				for _, k := range x.running {
					if t, tk := m.s.leases[x.id], m.s.tasks[k.Task]; slices.Contains(st.ack, k) && t != nil && t.out[k] != nil && tk.state == running && tk.live == 1 && !x.l.liar && !st.mild {
						return fmt.Errorf("%v was ended while it ran, and its task runs nowhere else", k)
					}
				}
				x.running = slices.DeleteFunc(x.running, drop)
			}
			if len(back) > 0 {
				x.inbox = append(x.inbox, func() {
					m.note("canceled %s %v", x.id, back)
					m.s.onGivenBack(x.id, back, api.CauseCanceled, "canceled", m.now)
				})
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
		m.unhad[simKey{a.lease, a.result.Key}] = true
	}
	m.s.onFetched(a.lease, a.result, err, m.now)
}
