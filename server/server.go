package server

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	goruntime "runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shirou/gopsutil/v4/mem"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/policy"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// Server lends this machine. Its methods are safe for concurrent use.
type Server struct {
	cfg      Config
	log      *slog.Logger
	machine  api.Resources
	runtimes map[api.RuntimeName]runtime.Runtime
	journal  *journal
	ready    chan struct{}              // closed when Run serves
	limits   atomic.Pointer[api.Limits] // effective; never changed in place
	commit   sync.Mutex                 // serialises changes of the settings; taken before mu
	work     sync.WaitGroup             // slots, stagers and what ends them
	talks    sync.WaitGroup             // streams
	untidy   chan struct{}              // a closed sandbox left something to remove
	refused  atomic.Int64
	lendable atomic.Int64 // bytes of disk, at the last look

	// mu guards what follows, and loans, peers, slots and attempts. It is never
	// held across I/O or a callback. Lock order: commit, mu, then session.mu or
	// journal.mu, which are leaves.
	mu      sync.Mutex
	rules   []api.Rule // effective
	infos   map[api.RuntimeName]api.RuntimeInfo
	said    lease.Lending // by the owner, last
	hours   api.Hours     // in which he lends
	use     watch         // of the machine, by him
	lent    time.Duration // processor time of all guests so far
	aside   float64       // cores at work for guests that nobody measures
	state   api.LendState // open, paused or draining: what comes of both
	reason  string
	down    bool // Run is stopping
	up      bool // Run serves
	loans   map[api.LeaseID]*loan
	peers   map[api.PeerID]*peer
	slots   map[api.SandboxID]*slot
	guests  map[api.SandboxID]*guest
	streams int
	turns   uint64
	stored  int64    // bytes of blobs held for all borrowers
	after   []func() // callbacks for when mu is free
	dirty   bool     // Status differs from what OnChange last saw
}

// New makes a server from what the owner decided. It starts nothing.
func New(cfg Config) (*Server, error) {
	if cfg.Blobs == nil || cfg.Fetch == nil || cfg.Store == nil || cfg.Settings == nil {
		return nil, api.Errorf(api.KindInternal, "a server needs blobs, fetch, store and settings")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		cfg: cfg, log: cfg.Log, machine: measured(cfg.Machine),
		runtimes: map[api.RuntimeName]runtime.Runtime{},
		ready:    make(chan struct{}), untidy: make(chan struct{}, 1),
		infos: map[api.RuntimeName]api.RuntimeInfo{}, state: api.LendOpen, said: lease.Lending{State: api.LendOpen},
		loans: map[api.LeaseID]*loan{}, peers: map[api.PeerID]*peer{}, slots: map[api.SandboxID]*slot{}, guests: map[api.SandboxID]*guest{},
	}
	for _, r := range cfg.Runtimes {
		if _, twice := s.runtimes[r.Name()]; twice {
			return nil, api.Errorf(api.KindInternal, "two runtimes are named %s", r.Name())
		}
		s.runtimes[r.Name()] = r
	}
	if cfg.Disk != nil {
		total, _, err := cfg.Disk()
		if err != nil {
			return nil, api.Errorf(api.KindInternal, "the disk cannot be looked at: %w", err)
		}
		s.machine.Disk = total
	}
	s.use = newWatch(s.machine.CPU, time.Now())
	s.lendable.Store(math.MaxInt64) // where it is not known, nothing bounds it
	s.lendable.Store(s.look())
	limits, rules := cfg.Settings.Load()
	if err := errors.Join(policy.CheckLimits(limits, s.machine), policy.CheckRules(rules)); err != nil {
		return nil, err
	}
	s.adopt(limits, rules)
	s.journal = &journal{store: cfg.Store, blobs: cfg.Blobs, log: cfg.Log, gather: cfg.Gather, saved: s.saved, pinning: s.pinning, wake: make(chan struct{}, 1)}
	return s, nil
}

// measured fills in what the caller did not know of this machine.
func measured(m api.Resources) api.Resources {
	if m.CPU <= 0 {
		m.CPU = float64(goruntime.NumCPU())
	}
	if m.Memory <= 0 {
		m.Memory = 2 << 30
		if v, err := mem.VirtualMemory(); err == nil {
			m.Memory = int64(v.Total)
		}
	}
	return m
}

// adopt makes settings effective. The caller holds mu, or nobody else knows s.
func (s *Server) adopt(l api.Limits, rules []api.Rule) {
	s.adoptLimits(l)
	s.rules = slices.Clone(rules)
	if rules == nil {
		s.rules = policy.Default(s.limits.Load().Runtimes)
	}
}

// adoptLimits is adopt of limits alone.
func (s *Server) adoptLimits(l api.Limits) {
	eff := policy.OnDisk(policy.Effective(l, s.machine), s.lendable.Load())
	s.limits.Store(&eff)
	s.hours, _ = api.ParseHours(eff.Hours) // checked when they were set
}

// unlock releases mu and then tells whoever listens what happened.
func (s *Server) unlock() {
	after, dirty := s.after, s.dirty
	s.after, s.dirty = nil, false
	s.mu.Unlock()
	for _, fn := range after {
		fn()
	}
	if dirty && s.cfg.OnChange != nil {
		s.cfg.OnChange()
	}
}

// emitLocked tells of an event once mu is free.
func (s *Server) emitLocked(e api.Event) {
	if s.cfg.OnEvent == nil {
		return
	}
	e.Time = time.Now().UTC()
	s.after = append(s.after, func() { s.cfg.OnEvent(e) })
}

// Run recovers what an earlier process left, serves until ctx ends, then gives
// everything back and returns when all it started is gone.
func (s *Server) Run(ctx context.Context) error {
	defer s.refuseAll()
	if err := s.recover(ctx); err != nil {
		return err
	}
	stopJournal, journalDone := make(chan struct{}), make(chan struct{})
	last := context.WithoutCancel(ctx) // what is finished is written even when asked to stop
	go func() {
		defer close(journalDone)
		s.journal.run(last, stopJournal)
	}()
	stopTidy, tidied := make(chan struct{}), make(chan struct{})
	tidying, giveUp := context.WithCancel(last)
	defer giveUp()
	go func() {
		defer close(tidied)
		s.tidy(tidying, stopTidy)
	}()
	s.mu.Lock()
	s.up, s.dirty = true, true
	s.unlock()
	close(s.ready)
	var probes sync.WaitGroup
	probes.Go(func() { s.probeUntil(ctx) })
	s.tickUntil(ctx)
	probes.Wait()
	s.shutDown()
	close(stopJournal)
	<-journalDone
	close(stopTidy)
	late := time.AfterFunc(tidyWait, giveUp)
	defer late.Stop()
	<-tidied
	return nil
}

// recover removes what the runtimes left running, asks what they can do, and
// takes back the results that borrowers have not acknowledged.
func (s *Server) recover(ctx context.Context) error {
	for name, r := range s.runtimes {
		left, err := r.Recover(ctx)
		if err != nil {
			return api.Errorf(api.KindInternal, "what runtime %s left behind cannot be removed: %w", name, err)
		}
		for _, sb := range left {
			if err := closeSandbox(sb); err != nil {
				s.log.Error("a sandbox of an earlier process cannot be closed", "sandbox", sb.ID(), "err", err)
			}
		}
		if err := s.probe(ctx, r); err != nil {
			return err
		}
	}
	saved, err := s.cfg.Store.LoadLending(ctx)
	if err != nil {
		return err
	}
	return s.restore(ctx, saved)
}

// restore makes loans of the leases that hold results, and forgets the others:
// a borrower may resume a lease that is not known.
func (s *Server) restore(ctx context.Context, saved lease.Journal) error {
	byLease := map[api.LeaseID][]lease.Held{}
	for _, h := range saved.Held {
		byLease[h.Lease] = append(byLease[h.Lease], h)
	}
	if err := s.unpinTorn(ctx, saved.Held); err != nil {
		return err
	}
	var over []api.LeaseID
	for _, rec := range saved.Leases {
		hs := byLease[rec.Lease]
		lastPin := int64(0)
		for _, h := range hs {
			lastPin = max(lastPin, h.Pin)
		}
		if len(hs) == 0 {
			over = append(over, rec.Lease)
			continue
		}
		stored, err := s.storedBytes(ctx, rec.Lease, hs)
		if err != nil {
			return err
		}
		name := s.name(rec.Borrower)
		s.mu.Lock()
		l := s.addLoanLocked(name, api.Caller{Peer: rec.Borrower}, lease.Open{Lease: rec.Lease, Job: rec.Job, JobName: rec.JobName, Runtime: rec.Runtime})
		l.restored, l.since, l.lastPin = true, rec.Since, lastPin
		l.recorded.Store(true)
		for _, h := range hs {
			s.holdLocked(l, h.Key, held{pin: h.Pin, size: h.Size, stored: stored[h.Key]})
			if h.Pin > 0 {
				l.pins[h.Pin]++
			}
		}
		s.unlock()
	}
	s.mu.Lock()
	if st := saved.Lending; st.State == api.LendPaused || st.State == api.LendDraining {
		s.said = st
	}
	now := s.dueLocked(time.Now())
	s.state, s.reason = now.State, now.Reason
	s.unlock()
	if len(over) == 0 {
		return nil
	}
	return s.cfg.Store.Apply(ctx, lease.Batch{End: over})
}

// storedBytes is how many bytes of blobs each result has, as the journal says.
func (s *Server) storedBytes(ctx context.Context, id api.LeaseID, hs []lease.Held) (map[lease.Key]int64, error) {
	stored := map[lease.Key]int64{}
	var keys []lease.Key
	for _, h := range hs {
		if h.Pin > 0 {
			keys = append(keys, h.Key)
		}
	}
	for some := range slices.Chunk(keys, lease.MaxBatch) {
		saved, err := s.cfg.Store.Results(ctx, id, some)
		if err != nil {
			return nil, err
		}
		for _, h := range saved {
			var r lease.Result
			if err := json.Unmarshal(h.Result, &r); err != nil {
				return nil, api.Errorf(api.KindCorrupt, "the journal's result of task %d: %w", h.Task, err)
			}
			_, stored[h.Key] = blobsOf(&r)
		}
	}
	return stored, nil
}

// unpinTorn drops the pins that no held result needs: those of a batch that was
// never written, of results that were acknowledged, and of staging that is over.
func (s *Server) unpinTorn(ctx context.Context, results []lease.Held) error {
	needed := map[string]bool{}
	for _, h := range results {
		needed[pinOwner(h.Lease, h.Pin)] = true
	}
	owners, err := s.cfg.Blobs.Owners(ctx, pinPrefix)
	if err != nil {
		return err
	}
	for _, owner := range owners {
		if needed[owner] {
			continue
		}
		if err := s.cfg.Blobs.Unpin(ctx, owner); err != nil {
			return err
		}
	}
	return nil
}

// refuseAll lets whoever waits for Run go on and be refused.
func (s *Server) refuseAll() {
	s.mu.Lock()
	s.down = true
	s.unlock()
	select {
	case <-s.ready:
	default:
		close(s.ready)
	}
}

// shutDown gives everything back and waits until it is gone.
func (s *Server) shutDown() {
	s.mu.Lock()
	s.down = true
	why := ending{api.CauseWithdrawn, "the node is shutting down"}
	for _, l := range s.loans {
		s.giveBackAllLocked(l, why)
		for sl := range l.slots {
			s.stopSlotLocked(sl, &why)
		}
		s.creditLocked(l)
		l.cancel() // stagers
	}
	s.unlock()
	s.work.Wait()
	if err := s.journal.flush(context.Background()); err != nil {
		s.log.Error("the journal cannot be written at the end", "err", err)
	}
	s.mu.Lock()
	var open []*session
	for _, l := range s.loans {
		if se := l.out.Load(); se != nil {
			se.put(func(o *outbox) { o.closing = true })
			open = append(open, se)
		}
	}
	s.unlock()
	late := time.AfterFunc(byeWait, func() {
		for _, se := range open {
			reset(se.st)
		}
	})
	s.talks.Wait()
	late.Stop()
}

// byeWait is how long borrowers have to read the last messages.
const byeWait = 2 * time.Second
