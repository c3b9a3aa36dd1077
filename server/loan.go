package server

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// peer is a borrower that has leases here. Server.mu guards it.
type peer struct {
	id     api.PeerID
	name   string
	loans  int
	guests int    // long-lived containers
	given  int    // attempts that have not ended, over all leases
	bytes  int64  // of them
	held   int    // results not acknowledged, over all leases
	kept   int64  // bytes of them, in the journal
	stored int64  // bytes of blobs pinned for it: shared inputs, outputs of results
	served uint64 // when a slot was last given to it, in Server.turns
}

// loan is a lease as its lender keeps it. Server.mu guards it, but for what is
// said otherwise.
type loan struct {
	id     api.LeaseID
	peer   *peer
	who    api.Caller
	open   lease.Open // Needs filled in; only ids, job and runtime before a restored lease is resumed
	needs  api.Resources
	wanted int         // slots at most; 0: as many as there are
	live   atomic.Bool // its borrower watches
	since  time.Time

	ctx    context.Context // ends with the lease
	cancel context.CancelFunc
	work   sync.WaitGroup          // slots and stagers
	out    atomic.Pointer[session] // the stream that carries it now; nil if none

	restored bool        // read from the journal, not resumed yet
	recorded atomic.Bool // the journal knows it
	released bool        // no more tasks will come
	ended    bool        // only its remains are being removed
	seen     time.Time   // when its borrower was last heard
	active   time.Time   // when it last had something to do

	attempts map[lease.Key]*attempt // not finished, or finished and not yet on disk
	unstaged []*attempt             // wait for their inputs
	ready    []*attempt             // wait for a slot; may hold attempts that are over
	stagers  int
	common   common
	held     map[lease.Key]held
	pins     map[int64]int // results that still need each generation of pins
	lastPin  int64
	memory   string      // names the life of gaveUp
	gaveUp   []lease.Key // attempts that began and were given back

	slots   map[*slot]struct{}
	busy    int
	served  uint64
	starved time.Time // since when it could not be given a first slot; zero if it could

	barred  string    // why the owner's rules forbid it to run now
	hold    time.Time // nothing runs before; after failures and kills
	holdFor time.Duration
	why     ending // why it rests

	slotsDue int         // its fair share
	share    lease.Share // as last sent
	ceiling  int         // most credit ever told on this stream
	took     time.Duration
	size     int64 // bytes of an average task
}

// common is the state of the inputs that all tasks of a lease share.
type common struct {
	done   bool
	files  []runtime.File
	bytes  int64
	stored int64 // bytes pinned: files and module
	env    []string
	fault  string      // what is wrong with them, if that is the job's own doing
	image  api.ImageID // that tasks run in
	letGo  func()      // of the image; nil if none is held
}

// attemptState is where an attempt is.
type attemptState uint8

const (
	attemptStaging attemptState = iota // its inputs are on their way
	attemptReady
	attemptRunning
	attemptSaving // ended; its result is on its way to the journal
	attemptOver
)

// attempt is one task under way. Server.mu guards it.
type attempt struct {
	loan   *loan
	task   lease.Task
	bytes  int64
	stored int64 // bytes of its outputs, while it is being saved
	state  attemptState
	begun  bool // its command was started, or was about to be
	slot   *slot
	stop   *ending // why it is to end without a result; nil if it is not

	ctx    context.Context // of its command, once it has a slot
	cancel context.CancelFunc
	ended  chan struct{} // closed when the command ended; made by who asks for that
}

// ending is why something is taken away from a borrower.
type ending struct {
	cause  api.Cause
	reason string
}

// held is a finished result that waits for its acknowledgement; the result
// itself is in the journal.
type held struct {
	pin    int64
	size   int
	stored int64 // bytes of its outputs in the blob store
}

// maxGaveUp bounds what is remembered of a lease, and said to who resumes it.
const maxGaveUp = 1000

// forget begins a new memory. Its name is nothing but another than before.
func (l *loan) forget() {
	l.memory, l.gaveUp = strconv.FormatInt(time.Now().UnixNano(), 36), nil
}

// peek is the next attempt that wants a slot, or nil.
func (l *loan) peek() *attempt {
	for len(l.ready) > 0 {
		if at := l.ready[0]; at.state == attemptReady {
			return at
		}
		l.ready[0] = nil
		l.ready = l.ready[1:]
	}
	return nil
}

func (l *loan) pop() *attempt {
	at := l.peek()
	if at != nil {
		l.ready[0] = nil
		l.ready = l.ready[1:]
	}
	return at
}

// want is how many slots its borrower would take.
func (l *loan) want(most int) int {
	if l.wanted <= 0 {
		return most
	}
	return min(l.wanted, most)
}

// idle tells whether nothing of it is left to do.
func (l *loan) idle() bool { return len(l.attempts) == 0 && len(l.held) == 0 }

func (l *loan) record() lease.Record {
	return lease.Record{Lease: l.id, Borrower: l.peer.id, Job: l.open.Job, JobName: l.open.JobName, Runtime: l.open.Runtime, Since: l.since}
}
