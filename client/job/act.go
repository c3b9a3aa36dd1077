package job

import (
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// apply carries out what a scheduler wants, with mu held. Nothing here waits.
func (e *Engine) apply(r *run, now time.Time) {
	if e.ctx.Err() != nil {
		return // stopping: nothing may be started, and what is not journalled comes again
	}
	for r.sched.next(now); len(r.sched.acts) > 0; {
		for _, a := range r.sched.take() {
			e.do(r, a, now)
		}
	}
	for _, d := range r.sched.defects {
		e.log.Error("scheduler invariant broken; dropped what it was about", "job", r.id, "what", d)
	}
	r.sched.defects = nil
	r.dirty = true
	if r.over.Load() && len(r.conns) == 0 && r.sched.count.Running == 0 {
		e.retire(r, now)
	}
}

func (e *Engine) do(r *run, a action, now time.Time) {
	c := r.conns[a.lease]
	switch a.kind {
	case actOpen:
		c = e.newConn(r, a.lease, a.peer)
		r.conns[a.lease] = c
		e.work.Go(func() { c.run(false) })
		nudge(e.wake) // tick while it lives
	case actAssign:
		if c == nil {
			return
		}
		if r.sched.never() {
			for _, k := range a.keys {
				e.journal.add(entry{r: r, given: true, row: &api.Task{ID: k.Task, State: api.TaskRunning, Attempt: k.Attempt, Peer: a.peer,
					Failures: int(r.sched.tasks[k.Task].fails)}})
			}
			e.journal.add(entry{r: r, then: func() { // the stream may have broken meanwhile, and what was not sent been given elsewhere
				c.push(outgoing{kind: lease.KindAssign, keys: r.sched.send(a.lease, a.keys)})
			}})
			return
		}
		c.push(outgoing{kind: lease.KindAssign, keys: a.keys})
	case actCancel:
		e.behind(r, c, lease.KindCancel, a)
	case actAck:
		e.behind(r, c, lease.KindAck, a)
	case actRelease:
		e.behind(r, c, lease.KindRelease, a)
	case actDrop:
		if c != nil {
			delete(r.conns, a.lease)
			c.stop()
		}
	case actFetch:
		if c == nil {
			return
		}
		if a.bare || !hasBlobs(&a.result) {
			r.sched.onFetched(a.lease, a.result, nil, now)
			return
		}
		c.fetch(a.result)
	case actRecord:
		en := entry{r: r, row: &a.row, lease: a.lease}
		if len(a.keys) > 0 {
			en.key = a.keys[0]
		}
		e.journal.add(en)
	case actWaits:
		e.journal.add(entry{r: r, given: true, row: &a.row})
	case actLost:
		if !r.named[a.row.Peer] { // who follows the job knows where it was lost
			r.named[a.row.Peer] = true
			e.tell(r, now)
		}
		a.row.Each = r.plan.array.values(a.row.ID)
		e.emit(api.Event{Time: now.UTC(), Type: api.EventTask, JobID: r.id, Task: &a.row})
	case actChanged:
		r.over.Store(!r.sched.ended.IsZero()) // a retry undoes the end
		e.save(r, now)
		e.tell(r, now)
	case actEnded:
		r.over.Store(true)
		r.wakeFollowers() // canceled tasks have no row to wake them
		e.save(r, now)
		e.tell(r, now)
	}
}

// behind sends a message once everything recorded so far is durable. Messages
// that free something at the lender keep their order that way.
func (e *Engine) behind(r *run, c *conn, kind wire.Kind, a action) {
	if c != nil {
		e.journal.add(entry{r: r, then: func() { c.push(outgoing{kind: kind, keys: a.keys, reason: a.reason, unbegun: a.unbegun}) }})
	}
}
