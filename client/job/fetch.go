package job

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

const (
	fetchers   = 64               // results of one lease that are fetched at once
	fileAtOnce = 8                // files of one result
	fetchTries = 60 * time.Second // a lender whose outputs cannot be had for so long does not have them
)

func hasBlobs(r *lease.Result) bool {
	return len(r.Files) > 0 || !r.Stdout.Blob.IsZero() || !r.Stderr.Blob.IsZero()
}

// fetch queues a result whose outputs must be brought here. It never blocks;
// what it queues is bounded by the lease's credit.
func (c *conn) fetch(r lease.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.results = append(c.results, r)
	if c.workers < fetchers {
		c.workers++
		c.e.work.Go(c.fetchAll)
	}
}

// fetchAll works the queue off and ends when it is empty.
func (c *conn) fetchAll() {
	for {
		c.mu.Lock()
		if len(c.results) == 0 || c.ctx.Err() != nil {
			c.workers--
			c.mu.Unlock()
			return
		}
		r := c.results[0]
		c.results = c.results[1:]
		c.mu.Unlock()
		err := c.fetchOne(&r)
		if c.ctx.Err() != nil {
			continue
		}
		c.e.event(c.r, func(s *sched, now time.Time) { s.onFetched(c.id, r, err, now) })
	}
}

// fetchOne brings a result's outputs here, pinned for the job before they
// arrive. No room here is waited out: the lender holds the result meanwhile.
func (c *conn) fetchOne(r *lease.Result) error {
	var ids []api.BlobID
	for _, f := range r.Files {
		ids = append(ids, f.Blob)
	}
	for _, s := range []api.Stream{r.Stdout, r.Stderr} {
		if !s.Blob.IsZero() {
			ids = append(ids, s.Blob)
		}
	}
	started, wait := time.Now(), 100*time.Millisecond
	for {
		err := c.bring(ids)
		if err == nil {
			err = c.measure(r)
		}
		kind := api.KindOf(err)
		switch {
		case err == nil:
			c.e.halt(c.r, "")
			return nil
		case kind == api.KindQuota:
			c.e.halt(c.r, "outputs cannot be kept here, they wait at their lenders: "+err.Error())
		case kind == api.KindNotFound, kind == api.KindCorrupt, time.Since(started) > fetchTries:
			return err
		}
		c.e.log.Debug("fetch outputs", "job", c.r.id, "task", r.Task, "peer", c.peer, "err", err)
		select {
		case <-time.After(wait):
			wait = min(2*wait, 5*time.Second)
		case <-c.ctx.Done():
			return c.ctx.Err()
		}
	}
}

func (c *conn) bring(ids []api.BlobID) error {
	if err := c.e.cfg.Blobs.Pin(c.ctx, pinOwner(c.r.id), ids...); err != nil {
		return err
	}
	if len(ids) == 1 {
		return c.e.cfg.Fetch.Fetch(c.ctx, ids[0], c.peer)
	}
	g, ctx := errgroup.WithContext(c.ctx)
	g.SetLimit(fileAtOnce)
	for _, id := range ids {
		g.Go(func() error { return c.e.cfg.Fetch.Fetch(ctx, id, c.peer) })
	}
	return g.Wait()
}

// measure replaces the sizes that the lender named by those of what came.
func (c *conn) measure(r *lease.Result) error {
	for i := range r.Files {
		n, err := c.e.cfg.Blobs.Size(r.Files[i].Blob)
		if err != nil {
			return err
		}
		r.Files[i].Size = n
	}
	for _, s := range []*api.Stream{&r.Stdout, &r.Stderr} {
		if s.Blob.IsZero() {
			continue
		}
		n, err := c.e.cfg.Blobs.Size(s.Blob)
		if err != nil {
			return err
		}
		s.Size = n
	}
	return nil
}

// halt notes why results cannot be kept here, or that they can.
func (e *Engine) halt(r *run, why string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r.halted != why {
		r.halted, r.dirty = why, true
	}
}

func pinOwner(id api.JobID) string { return "job/" + string(id) }

// pinInputs keeps what a job reads for as long as the job is known.
func (e *Engine) pinInputs(ctx context.Context, id api.JobID, spec *api.JobSpec) error {
	var ids []api.BlobID
	for _, b := range []api.BlobID{spec.Module, spec.StdinBlob} {
		if !b.IsZero() {
			ids = append(ids, b)
		}
	}
	for _, in := range spec.Inputs {
		if in.Tree.IsZero() {
			ids = append(ids, in.Blob)
		} else {
			ids = append(ids, in.Tree)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return e.cfg.Blobs.Pin(ctx, pinOwner(id), ids...)
}
