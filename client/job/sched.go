package job

import (
	"fmt"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// Times and bounds of the scheduler.
const (
	settleFor    = 500 * time.Millisecond // how long lenders keep to their share of a new job, and one that was just asked has it kept
	idleFor      = 5 * time.Second        // an unused lease is given up after this
	boredAfter   = time.Second            // an idle lender that long gets tasks again that it gave back
	stealAfter   = 200 * time.Millisecond // a task queued this long elsewhere may be called back by an idle lender
	beginWithin  = 5 * time.Minute        // a task that has not begun by then where there is a slot for it may run elsewhere; its inputs may be large
	stuckAfter   = time.Second            // after this on a lender that is silent or paused, a copy is made
	slowFactor   = 2                      // a task running this many times the usual (and slowFloor) gets a copy
	slowFloor    = time.Second
	crashLimit   = 3       // machines lost under a task before it is blamed
	doubtAfter   = 3       // failures in a row before a machine gets no more than it runs at once
	lostStreak   = 20      // tasks lost in a row before a machine is set aside
	maxLeases    = 256     // of one job at once
	maxCredit    = 10_000  // believed of one lender
	maxMemory    = 64      // bytes of a lender's name for it
	maxUnsettled = 5_000   // results of one lease on their way into the journal before it gets no more tasks
	maxAttempts  = 1 << 20 // of one task, then it fails
	badLuck      = 0.001   // a streak of failures less likely than this is the machine's
	invalidLimit = 3       // lenders that call the job nonsense before it is believed
)

type taskState uint8

const (
	waiting   taskState = iota
	running             // at least one attempt is outstanding
	recording           // its result is on the way into the journal
	done
	failed
	canceled
)

func (s taskState) terminal() bool { return s >= done }

func (s taskState) api() api.TaskState {
	return [...]api.TaskState{api.TaskWaiting, api.TaskRunning, api.TaskRunning, api.TaskDone, api.TaskFailed, api.TaskCanceled}[s]
}

// task is all that is kept per task of an unfinished job: 16 bytes.
type task struct {
	state   taskState
	live    uint8 // attempts outstanding
	fails   uint8
	kills   uint8       // entries used in killed
	attempt api.Attempt // the last one given out
	avoid   uint16      // 1 + index of the node that should not get it next
	killed  [crashLimit - 1]uint16
}

// attempt is one try, outstanding under a lease.
type attempt struct {
	state    attemptState
	called   recall
	unsent   bool // it waits for the journal before it is sent
	suspect  bool // its task would be blamed for the next machine lost under it
	assigned time.Time
	started  time.Time
	calledAt time.Time
}

// recall is what was asked for of an attempt.
type recall uint8

const (
	notCalled     recall = iota
	calledUnbegun        // it comes back if it has not begun
	calledAnyhow
)

type attemptState uint8

const (
	attQueued    attemptState = iota
	attRunning                // the lender said so
	attHeld                   // the lender has its result and is about to send it
	attFetching               // its outputs are being fetched
	attRecording              // its result is on the way into the journal
)

// node is a lender as one job sees it. It outlives its leases.
type node struct {
	id    api.PeerID
	index uint16
	peer  api.Peer
	alive bool
	heard bool   // it answers; alive are also those of which nobody knows yet
	unfit string // why it may not run this job, "" if it may
	aside string // why the job uses it no more
	lease *tenure

	looks     time.Time // when it first said that it is looked at
	notBefore time.Time // no lease and no task before this
	refusals  int       // in a row
	refused   string    // the last refusal in words
	invalid   bool      // the refusal said that the job is nonsense

	done, failed, lost     int64
	busy                   time.Duration
	failStreak, lossStreak int
}

type phase uint8

const (
	opening  phase = iota // asked, no answer yet
	resuming              // known from the journal, no answer yet
	open
	broken    // the stream is gone, the tasks are still ours to wait for
	lost      // taken for lost; what it had runs elsewhere
	releasing // asked to end
)

// tenure is a lease as the scheduler sees it.
type tenure struct {
	id    api.LeaseID
	node  *node
	phase phase
	since time.Time // of the phase, or of the lender's last change of mind
	old   bool      // of before a restart, and not heard from yet
	knows string    // the lender's memory, by its last Grant
	share lease.Share
	out   map[lease.Key]*attempt
	late  map[lease.Key]struct{} // was out when the lease was lost; still welcome
	// unwanted turned out to be there on a resume and were canceled. The lender
	// counts them until it has answered, and an Assign may overtake the Cancel; so
	// do we, until unwantedTill.
	unwanted     map[lease.Key]struct{}
	unwantedTill time.Time

	queued    int // of out
	over      int // of out: ended there, not yet in the journal here
	suspects  int // of out
	idleSince time.Time
	fullAt    time.Time // when it last had more to run than slots
	rate      float64   // results a second
	rateFrom  time.Time
	rateN     int
	took      time.Duration // of a task that was done, on average
}

// sched is the scheduler of one job: pure, and not safe for concurrent use.
type sched struct {
	id       api.JobID
	plan     *plan
	newLease func() api.LeaseID

	tasks  []task
	queue  queue
	count  api.TaskCounts // Running includes those queued at a lender and those being recorded; Queued is not kept
	nodes  map[api.PeerID]*node
	byIdx  []*node
	leases map[api.LeaseID]*tenure

	state   api.JobState
	reason  string // why it was paused or ended
	created time.Time
	ended   time.Time
	began   time.Time // when the first lender was there
	lostN   int64
	bytes   int64

	known      map[api.LeaseID]time.Time // leases of before a restart, and how long their answer is waited for
	limbo      bool                      // tasks that may not run again were running when the node stopped
	times      sample
	meter      meter
	stragglers int // attempts that an idle lender should relieve
	unrelieved int // slots for stragglers that no lease has, and none was asked for
	slowFloor  time.Duration
	defects    []string // broken invariants, for the log

	acts []action
}

type actionKind uint8

const (
	actOpen    actionKind = iota // ask peer for a lease
	actAssign                    // send keys
	actCancel                    // send keys
	actAck                       // send keys, after everything recorded before
	actRelease                   // send
	actDrop                      // break the stream and forget the lease
	actFetch                     // fetch the outputs of results, then onFetched
	actRecord                    // journal row, then onRecorded
	actLost                      // tell that an attempt (row) that ran is over and its task waits again
	actWaits                     // journal row: what was given may be given again
	actEnded                     // the job has ended
	actChanged                   // the job's own state changed
)

type action struct {
	kind    actionKind
	lease   api.LeaseID
	peer    api.PeerID
	keys    []lease.Key
	reason  string
	unbegun bool // of actCancel: what has begun goes on
	result  lease.Result
	bare    bool // fetch nothing: the outputs will not be kept
	row     api.Task
}

func newSched(id api.JobID, p *plan, newLease func() api.LeaseID, now time.Time) *sched {
	n := p.array.n
	return &sched{id: id, plan: p, newLease: newLease, tasks: make([]task, n), queue: newQueue(p.strategy.Lanes(), n),
		count: api.TaskCounts{Total: n, Waiting: n}, nodes: map[api.PeerID]*node{}, leases: map[api.LeaseID]*tenure{},
		known: map[api.LeaseID]time.Time{}, state: api.JobRunning, created: now, slowFloor: slowFloor}
}

// take hands over the actions that have come up.
func (s *sched) take() []action {
	a := s.acts
	s.acts = nil
	return a
}

func (s *sched) act(a action) { s.acts = append(s.acts, a) }

func (s *sched) never() bool { return s.plan.spec.Restart == restartNever }

// defect reports a broken invariant of ours; what it was about has been dropped.
func (s *sched) defect(format string, args ...any) {
	if len(s.defects) < 100 {
		s.defects = append(s.defects, fmt.Sprintf(format, args...))
	}
}

// set moves a task to a state and keeps the counts.
func (s *sched) set(id api.TaskID, to taskState) {
	t := &s.tasks[id]
	if t.state == to {
		return
	}
	*s.counter(t.state)--
	*s.counter(to)++
	t.state = to
}

func (s *sched) counter(st taskState) *int64 {
	switch st {
	case waiting:
		return &s.count.Waiting
	case done:
		return &s.count.Done
	case failed:
		return &s.count.Failed
	case canceled:
		return &s.count.Canceled
	default:
		return &s.count.Running
	}
}

func (s *sched) waiting(id api.TaskID) bool { return s.tasks[id].state == waiting }

// valid tells whether a key names a task of the job and an attempt that was given out.
func (s *sched) valid(k lease.Key) bool {
	return k.Task >= 0 && int64(k.Task) < s.count.Total && k.Attempt > 0 && k.Attempt <= s.tasks[k.Task].attempt
}

// requeue puts a task without attempts back, to be tried on another node if there is one.
func (s *sched) requeue(id api.TaskID, avoid *node) {
	s.set(id, waiting)
	if avoid != nil {
		s.tasks[id].avoid = avoid.index + 1
	}
	s.queue.push(id)
}

// takeBack is requeue of a task that was given out and of which the journal, under
// restart: never, says so.
func (s *sched) takeBack(id api.TaskID, avoid *node) {
	s.requeue(id, avoid)
	if !s.never() {
		return
	}
	row := api.Task{ID: id, State: api.TaskWaiting, Attempt: s.tasks[id].attempt, Failures: int(s.tasks[id].fails)}
	if avoid != nil {
		row.Peer = avoid.id
	}
	s.act(action{kind: actWaits, row: row})
}

func (s *sched) node(id api.PeerID) *node {
	n := s.nodes[id]
	if n == nil {
		n = &node{id: id, index: uint16(len(s.byIdx)), unfit: "not known here"}
		s.nodes[id] = n
		s.byIdx = append(s.byIdx, n)
	}
	return n
}

// add puts an attempt under a lease.
func (t *tenure) add(k lease.Key, a *attempt) {
	t.out[k] = a
	t.tally(a, 1)
}

// move brings an attempt to its next state.
func (t *tenure) move(a *attempt, to attemptState) {
	t.tally(a, -1)
	a.state = to
	t.tally(a, 1)
}

// remove takes an attempt off a lease.
func (t *tenure) remove(k lease.Key, a *attempt) {
	delete(t.out, k)
	t.tally(a, -1)
}

func (t *tenure) tally(a *attempt, by int) {
	switch {
	case a.state == attQueued:
		t.queued += by
	case a.state >= attHeld:
		t.over += by
	}
	if a.suspect {
		t.suspects += by
	}
}

// active is how many attempts the lender still has to do: what credit counts.
func (t *tenure) active() int { return len(t.out) - t.over + len(t.unwanted) }

func (t *tenure) to(p phase, now time.Time) { t.phase, t.since = p, now }
