package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// batchOptions says how a submitted job is followed.
type batchOptions struct {
	dir       string // write results below it; empty: nowhere
	overwrite bool
	ordered   bool
	wait      bool // go on waiting when nobody can run it
	keep      bool // Ctrl-C leaves the job running
	raw       bool // single task: its stdout and stderr as they are, its exit code ours
	quiet     bool // no progress
	noOutput  bool // of tasks: only progress and results
}

const (
	nobodyFirst = 500 * time.Millisecond // before the first look at why nothing runs
	nobodyEvery = 1500 * time.Millisecond
	nobodySure  = 3                // looks in a row before it is believed: gossip may be on its way
	cancelWait  = 10 * time.Second // for telling the node that the job is over
	logWait     = 10 * time.Second // for the last of a task's output, once its job has ended
	nodeGone    = 2 * time.Minute  // how long a node that went away is waited for
)

// batch follows one job to its end.
type batch struct {
	client  *api.Client
	out     *output
	id      api.JobID
	o       batchOptions
	screen  *screen
	printer *taskPrinter
	job     api.Job  // as last heard
	logErr  error    // of stream, once it has ended
	copied  [2]int64 // by stream, of stdout and stderr
	turns   *turns   // raw: what happens to the one task
}

func newBatch(client *api.Client, out *output, job api.Job, o batchOptions) *batch {
	s := newScreen(out, o.quiet || o.raw)
	t := &turns{note: s.Note, places: map[api.PeerID]string{}}
	if o.quiet {
		t.note = func(string, ...any) {}
	}
	return &batch{client: client, out: out, id: job.ID, o: o, screen: s, job: job, turns: t, printer: &taskPrinter{
		client: client, id: job.ID, screen: s, out: out, ordered: o.ordered, prefix: out.width > 0,
		printed: map[api.TaskID]bool{}, waiting: map[api.TaskID]bool{},
	}}
}

// run follows the job, prints and writes what it makes, and returns nil only if
// every task is done.
func (b *batch) run(ctx context.Context) error {
	watchCtx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	guard := make(chan struct{})
	jobs := make(chan api.Job, 1)
	go func() {
		defer close(guard)
		if err := b.guardNobody(watchCtx, jobs); err != nil {
			stop(err)
		}
	}()
	logDone := make(chan struct{})
	go func() {
		defer close(logDone)
		if b.o.raw {
			b.stream(watchCtx)
		}
	}()
	err := b.watch(watchCtx, jobs)
	if err != nil && ctx.Err() == nil && context.Cause(watchCtx) != nil {
		err = context.Cause(watchCtx) // the guard's word
	}
	b.screen.Done()
	if err != nil {
		stop(err)
		<-guard
		<-logDone
		return b.leave(ctx, err)
	}
	select {
	case <-logDone: // it ends with the task
	case <-time.After(logWait): // or finish writes the rest
	}
	stop(nil)
	<-logDone
	<-guard
	return b.finish(ctx)
}

// watch reads the job's events until it has ended. A node that goes away is
// waited for: its jobs go on when it is back.
func (b *batch) watch(ctx context.Context, jobs chan api.Job) error {
	var gone time.Time
	for {
		err := b.client.WatchJob(ctx, b.id, func(e api.Event) error {
			gone = time.Time{}
			return b.event(ctx, e, jobs)
		})
		if err == nil && b.job.State.Terminal() {
			return nil
		}
		kind := api.KindOf(err)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && kind != api.KindUnavailable && kind != api.KindNotRunning:
			return err
		}
		if gone.IsZero() {
			gone = time.Now()
			if err != nil {
				b.screen.Note("the node does not answer; waiting for it (the job goes on when it is up again)")
			}
		}
		if time.Since(gone) > nodeGone {
			return api.Errorf(kind, "the node went away: %w", err).WithHint("p2prc up --detach, then: p2prc job watch %s", short(b.id))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (b *batch) event(ctx context.Context, e api.Event, jobs chan api.Job) error {
	if e.Job != nil {
		b.job = *e.Job
		b.screen.Show(b.job)
		if b.o.raw {
			b.turns.job(b.job)
		}
		select {
		case <-jobs: // an older state nobody has read yet
		default:
		}
		select {
		case jobs <- b.job:
		default:
		}
	}
	switch {
	case e.Task == nil:
	case b.o.raw:
		b.turns.task(*e.Task)
	case !b.o.noOutput:
		return b.printer.ended(ctx, *e.Task)
	}
	return nil
}

// stream copies a single task's output as it is made. Where it breaks off,
// finish writes the rest.
func (b *batch) stream(ctx context.Context) {
	b.logErr = b.client.TaskLog(ctx, b.id, 0, true, func(c api.LogChunk) error {
		w, n := b.out.stdout, &b.copied[0]
		if c.Stream == "stderr" {
			w, n = b.out.stderr, &b.copied[1]
		}
		if c.Again {
			*n = 0
			b.screen.Note("%s", againWords(c.Stream, b.id))
		}
		k, err := w.Write(c.Data)
		*n += int64(k)
		return err
	})
}

// againWords is said where a stream begins anew in the middle of what was printed.
func againWords(stream string, id api.JobID) string {
	return fmt.Sprintf("its %s differs this time, and follows from its beginning; in the end p2prc job logs %s prints it alone", stream, short(id))
}

// guardNobody returns an error when nobody in the pool can run the job: nothing
// ever ran, and asked again and again the engine rules out every peer. The first
// answer is told at once; with wait that is all.
func (b *batch) guardNobody(ctx context.Context, jobs <-chan api.Job) error {
	look := time.NewTimer(nobodyFirst)
	defer look.Stop()
	sure := 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case j := <-jobs:
			if j.Tasks.Queued+j.Tasks.Running+j.Tasks.Done+j.Tasks.Failed > 0 || j.State != api.JobRunning {
				return nil
			}
		case <-look.C:
			why, err := b.client.WhyJob(ctx, b.id)
			if err != nil {
				return nil // watching says what is wrong
			}
			switch {
			case why.Waiting == 0 || anyCan(why):
				sure = 0
			default:
				sure++
			}
			if sure == 1 {
				b.screen.Note("%s", nobodyWords(why))
			}
			switch {
			case sure == 1 && b.o.wait:
				b.screen.Note("job %s waits until somebody can: p2prc job why %s tells how it stands", short(b.id), short(b.id))
				return nil
			case sure >= nobodySure:
				return api.Errorf(api.KindNobody, "nobody in the pool can run this job").WithHint("see the reasons above; with --wait it stays until somebody can")
			}
			look.Reset(nobodyEvery)
		}
	}
}

func anyCan(w api.Why) bool {
	for _, p := range w.Peers {
		if p.OK {
			return true
		}
	}
	return false
}

// nobodyWords is job why in words.
func nobodyWords(w api.Why) string {
	if len(w.Peers) == 0 {
		return "nobody can run it now: this node knows no other"
	}
	words := "nobody in the pool can run it now:"
	for _, p := range w.Peers {
		words += fmt.Sprintf("\n  %s: %s", or(p.Name, p.Peer.Short()), p.Reason)
	}
	return words
}

// warnNobody says at once that a job that was left to itself waits for somebody
// who can run it.
func warnNobody(ctx context.Context, client *api.Client, out *output, id api.JobID) {
	why, err := client.WhyJob(ctx, id)
	if err != nil || why.Waiting == 0 || anyCan(why) {
		return // whether it runs is not this command's business
	}
	out.note("%s", nobodyWords(why))
	out.note("it waits until somebody can: p2prc job why %s, p2prc job cancel %s", short(id), short(id))
}

// leave is what happens when following ends early: the job is canceled unless
// it should go on.
func (b *batch) leave(ctx context.Context, err error) error {
	interrupted := ctx.Err() != nil
	if !interrupted && api.KindOf(err) != api.KindNobody {
		return err
	}
	if b.o.keep {
		b.out.note("job %s goes on: p2prc job watch %s", short(b.id), short(b.id))
		return err
	}
	reason := "interrupted"
	if !interrupted {
		reason = "nobody can run it"
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelWait)
	defer cancel()
	cerr := b.client.CancelJob(late, b.id, reason)
	if api.KindOf(cerr) == api.KindConflict { // it had ended, and only its output was still being written
		b.out.note("job %s had ended: p2prc job show %s, p2prc job results %s -o DIR", short(b.id), short(b.id), short(b.id))
		return err
	}
	if cerr != nil {
		return errors.Join(err, api.Errorf(api.KindOf(cerr), "job %s could not be canceled: %w", short(b.id), cerr))
	}
	b.out.note("job %s is canceled", short(b.id))
	return err
}
