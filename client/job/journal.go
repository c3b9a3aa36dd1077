package job

import (
	"context"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// journalBatch bounds the rows of one commit.
const journalBatch = 4096

// gather is the least time between two commits: results that come one by one
// are written at once, those of a stream of small tasks share a commit.
const gather = 20 * time.Millisecond

// entry is a step of the journal. Steps are taken in order; rows and jobs of a
// batch become durable together before anything after them happens, so an Ack
// behind a row never overtakes it.
type entry struct {
	r     *run
	row   *api.Task
	lease api.LeaseID // row: whose result it is; empty if nobody's
	key   lease.Key
	given bool           // row: an assignment that must be known before it is sent
	job   *api.JobDetail // how the job stands
	then  func()         // runs when all before it is durable; must not block
	done  chan struct{}  // closed when all before it is durable
}

// journal is the queue of what must become durable.
type journal struct {
	wake chan struct{}
	mu   sync.Mutex // guards q; a leaf
	q    []entry
}

func (j *journal) add(e entry) {
	j.mu.Lock()
	j.q = append(j.q, e)
	j.mu.Unlock()
	nudge(j.wake)
}

func (j *journal) take() []entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := min(len(j.q), journalBatch)
	batch := j.q[:n:n]
	if j.q = j.q[n:]; len(j.q) == 0 {
		j.q = nil
	}
	return batch
}

// writeJournal is the goroutine that writes. A write that fails is tried again until
// it works: until then nothing is acknowledged, so nothing is lost.
func (e *Engine) writeJournal(ctx context.Context) {
	var last time.Time
	for {
		if early := gather - time.Since(last); early > 0 {
			select {
			case <-time.After(early):
			case <-ctx.Done():
				return
			}
		}
		batch := e.journal.take()
		if len(batch) == 0 {
			select {
			case <-e.journal.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
			err := e.commit(ctx, batch)
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				return
			}
			e.log.Error("job journal; results wait at their lenders", "err", err)
			e.setTrouble("the journal here cannot be written: " + err.Error())
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return
			}
		}
		e.setTrouble("")
		e.committed(batch)
		last = time.Now()
	}
}

// commit makes the rows and jobs of a batch durable.
func (e *Engine) commit(ctx context.Context, batch []entry) error {
	rows := map[api.JobID][]api.Task{}
	jobs := map[api.JobID]*api.JobDetail{}
	var order []api.JobID
	for _, en := range batch {
		if en.row != nil {
			if rows[en.r.id] == nil {
				order = append(order, en.r.id)
			}
			rows[en.r.id] = append(rows[en.r.id], *en.row)
		}
		if en.job != nil {
			jobs[en.job.ID] = en.job // the last one counts
		}
	}
	for _, id := range order {
		if err := e.cfg.Store.SaveTasks(ctx, id, rows[id]); err != nil {
			return err
		}
	}
	for _, j := range jobs {
		if err := e.cfg.Store.SaveJob(ctx, *j); err != nil {
			return err
		}
	}
	return nil
}

// committed tells the schedulers, then does what waited for durability. A batch
// is one event for each job in it.
func (e *Engine) committed(batch []entry) {
	e.mu.Lock()
	now := time.Now()
	touched := map[*run]bool{}
	for i := range batch {
		en := &batch[i]
		switch {
		case en.row != nil && !en.given:
			en.r.sched.onRecorded(en.lease, en.key, *en.row, now)
			e.taskEnded(en.r, *en.row, now)
			touched[en.r] = true
		case en.then != nil:
			en.then()
		}
	}
	for r := range touched {
		e.apply(r, now)
	}
	e.mu.Unlock()
	for i := range batch {
		if batch[i].done != nil {
			close(batch[i].done)
		}
	}
}

// barrier returns when everything added before is durable.
func (e *Engine) barrier(ctx context.Context) error {
	done := make(chan struct{})
	e.journal.add(entry{done: done})
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-e.stopped:
		return errStopped
	}
}
