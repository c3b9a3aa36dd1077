package job

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Times of the engine.
const (
	tick       = 100 * time.Millisecond // while a lease is open
	idleTick   = time.Second            // while a job waits
	eventEvery = 200 * time.Millisecond // progress of one job
	saveEvery  = 2 * time.Second        // what a job's row says beyond its tasks' rows
	maxPending = 10_000                 // events waiting for OnEvent
	quietAbove = 100                    // ended tasks a second beyond which only failures are events
)

// Config is what an engine needs. All but Images, Looking, Strategies and OnEvent are required.
type Config struct {
	Self  api.PeerID
	Store Store
	Dial  Dialer
	Peers Directory
	Blobs Blobs
	Fetch Fetcher
	Log   *slog.Logger
	// Images finds images on this node's container engine; nil: there is none.
	Images Images
	// Looking tells whether this node is still finding out what it can lend; nil: it knows.
	Looking func() bool
	// Strategies are those that jobs may name beside spread and pin.
	Strategies map[string]NewStrategy
	// OnEvent is told of jobs (every state change, and progress at most five times
	// a second each) and of tasks that ended (all of them up to 100 a second, beyond
	// that only those that failed). It is called without locks held, one call at a
	// time; events wait for it, and beyond 10,000 waiting task events are dropped.
	OnEvent func(api.Event)
}

// Engine runs this node's jobs on lenders. Its methods are safe for concurrent
// use; those that change something wait for [Engine.Run] to be running.
type Engine struct {
	cfg     Config
	log     *slog.Logger
	journal journal
	ready   chan struct{} // closed when the journal has been read
	stopped chan struct{} // closed when Run is over
	wake    chan struct{} // one slot: something for the loop
	ctx     context.Context
	work    sync.WaitGroup // leases and fetches

	mu      sync.Mutex // guards what follows and every scheduler; above conn.mu and journal.mu
	runs    map[api.JobID]*run
	past    map[api.JobID]*api.JobDetail // ended, without a scheduler
	order   []api.JobID                  // oldest first
	events  []api.Event
	peers   bool   // the directory changed
	trouble string // why the journal cannot be written, "" if it can
}

// run is a job with a scheduler.
type run struct {
	id    api.JobID
	plan  *plan
	sched *sched
	conns map[api.LeaseID]*conn
	live  liveOutput
	over  atomic.Bool // the job has ended

	dirty  bool
	told   time.Time
	named  map[api.PeerID]bool // lost an attempt, and followers were told of the node
	saved  time.Time
	halted string        // why results cannot be taken here
	bump   chan struct{} // closed and replaced when tasks ended
}

var errStopped = api.Errorf(api.KindUnavailable, "the job engine is not running")

// New makes an engine; it does nothing until Run. KindInternal when something
// is missing in cfg.
func New(cfg Config) (*Engine, error) {
	if cfg.Self == "" || cfg.Store == nil || cfg.Dial == nil || cfg.Peers == nil || cfg.Blobs == nil || cfg.Fetch == nil || cfg.Log == nil {
		return nil, api.Errorf(api.KindInternal, "the job engine's config is incomplete")
	}
	if cfg.OnEvent == nil {
		cfg.OnEvent = func(api.Event) {}
	}
	if cfg.Looking == nil {
		cfg.Looking = func() bool { return false }
	}
	return &Engine{cfg: cfg, log: cfg.Log, journal: journal{wake: make(chan struct{}, 1)}, ready: make(chan struct{}),
		stopped: make(chan struct{}), wake: make(chan struct{}, 1), runs: map[api.JobID]*run{}, past: map[api.JobID]*api.JobDetail{}}, nil
}

// Run reads the journal, resumes what was running, and works until ctx is done.
// It returns nil then, and when everything it started is gone; an error when the
// journal cannot be read. It may be called once.
func (e *Engine) Run(ctx context.Context) error {
	defer close(e.stopped)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e.ctx = ctx
	if err := e.reload(ctx); err != nil {
		return err
	}
	var own sync.WaitGroup
	own.Go(func() { e.writeJournal(ctx) })
	close(e.ready)
	e.loop(ctx)
	cancel()
	e.mu.Lock()
	e.mu.Unlock() //lint:ignore SA2001 whoever held it saw no end of ctx; nobody starts a lease after this
	e.work.Wait()
	own.Wait()
	return nil
}

// loop passes time to the schedulers, peers to everybody, and events to OnEvent.
func (e *Engine) loop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.wake:
		case <-timer.C:
		}
		e.mu.Lock()
		changed, any := e.peers, len(e.runs) > 0
		e.peers = false
		e.mu.Unlock()
		var peers []api.Peer
		if changed && any {
			peers = e.cfg.Peers.Peers()
		}
		now := time.Now()
		e.mu.Lock()
		every := time.Duration(0)
		for _, r := range e.runs {
			if changed {
				e.feed(r, peers, now)
			}
			r.sched.onTick(now)
			e.apply(r, now)
			e.progress(r, now)
			if len(r.conns) > 0 {
				every = tick
			} else if every == 0 {
				every = idleTick
			}
		}
		events := e.events
		e.events = nil
		e.mu.Unlock()
		for _, ev := range events {
			e.cfg.OnEvent(ev)
		}
		if every > 0 {
			timer.Reset(every)
		}
	}
}

// PeersChanged says that the directory changed. It never blocks.
func (e *Engine) PeersChanged() {
	e.mu.Lock()
	e.peers = true
	e.mu.Unlock()
	nudge(e.wake)
}

// feed tells a scheduler who is there, and the leases whose lender came or went.
func (e *Engine) feed(r *run, peers []api.Peer, now time.Time) {
	was := make(map[api.PeerID]node, len(r.conns))
	for _, c := range r.conns {
		if n := r.sched.nodes[c.peer]; n != nil {
			was[c.peer] = *n
		}
	}
	r.sched.onPeers(peers, now)
	for _, c := range r.conns {
		n := r.sched.nodes[c.peer]
		switch {
		case n == nil:
		case n.heard && !was[c.peer].heard:
			nudge(c.kick)
		case !n.alive && was[c.peer].alive:
			c.cut()
		}
	}
}

// event is one event of one job, with everything that follows from it.
func (e *Engine) event(r *run, fn func(s *sched, now time.Time)) {
	e.mu.Lock()
	e.eventLocked(r, fn)
	e.mu.Unlock()
}

func (e *Engine) eventLocked(r *run, fn func(s *sched, now time.Time)) {
	now := time.Now()
	fn(r.sched, now)
	e.apply(r, now)
}

// save has the job's row written.
func (e *Engine) save(r *run, now time.Time) {
	r.saved = now
	e.journal.add(entry{r: r, job: &api.JobDetail{Job: r.sched.job(now), Spec: r.plan.spec}})
}

// tell makes an event of how the job stands.
func (e *Engine) tell(r *run, now time.Time) {
	j := e.jobView(r, now)
	r.told, r.dirty = now, false
	e.emit(api.Event{Time: now.UTC(), Type: api.EventJob, Job: &j, JobID: r.id})
}

// progress tells and saves what changed, not too often.
func (e *Engine) progress(r *run, now time.Time) {
	if !r.dirty || now.Sub(r.told) < eventEvery || r.over.Load() {
		return
	}
	e.tell(r, now)
	if now.Sub(r.saved) >= saveEvery {
		e.save(r, now)
	}
}

// taskEnded makes an event of a recorded result.
func (e *Engine) taskEnded(r *run, row api.Task, now time.Time) {
	r.live.end(row)
	r.wakeFollowers()
	if row.State == api.TaskDone && r.sched.meter.rate(now) > quietAbove {
		return
	}
	row.Each = r.plan.array.values(row.ID)
	e.emit(api.Event{Time: now.UTC(), Type: api.EventTask, JobID: r.id, Task: &row})
}

// wakeFollowers lets those that follow a task look whether it has ended.
func (r *run) wakeFollowers() {
	close(r.bump)
	r.bump = make(chan struct{})
}

func (e *Engine) emit(ev api.Event) {
	if len(e.events) < maxPending || ev.Type == api.EventJob {
		e.events = append(e.events, ev)
	}
	nudge(e.wake)
}

func (e *Engine) setTrouble(why string) {
	e.mu.Lock()
	e.trouble = why
	e.mu.Unlock()
}

// jobView is the job with what the engine knows beside the scheduler.
func (e *Engine) jobView(r *run, now time.Time) api.Job {
	j := r.sched.job(now)
	if !j.State.Terminal() {
		switch {
		case e.trouble != "":
			j.Reason = e.trouble
		case r.halted != "":
			j.Reason = r.halted
		}
	}
	return j
}

// retire drops the scheduler of a job that has ended and owes nobody anything.
func (e *Engine) retire(r *run, now time.Time) {
	if e.runs[r.id] == r {
		delete(e.runs, r.id)
		e.past[r.id] = &api.JobDetail{Job: r.sched.job(now), Spec: r.plan.spec}
	}
}

func newLeaseID() api.LeaseID { return api.LeaseID(ulid.Make().String()) }
