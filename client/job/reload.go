package job

import (
	"context"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// reload takes up what the journal says: ended jobs as history, others with a
// scheduler and their leases, which are resumed before anything new is assigned.
func (e *Engine) reload(ctx context.Context) error {
	jobs, err := e.cfg.Store.Jobs(ctx)
	if err != nil {
		return err
	}
	type known struct {
		id   api.LeaseID
		peer api.PeerID
	}
	leases := map[api.JobID][]known{}
	var orphans []api.LeaseID
	exists := map[api.JobID]bool{}
	for _, j := range jobs {
		exists[j.ID] = true
	}
	err = e.cfg.Store.Leases(ctx, func(id api.LeaseID, job api.JobID, peer api.PeerID) {
		if exists[job] {
			leases[job] = append(leases[job], known{id, peer})
		} else {
			orphans = append(orphans, id)
		}
	})
	if err != nil {
		return err
	}
	for _, id := range orphans {
		if err := e.cfg.Store.DeleteLease(ctx, id); err != nil {
			return err
		}
	}
	var runs []*run
	for i := range jobs {
		j := &jobs[i]
		e.mu.Lock()
		e.order = append(e.order, j.ID)
		e.mu.Unlock()
		if j.State.Terminal() && len(leases[j.ID]) == 0 {
			e.mu.Lock()
			e.past[j.ID] = j
			e.mu.Unlock()
			continue
		}
		r, err := e.rebuild(ctx, j)
		if err != nil { // a spec that an older version took and this one does not
			e.log.Error("job cannot be taken up again", "job", j.ID, "err", err)
			j.State, j.Reason, j.Ended = api.JobFailed, "cannot be taken up again: "+err.Error(), time.Now().UTC()
			e.mu.Lock()
			e.past[j.ID] = j
			e.mu.Unlock()
			if err := e.cfg.Store.SaveJob(ctx, *j); err != nil {
				return err
			}
			continue
		}
		runs = append(runs, r)
	}
	peers := e.cfg.Peers.Peers()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range runs {
		now := time.Now()
		r.sched.onPeers(peers, now)
		e.runs[r.id] = r
		for _, l := range leases[r.id] {
			r.sched.onKnown(l.id, l.peer, now)
			c := e.newConn(r, l.id, l.peer)
			r.conns[l.id] = c
			e.work.Go(func() { c.run(true) })
		}
		e.apply(r, now)
	}
	return nil
}

// rebuild makes a scheduler of what the journal says of a job.
func (e *Engine) rebuild(ctx context.Context, j *api.JobDetail) (*run, error) {
	p, err := compile(j.Spec, e.cfg.Strategies)
	if err != nil {
		return nil, err
	}
	r := newRun(j.ID, p, j.Created)
	s := r.sched
	for _, n := range j.Nodes { // what no task's row tells
		node := s.node(n.Peer)
		node.lost, node.peer.Name = n.Lost, n.Name
		if n.State == "set aside" {
			node.aside = n.Reason
		}
		s.lostN += n.Lost
	}
	err = e.cfg.Store.TaskStates(ctx, j.ID, func(t api.Task) error {
		s.restore(t)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.reason = ""
	switch {
	case j.State.Terminal():
		s.end(j.State, j.Reason, j.Ended)
		s.ended = j.Ended
		r.over.Store(true)
	case j.State == api.JobPaused:
		s.state, s.reason = j.State, j.Reason
	}
	return r, nil
}

func newRun(id api.JobID, p *plan, created time.Time) *run {
	return &run{id: id, plan: p, sched: newSched(id, p, newLeaseID, created), conns: map[api.LeaseID]*conn{}, bump: make(chan struct{}), named: map[api.PeerID]bool{}}
}
