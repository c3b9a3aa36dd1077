package job

import (
	"fmt"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// onStarted: attempts began to run. Those that are not ours are ignored.
func (s *sched) onStarted(id api.LeaseID, keys []lease.Key, now time.Time) {
	t := s.leases[id]
	if t == nil {
		return
	}
	for _, k := range keys {
		if a := t.out[k]; a != nil && a.state == attQueued {
			t.move(a, attRunning)
			a.started = now
		}
	}
}

// onFinished: results came. Those that are wanted are fetched, others
// acknowledged; a result of an attempt never given to this lender is a breach.
func (s *sched) onFinished(id api.LeaseID, results []lease.Result, now time.Time) {
	t := s.leases[id]
	if t == nil {
		return
	}
	var ack []lease.Key
	for _, r := range results {
		delete(t.unwanted, r.Key)
		a := t.out[r.Key]
		_, late := t.late[r.Key]
		switch {
		case a != nil && a.state >= attFetching: // sent again
		case a != nil || late:
			delete(t.late, r.Key)
			if !s.finished(t, r, a, now) {
				ack = append(ack, r.Key)
			}
		case !s.valid(r.Key):
			s.onBreach(id, fmt.Sprintf("it sent a result of task %d attempt %d, which was never given out", r.Task, r.Attempt), now)
			return
		default: // an old one that is settled, or another lender's: nothing to us
			ack = append(ack, r.Key)
		}
	}
	if len(ack) > 0 {
		s.act(action{kind: actAck, lease: id, keys: ack})
	}
}

// finished takes one result. False: it is not needed, acknowledge it.
func (s *sched) finished(t *tenure, r lease.Result, a *attempt, now time.Time) bool {
	tk := &s.tasks[r.Task]
	if a != nil && !a.started.IsZero() {
		s.times.add(now.Sub(a.started))
	}
	if tk.state.terminal() || tk.state == recording {
		if a != nil {
			s.drop(t, r.Key, a)
		}
		return false
	}
	if a == nil { // late: its task waits again, or runs elsewhere
		a = &attempt{state: attFetching, assigned: now}
		tk.live++
		t.add(r.Key, a)
		s.set(r.Task, running)
		if s.unmark(r.Task, t.node) && t.node.lost > 0 {
			t.node.lost--
			s.lostN--
		}
	}
	t.move(a, attFetching)
	s.act(action{kind: actFetch, lease: t.id, peer: t.node.id, result: r, bare: !r.Exit.OK() && int(tk.fails) < s.plan.spec.Retry})
	return true
}

// onFetched: the outputs of a result are here and verified, or (err) never will be.
func (s *sched) onFetched(id api.LeaseID, r lease.Result, err error, now time.Time) {
	t := s.leases[id]
	if t == nil {
		return // the lease is over and the task went elsewhere
	}
	a := t.out[r.Key]
	_, late := t.late[r.Key]
	switch {
	case a != nil && a.state != attFetching, a == nil && !late:
		return
	case err != nil:
		delete(t.late, r.Key)
		if a != nil {
			s.lose(t, r.Key, a, api.CauseLost, "its outputs could not be fetched: "+err.Error(), now)
		}
		s.act(action{kind: actAck, lease: id, keys: []lease.Key{r.Key}})
	case a == nil: // the lease was lost while we fetched
		delete(t.late, r.Key)
		if tk := &s.tasks[r.Task]; tk.state.terminal() || tk.state == recording {
			s.act(action{kind: actAck, lease: id, keys: []lease.Key{r.Key}})
			break
		}
		a = &attempt{state: attFetching, assigned: now}
		s.tasks[r.Task].live++
		t.add(r.Key, a)
		s.set(r.Task, running)
		s.record(t, r, a, now)
	default:
		s.record(t, r, a, now)
	}
}

// record decides what a fetched result means for its task and has it journalled.
func (s *sched) record(t *tenure, r lease.Result, a *attempt, now time.Time) {
	tk := &s.tasks[r.Task]
	if tk.state.terminal() || tk.state == recording || s.state.Terminal() {
		s.drop(t, r.Key, a)
		s.act(action{kind: actAck, lease: t.id, keys: []lease.Key{r.Key}})
		return
	}
	row := api.Task{ID: r.Task, State: api.TaskDone, Peer: t.node.id, Attempt: r.Attempt, Failures: int(tk.fails), Exit: &r.Exit,
		Usage: r.Usage, Files: r.Files, Ended: now.UTC()}
	if r.Stdout.Size > 0 {
		row.Stdout = &r.Stdout
	}
	if r.Stderr.Size > 0 {
		row.Stderr = &r.Stderr
	}
	if !r.Exit.OK() {
		row.Failures, row.Cause, row.Error = row.Failures+1, api.CauseFailed, exitWords(r.Exit)
		row.State = api.TaskFailed
		if row.Failures <= s.plan.spec.Retry {
			row.State = api.TaskWaiting
			row.Stdout, row.Stderr, row.Files = inlineOnly(row.Stdout), inlineOnly(row.Stderr), nil
		}
	}
	t.move(a, attRecording)
	s.recording(row, t.id, r.Key)
}

// recording takes a task out of everybody's hands until row is in the journal.
func (s *sched) recording(row api.Task, from api.LeaseID, key lease.Key) {
	s.set(row.ID, recording)
	a := action{kind: actRecord, lease: from, row: row}
	if from != "" {
		a.keys = []lease.Key{key}
	}
	s.act(a)
	own := uint8(0)
	if from != "" {
		own = 1
	}
	if row.State != api.TaskWaiting && s.tasks[row.ID].live > own {
		s.callBack(row.ID, from, key, "another copy was first")
	}
}

// callBack cancels every attempt of a task but one. After a restart attempts of
// different leases may have the same number, so the lease counts too.
func (s *sched) callBack(id api.TaskID, from api.LeaseID, but lease.Key, reason string) {
	left := int(s.tasks[id].live)
	for _, t := range s.leases {
		if left == 0 {
			return
		}
		for k, a := range t.out {
			if k.Task != id {
				continue
			}
			left--
			if (k != but || t.id != from) && a.state <= attRunning && a.called < calledAnyhow {
				a.called = calledAnyhow
				s.act(action{kind: actCancel, lease: t.id, keys: []lease.Key{k}, reason: reason})
			}
		}
	}
}

// onRecorded: the row is durable. Only now the task is done, failed, or due for
// its next try, and only now the lender may drop the result.
func (s *sched) onRecorded(id api.LeaseID, key lease.Key, row api.Task, now time.Time) {
	t := s.leases[id]
	if t != nil {
		if a := t.out[key]; a != nil {
			s.drop(t, key, a)
		}
		s.act(action{kind: actAck, lease: id, keys: []lease.Key{key}})
	}
	tk := &s.tasks[row.ID]
	if tk.state != recording {
		s.defect("task %d was recorded while %s", row.ID, tk.state.api())
		return
	}
	tk.fails = uint8(min(row.Failures, 255))
	if row.Peer != "" && row.Exit != nil {
		s.credit(s.node(row.Peer), t, row, now)
	}
	switch {
	case row.State == api.TaskDone:
		s.set(row.ID, done)
	case row.State == api.TaskFailed:
		s.set(row.ID, failed)
	case s.state.Terminal():
		s.set(row.ID, canceled)
	case tk.live > 0:
		s.set(row.ID, running)
	default:
		s.requeue(row.ID, s.nodes[row.Peer])
	}
	if row.State != api.TaskWaiting {
		s.meter.add(now)
		s.bytes += row.Usage.BytesOut
	}
	if max := s.plan.spec.MaxFails; max > 0 && s.count.Failed > int64(max) && !s.state.Terminal() {
		s.end(api.JobCanceled, fmt.Sprintf("%d tasks failed, more than max_fails %d", s.count.Failed, max), now)
	}
}

// credit books a result on the machine that made it.
func (s *sched) credit(n *node, t *tenure, row api.Task, now time.Time) {
	n.busy += time.Duration(row.Usage.Wall)
	n.lossStreak = 0
	if row.Cause == api.CauseFailed {
		s.blameNode(n, now)
		return // failing fast is no speed
	}
	n.done++
	n.failStreak = 0
	if t != nil {
		t.measure(1, now)
		t.learn(time.Duration(row.Usage.Wall))
	}
}

// onGivenBack: attempts will have no result there.
func (s *sched) onGivenBack(id api.LeaseID, keys []lease.Key, cause api.Cause, reason string, now time.Time) {
	t := s.leases[id]
	if t == nil {
		return
	}
	lossy := false
	for _, k := range keys {
		delete(t.late, k)
		delete(t.unwanted, k)
		a := t.out[k]
		if a == nil || a.state >= attFetching {
			continue
		}
		why := cause
		switch {
		case cause == api.CauseCanceled && a.called != notCalled:
		case cause == api.CauseWithdrawn || cause == api.CauseCanceled:
			why = api.CauseWithdrawn // canceled, but not by us: the owner's doing
		default:
			why = api.CauseLost
		}
		s.lose(t, k, a, why, clip(oneLine(reason), 200), now)
		if why != api.CauseCanceled {
			t.node.rest(now)
		}
		lossy = lossy || why == api.CauseLost
	}
	if lossy {
		s.blameLoss(t.node, clip(oneLine(reason), 200), now)
	}
}

// drop takes an attempt off a lease; its task's fate is the caller's business.
func (s *sched) drop(t *tenure, k lease.Key, a *attempt) {
	t.remove(k, a)
	tk := &s.tasks[k.Task]
	if tk.live == 0 {
		s.defect("task %d has attempt %d on %s but none counted", k.Task, k.Attempt, t)
		return
	}
	tk.live--
}

// lose ends an attempt without a result and decides what becomes of its task.
func (s *sched) lose(t *tenure, k lease.Key, a *attempt, cause api.Cause, reason string, now time.Time) {
	ran := a.state != attQueued
	s.drop(t, k, a)
	tk := &s.tasks[k.Task]
	switch cause {
	case api.CauseLost, api.CauseWithdrawn:
		t.node.lost++
		s.lostN++
	}
	if tk.state != running || s.state.Terminal() {
		if tk.state == running && tk.live == 0 {
			s.set(k.Task, canceled)
		}
		return
	}
	killed := cause == api.CauseLost && a.state != attHeld && ran && s.mark(k.Task, t.node)
	switch {
	case killed:
		s.fail(k, t.node.id, api.CauseLost, fmt.Sprintf("%d machines were lost while they ran it, the last: %s", crashLimit, reason), now)
	case tk.live > 0: // a copy goes on
	case s.never() && (ran || (cause == api.CauseLost && t.phase != open && !a.unsent)):
		s.fail(k, t.node.id, cause, "not run again (restart: never): "+reason, now)
	case tk.attempt >= maxAttempts:
		s.fail(k, t.node.id, api.CauseLost, "it was lost too often", now)
	default:
		s.takeBack(k.Task, t.node)
		if ran && cause != api.CauseCanceled {
			s.act(action{kind: actLost, row: api.Task{ID: k.Task, State: api.TaskWaiting, Peer: t.node.id, Attempt: k.Attempt,
				Failures: int(tk.fails), Cause: cause, Error: reason}})
		}
	}
}

// fail ends a task that has no result.
func (s *sched) fail(k lease.Key, on api.PeerID, cause api.Cause, why string, now time.Time) {
	s.recording(api.Task{ID: k.Task, State: api.TaskFailed, Peer: on, Attempt: k.Attempt, Failures: int(s.tasks[k.Task].fails),
		Cause: cause, Error: why, Ended: now.UTC()}, "", k)
}

func exitWords(e api.Exit) string {
	switch {
	case e.Msg != "":
		return e.Msg
	case e.Limit != "":
		return fmt.Sprintf("hit its %s limit", e.Limit)
	case e.Signal != "":
		return "ended by signal " + e.Signal
	}
	return fmt.Sprintf("exit code %d", e.Code)
}

// inlineOnly keeps what travelled with the result; the rest was not fetched.
func inlineOnly(s *api.Stream) *api.Stream {
	if s == nil || s.Blob.IsZero() {
		return s
	}
	return nil
}
