package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
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
	nobodyFirst = 2 * time.Second // before the first look at why nothing runs
	nobodyEvery = 2 * time.Second
	nobodySure  = 2                // looks in a row before it is believed: gossip may be on its way
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
}

func newBatch(client *api.Client, out *output, job api.Job, o batchOptions) *batch {
	s := newScreen(out, o.quiet || o.raw)
	return &batch{client: client, out: out, id: job.ID, o: o, screen: s, job: job, printer: &taskPrinter{
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
		select {
		case <-jobs: // an older state nobody has read yet
		default:
		}
		select {
		case jobs <- b.job:
		default:
		}
	}
	if e.Task != nil && !b.o.raw && !b.o.noOutput {
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
		k, err := w.Write(c.Data)
		*n += int64(k)
		return err
	})
}

// rest writes what stream did not get to.
func (b *batch) rest(ctx context.Context, t api.Task) error {
	if b.logErr == nil {
		return nil
	}
	for i, part := range []struct {
		s *api.Stream
		w io.Writer
	}{{t.Stdout, b.out.stdout}, {t.Stderr, b.out.stderr}} {
		if err := copyStream(ctx, b.client, part.s, &skipWriter{w: part.w, skip: b.copied[i]}); err != nil {
			return err
		}
	}
	return nil
}

// skipWriter drops the first bytes.
type skipWriter struct {
	w    io.Writer
	skip int64
}

func (s *skipWriter) Write(p []byte) (int, error) {
	drop := min(s.skip, int64(len(p)))
	s.skip -= drop
	n, err := s.w.Write(p[drop:])
	return int(drop) + n, err
}

// guardNobody returns an error when nobody in the pool can run the job: nothing
// ever ran, and asked twice the engine rules out every peer.
func (b *batch) guardNobody(ctx context.Context, jobs <-chan api.Job) error {
	if b.o.wait {
		return nil
	}
	look := time.NewTimer(nobodyFirst)
	defer look.Stop()
	sure := 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case j := <-jobs:
			if j.Tasks.Running+j.Tasks.Done+j.Tasks.Failed > 0 || j.State != api.JobRunning {
				return nil
			}
		case <-look.C:
			why, err := b.client.WhyJob(ctx, b.id)
			if err != nil {
				return nil // watching says what is wrong
			}
			if why.Waiting > 0 && !anyCan(why) {
				sure++
			} else {
				sure = 0
			}
			if sure >= nobodySure {
				b.screen.Done()
				return nobody(b.out, why)
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

// nobody tells why, and is the error.
func nobody(out *output, w api.Why) error {
	for _, p := range w.Peers {
		out.note("  %s: %s", or(p.Name, p.Peer.Short()), p.Reason)
	}
	return api.Errorf(api.KindNobody, "nobody in the pool can run this job").WithHint("see the reasons above; with --wait it stays until somebody can")
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
	if cerr := b.client.CancelJob(late, b.id, reason); cerr != nil {
		return errors.Join(err, api.Errorf(api.KindOf(cerr), "job %s could not be canceled: %w", short(b.id), cerr))
	}
	b.out.note("job %s is canceled", short(b.id))
	return err
}

// finish prints and writes what watching did not, and turns the job's end into
// an error.
func (b *batch) finish(ctx context.Context) error {
	var writer *resultWriter
	if b.o.dir != "" {
		writer = newResultWriter(b.client, b.o.dir, b.o.overwrite)
	}
	var last api.Task
	var ids []api.TaskID
	err := b.client.Results(ctx, b.id, func(t api.Task) error {
		last = t
		if !b.o.raw && !b.o.noOutput {
			if b.o.ordered {
				if !b.printer.printed[t.ID] {
					ids = append(ids, t.ID)
				}
			} else if err := b.printer.ended(ctx, t); err != nil {
				return err
			}
		}
		if writer != nil {
			return writer.write(ctx, t)
		}
		return nil
	})
	if err != nil {
		return resultsKept(err, b.id)
	}
	slices.Sort(ids)
	for _, id := range ids { // ordered: the stream need not be
		t, err := b.client.Task(ctx, b.id, id)
		if err != nil {
			return resultsKept(err, b.id)
		}
		if err := b.printer.print(ctx, t); err != nil {
			return err
		}
	}
	if writer != nil {
		b.out.note("%s", writer.summary())
	}
	if b.o.raw {
		if err := b.rest(ctx, last); err != nil {
			return resultsKept(err, b.id)
		}
		return rawEnd(b.job, last)
	}
	if !b.o.quiet {
		b.out.note("%s", endLine(b.job))
	}
	return jobError(b.job)
}

// resultsKept says where the results still are when they could not be written.
func resultsKept(err error, id api.JobID) error {
	hint := api.HintOf(err)
	if hint != "" {
		hint += "; "
	}
	return api.Errorf(api.KindOf(err), "%w", err).WithHint("%sthe results are kept: p2prc job results %s -o DIR", hint, short(id))
}

// rawEnd is the exit of a single task: its own code.
func rawEnd(j api.Job, t api.Task) error {
	if t.State == api.TaskDone {
		return nil
	}
	if t.State != api.TaskFailed || t.Exit == nil {
		return jobError(j)
	}
	if t.Exit.Limit == "" && t.Exit.Msg == "" && t.Exit.Signal == "" && t.Exit.Code != 0 {
		return &exitError{code: t.Exit.Code} // its own words are on stderr already
	}
	err := api.Errorf(api.KindTasksFailed, "the task failed: %s", whyTask(t))
	if t.Exit.Code == 0 {
		return &exitError{code: 125, err: err}
	}
	return &exitError{code: t.Exit.Code, err: err}
}

// jobError is a job's end as an error, nil if all its tasks are done.
func jobError(j api.Job) error {
	switch j.State {
	case api.JobDone:
		return nil
	case api.JobCanceled:
		if j.Tasks.Failed > 0 {
			return api.Errorf(api.KindTasksFailed, "job %s was ended%s; %d of %s failed", short(j.ID), because(j.Reason), j.Tasks.Failed, plural(j.Tasks.Total, "task")).WithHint("p2prc job show %s lists them", short(j.ID))
		}
		return api.Errorf(api.KindCanceled, "job %s was canceled%s", short(j.ID), because(j.Reason)).WithHint("p2prc job retry %s runs what is left", short(j.ID))
	case api.JobFailed:
		if j.Tasks.Failed == 0 {
			return api.Errorf(api.KindNobody, "job %s failed%s", short(j.ID), because(j.Reason)).WithHint("p2prc job why %s", short(j.ID))
		}
		return api.Errorf(api.KindTasksFailed, "%d of %s failed", j.Tasks.Failed, plural(j.Tasks.Total, "task")).WithHint("p2prc job show %s lists them, p2prc job retry %s runs them again", short(j.ID), short(j.ID))
	}
	return api.Errorf(api.KindInternal, "job %s is %s", short(j.ID), j.State)
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// endLine sums a job up.
func endLine(j api.Job) string {
	took := j.Ended.Sub(j.Created)
	line := fmt.Sprintf("job %s: %d of %s done", short(j.ID), j.Tasks.Done, plural(j.Tasks.Total, "task"))
	working := 0
	for _, n := range j.Nodes {
		if n.Done > 0 {
			working++
		}
	}
	if !j.Ended.IsZero() {
		line += " in " + clock(took)
	}
	if working > 0 {
		line += " on " + plural(int64(working), "node")
	}
	return line
}
