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
	return runJob(ctx, c, spec, onEvent)
}

func runJob(ctx context.Context, c *api.Client, spec api.JobSpec, onEvent func(api.Event) error) (api.Job, error) {
	job, err := c.SubmitJob(ctx, spec)
	if err != nil {
		return job, err
	}
	if onEvent == nil {
		onEvent = func(api.Event) error { return nil }
	}
	if err := c.WatchJob(ctx, job.ID, onEvent); err != nil {
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

// Download opens a blob: an output of a task.
func Download(ctx context.Context, id api.BlobID) (io.ReadCloser, error) {
	c, err := Client()
	if err != nil {
		return nil, err
	}
	r, _, err := c.GetBlob(ctx, id)
	return r, err
}
