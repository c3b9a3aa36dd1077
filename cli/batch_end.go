package cli

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/dustin/go-humanize"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

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
	err := api.Errorf(api.KindTasksFailed, "the task failed: %s", whyTask(t)).WithHint("%s", moreOf[t.Exit.Limit])
	if t.Exit.Code == 0 {
		return &exitError{code: 125, err: err}
	}
	return &exitError{code: t.Exit.Code, err: err}
}

// moreOf says how a task gets more of what it ran out of.
var moreOf = map[api.Limit]string{
	api.LimitMemory: "--memory gives it more, where a lender has that",
	api.LimitCPU:    "--cpu-time gives it more",
	api.LimitWall:   "--timeout gives it longer, up to the lender's own limit",
	api.LimitOutput: "--max-output lets it print more, up to the lender's own limit; or have it write a file, and give --out",
	api.LimitDisk:   "--disk gives it more, where a lender has that",
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
	line := fmt.Sprintf("job %s: %s of %s done", short(j.ID), humanize.Comma(j.Tasks.Done), plural(j.Tasks.Total, "task"))
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
