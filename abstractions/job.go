package abstractions

import (
	"context"
	"io"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Upload puts bytes into the node's store, for a job's module or inputs.
func Upload(ctx context.Context, r io.Reader) (api.BlobID, error) {
	c, err := Client()
	if err != nil {
		return api.BlobID{}, err
	}
	info, err := c.PutBlob(ctx, r)
	return info.ID, err
}

// RunJob submits a job and follows it to its end. onEvent, which may be nil,
// gets its progress and each task that ended; its error stops the following, not
// the job. The job is KindTasksFailed unless every task is done. A ctx that ends
// leaves the job running: Client has CancelJob.
func RunJob(ctx context.Context, spec api.JobSpec, onEvent func(api.Event) error) (api.Job, error) {
	c, err := Client()
	if err != nil {
		return api.Job{}, err
	}
	job, err := c.SubmitJob(ctx, spec)
	if err != nil {
		return job, err
	}
	err = c.WatchJob(ctx, job.ID, func(e api.Event) error {
		if onEvent != nil {
			return onEvent(e)
		}
		return nil
	})
	if err != nil {
		return job, err
	}
	detail, err := c.Job(ctx, job.ID)
	if err != nil {
		return job, err
	}
	if n := detail.Tasks.Total - detail.Tasks.Done; n > 0 {
		return detail.Job, api.Errorf(api.KindTasksFailed, "%d of %d tasks are not done: %s", n, detail.Tasks.Total, detail.Reason).
			WithHint("p2prc job show %s", detail.ID)
	}
	return detail.Job, nil
}

// Results calls fn for each task that has ended, with its files.
func Results(ctx context.Context, id api.JobID, fn func(api.Task) error) error {
	c, err := Client()
	if err != nil {
		return err
	}
	return c.Results(ctx, id, fn)
}

// Download opens a blob: an output of a task.
func Download(ctx context.Context, id api.BlobID) (io.ReadCloser, error) {
	c, err := Client()
	if err != nil {
		return nil, err
	}
	r, _, err := c.GetBlob(ctx, id)
	return r, err
}

// Events calls fn for everything that happens on the node, from the cursor on,
// until ctx ends or fn returns an error. It takes up where it was when it is
// given the last event's cursor.
func Events(ctx context.Context, since api.Cursor, fn func(api.Event) error) error {
	c, err := Client()
	if err != nil {
		return err
	}
	return c.Events(ctx, since, true, fn)
}
