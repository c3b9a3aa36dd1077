package job

import (
	"context"
	"slices"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func noJob(id api.JobID) error {
	return api.Errorf(api.KindNotFound, "no job %s", clip(string(id), 60)).WithHint("p2prc job ls lists them")
}

// Jobs lists all jobs, oldest first.
func (e *Engine) Jobs() []api.Job {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	all := make([]api.Job, 0, len(e.order))
	for _, id := range e.order {
		if r := e.runs[id]; r != nil {
			all = append(all, e.jobView(r, now))
		} else if j := e.past[id]; j != nil {
			all = append(all, j.Job)
		}
	}
	return all
}

// Job is one job with its spec (KindNotFound).
func (e *Engine) Job(id api.JobID) (api.JobDetail, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r := e.runs[id]; r != nil {
		return api.JobDetail{Job: e.jobView(r, time.Now()), Spec: r.plan.spec}, nil
	}
	if j := e.past[id]; j != nil {
		return *j, nil
	}
	return api.JobDetail{}, noJob(id)
}

// change does something to a job with a scheduler and returns when it is durable.
func (e *Engine) change(ctx context.Context, id api.JobID, fn func(s *sched, now time.Time) error) error {
	if err := e.started(ctx); err != nil {
		return err
	}
	e.mu.Lock()
	r := e.runs[id]
	if r == nil {
		j := e.past[id]
		e.mu.Unlock()
		if j == nil {
			return noJob(id)
		}
		return api.Errorf(api.KindConflict, "job %s has ended (%s)", id, j.State).WithHint("p2prc job retry runs failed and canceled tasks again")
	}
	now := time.Now()
	err := fn(r.sched, now)
	e.apply(r, now)
	e.mu.Unlock()
	if err != nil {
		return err
	}
	return e.barrier(ctx)
}

// Pause hands out no more tasks of a job; those that run go on. KindConflict
// when it has ended.
func (e *Engine) Pause(ctx context.Context, id api.JobID) error {
	return e.change(ctx, id, func(s *sched, now time.Time) error { return s.onPause("paused", now) })
}

// Resume undoes Pause, and gives nodes that were set aside another chance.
// KindConflict when the job has ended.
func (e *Engine) Resume(ctx context.Context, id api.JobID) error {
	return e.change(ctx, id, func(s *sched, now time.Time) error { return s.onResume(now) })
}

// Cancel ends a job; what is not done becomes canceled. KindConflict when it has ended.
func (e *Engine) Cancel(ctx context.Context, id api.JobID, reason string) error {
	if reason = clip(oneLine(reason), 200); reason == "" {
		reason = "canceled"
	}
	return e.change(ctx, id, func(s *sched, now time.Time) error { return s.onCancel(reason, now) })
}

// Retry puts a job's failed and canceled tasks back, with all their retries, and
// tells how many. A job that had ended runs again. KindNotFound if there is none.
func (e *Engine) Retry(ctx context.Context, id api.JobID) (int64, error) {
	if err := e.started(ctx); err != nil {
		return 0, err
	}
	peers := e.cfg.Peers.Peers()
	e.mu.Lock()
	for e.runs[id] == nil { // an ended job is given its scheduler back
		j := e.past[id]
		e.mu.Unlock()
		if j == nil {
			return 0, noJob(id)
		}
		r, err := e.rebuild(ctx, j)
		if err != nil {
			return 0, err
		}
		e.mu.Lock()
		if e.past[id] == j { // nobody else was faster
			delete(e.past, id)
			e.runs[id] = r
			r.sched.onPeers(peers, time.Now())
		}
	}
	r, now := e.runs[id], time.Now()
	n := r.sched.onRetry(now)
	e.apply(r, now)
	e.mu.Unlock()
	return n, e.barrier(ctx)
}

// Remove forgets an ended job: its results, and the hold on its blobs.
// KindConflict while it has not ended.
func (e *Engine) Remove(ctx context.Context, id api.JobID) error {
	if err := e.started(ctx); err != nil {
		return err
	}
	e.mu.Lock()
	r, j := e.runs[id], e.past[id]
	switch {
	case r != nil && !r.over.Load():
		e.mu.Unlock()
		return api.Errorf(api.KindConflict, "job %s has not ended", id).WithHint("cancel it first: p2prc job cancel %s", id)
	case r != nil: // its leases are still being given back: they may do so alone
		for lease, c := range r.conns {
			delete(r.conns, lease)
			c.stop()
		}
		delete(e.runs, id)
	case j == nil:
		e.mu.Unlock()
		return noJob(id)
	}
	delete(e.past, id)
	for i, o := range e.order {
		if o == id {
			e.order = append(e.order[:i:i], e.order[i+1:]...)
			break
		}
	}
	e.mu.Unlock()
	if err := e.barrier(ctx); err != nil { // what is on its way into the journal must not come after
		return err
	}
	if err := e.cfg.Store.DeleteJob(ctx, id); err != nil {
		return err
	}
	return e.cfg.Blobs.Unpin(ctx, pinOwner(id))
}

// Why explains what keeps each peer from running a job's waiting tasks.
func (e *Engine) Why(ctx context.Context, id api.JobID) (api.Why, error) {
	peers := e.cfg.Peers.Peers()
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.runs[id]
	if r == nil {
		if e.past[id] == nil {
			return api.Why{}, noJob(id)
		}
		return api.Why{Peers: []api.WhyPeer{}}, nil
	}
	now := time.Now()
	e.feed(r, peers, now)
	w := r.sched.why(now)
	if on := r.plan.spec.On; e.cfg.Looking() && (len(on) == 0 || slices.Contains(on, e.cfg.Self)) {
		i := slices.IndexFunc(w.Peers, func(p api.WhyPeer) bool { return p.Peer == e.cfg.Self })
		if i < 0 { // not even in the table yet
			i, w.Peers = len(w.Peers), append(w.Peers, api.WhyPeer{Peer: e.cfg.Self, Name: e.cfg.Self.Short()})
		}
		w.Peers[i].OK, w.Peers[i].Reason = true, lookedAt
	}
	return w, nil
}
