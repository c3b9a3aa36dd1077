package job

import (
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// onPause hands out no more tasks. What runs goes on; what is queued at lenders
// comes back.
func (s *sched) onPause(reason string, now time.Time) error {
	if s.state.Terminal() {
		return api.Errorf(api.KindConflict, "job %s has ended (%s)", s.id, s.state)
	}
	s.state, s.reason = api.JobPaused, reason
	for _, t := range s.sorted() {
		s.unqueue(t, "job paused", now)
	}
	s.act(action{kind: actChanged})
	return nil
}

// unqueue calls back what a lender has not begun.
func (s *sched) unqueue(t *tenure, reason string, now time.Time) {
	var keys []lease.Key
	for _, k := range sortedKeys(t.out) {
		if a := t.out[k]; a.state == attQueued && a.called == notCalled {
			keys = append(keys, k)
		}
	}
	s.callUnbegun(t, keys, reason, now)
}

// callUnbegun calls attempts back that have not begun, as far as was heard: those
// that have begun meanwhile go on.
func (s *sched) callUnbegun(t *tenure, keys []lease.Key, reason string, now time.Time) {
	if len(keys) == 0 {
		return
	}
	for _, k := range keys {
		t.out[k].called, t.out[k].calledAt = calledUnbegun, now
	}
	s.act(action{kind: actCancel, lease: t.id, keys: keys, reason: reason, unbegun: true})
}

// onResume undoes onPause, and gives nodes that were set aside another chance.
func (s *sched) onResume(now time.Time) error {
	if s.state.Terminal() {
		return api.Errorf(api.KindConflict, "job %s has ended (%s)", s.id, s.state).WithHint("p2prc job retry runs failed and canceled tasks again")
	}
	s.state, s.reason = api.JobRunning, ""
	s.pardon(now)
	s.act(action{kind: actChanged})
	return nil
}

// pardon gives every node another chance.
func (s *sched) pardon(now time.Time) {
	for _, n := range s.byIdx {
		n.aside, n.failStreak, n.lossStreak, n.refusals, n.invalid = "", 0, 0, 0, false
		n.notBefore = now
	}
}

// onCancel ends the job: what waits or runs is canceled, what is being recorded
// is still kept.
func (s *sched) onCancel(reason string, now time.Time) error {
	if s.state.Terminal() {
		return api.Errorf(api.KindConflict, "job %s has ended already (%s)", s.id, s.state)
	}
	s.end(api.JobCanceled, reason, now)
	return nil
}

// end ends a job whose tasks have not all ended.
func (s *sched) end(as api.JobState, reason string, now time.Time) {
	s.state, s.reason = as, reason
	for id := range s.tasks {
		if st := s.tasks[id].state; st == waiting || st == running {
			s.set(api.TaskID(id), canceled)
		}
	}
}

// finishIfDone ends the job when every task has ended and is in the journal.
func (s *sched) finishIfDone(now time.Time) bool {
	if !s.ended.IsZero() {
		return true
	}
	if s.count.Waiting+s.count.Running > 0 {
		return false
	}
	if !s.state.Terminal() {
		s.state, s.reason = api.JobDone, ""
		if s.count.Failed > 0 {
			s.state = api.JobFailed
		}
	}
	s.ended = now
	for _, t := range s.sorted() {
		var keys []lease.Key
		for _, k := range sortedKeys(t.out) {
			if a := t.out[k]; a.state <= attRunning && a.called < calledAnyhow {
				a.called = calledAnyhow
				keys = append(keys, k)
			}
		}
		if len(keys) > 0 {
			s.act(action{kind: actCancel, lease: t.id, keys: keys, reason: "the job has ended"})
		}
		if t.phase == open {
			s.release(t, now)
		}
	}
	s.act(action{kind: actEnded})
	return true
}

// onRetry puts failed and canceled tasks back and tells how many. A job that
// had ended runs again.
func (s *sched) onRetry(now time.Time) int64 {
	var n int64
	s.act(action{kind: actChanged}) // the job's own row first: it runs again
	for id := range s.tasks {
		tk, task := &s.tasks[id], api.TaskID(id)
		switch tk.state {
		case failed: // its row says failed; the new row takes that back
			tk.kills = 0
			s.recording(api.Task{ID: task, State: api.TaskWaiting, Attempt: tk.attempt}, "", lease.Key{})
			n++
		case canceled:
			tk.kills = 0
			s.takeBack(task, nil)
			n++
		}
	}
	if n > 0 && s.state.Terminal() {
		s.state, s.reason, s.ended = api.JobRunning, "", time.Time{}
		s.pardon(now)
	}
	return n
}

// settleLimbo fails what a restart left without an answer in a job whose tasks
// may not run twice.
func (s *sched) settleLimbo(now time.Time) {
	s.limbo = false
	for id := range s.tasks {
		if tk := &s.tasks[id]; tk.state == running && tk.live == 0 {
			s.fail(lease.Key{Task: api.TaskID(id), Attempt: tk.attempt}, "", api.CauseLost, "not run again (restart: never): this node stopped while it ran, and no lender holds it", now)
		}
	}
}

// restore takes what the journal says of a task, before any other event.
func (s *sched) restore(row api.Task) {
	if row.ID < 0 || int64(row.ID) >= s.count.Total {
		return
	}
	tk := &s.tasks[row.ID]
	tk.fails, tk.attempt = uint8(min(max(row.Failures, 0), 255)), row.Attempt
	switch row.State {
	case api.TaskDone:
		s.set(row.ID, done)
	case api.TaskFailed:
		s.set(row.ID, failed)
	case api.TaskWaiting:
		if row.Peer != "" {
			tk.avoid = s.node(row.Peer).index + 1
		}
	case api.TaskRunning: // restart: never; settled by settleLimbo once lenders have answered
		s.set(row.ID, running)
		s.limbo = true
	}
	if row.State == api.TaskDone || row.State == api.TaskFailed {
		s.bytes += row.Usage.BytesOut
	}
	if row.Peer != "" {
		n := s.node(row.Peer)
		n.busy += time.Duration(row.Usage.Wall)
		switch {
		case row.State == api.TaskDone:
			n.done++
			if wall := time.Duration(row.Usage.Wall); wall > 0 && s.times.n < fewTimes { // until there are some of this run
				s.times.add(wall)
			}
		case row.Cause == api.CauseFailed:
			n.failed++
		}
	}
}
