package api

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// GCResult says what a garbage collection freed.
type GCResult struct {
	Freed int64 `json:"freed" doc:"bytes"`
}

// RetryResult says how many tasks wait again.
type RetryResult struct {
	Tasks int64 `json:"tasks"`
}

// TaskQuery pages through a job's tasks.
type TaskQuery struct {
	State TaskState // empty: all
	From  TaskID    // those with this id or a higher one
	Limit int       // at most; 0: 1000
}

// PutBlob uploads bytes.
func (c *Client) PutBlob(ctx context.Context, r io.Reader) (BlobInfo, error) {
	var out BlobInfo
	err := c.send(ctx, http.MethodPost, "/v1/blobs", nil, bytesType, r, &out)
	return out, err
}

// GetBlob opens a blob for reading and tells its size. The caller closes it.
func (c *Client) GetBlob(ctx context.Context, id BlobID) (io.ReadCloser, int64, error) {
	resp, err := c.do(ctx, http.MethodGet, "/v1/blobs/"+id.String(), nil, "", nil)
	if err != nil {
		return nil, 0, err
	}
	return resp.Body, resp.ContentLength, nil
}

// BlobStats is the content store at a glance.
func (c *Client) BlobStats(ctx context.Context) (BlobStats, error) {
	return get[BlobStats](ctx, c, nil, "blobs")
}

// GCBlobs drops what nothing needs any more.
func (c *Client) GCBlobs(ctx context.Context) (GCResult, error) {
	return post[GCResult](ctx, c, nil, "blobs", "gc")
}

// PutTree uploads a folder as an uncompressed tar of regular files and folders.
func (c *Client) PutTree(ctx context.Context, tar io.Reader) (TreeInfo, error) {
	var out TreeInfo
	err := c.send(ctx, http.MethodPost, "/v1/trees", nil, tarType, tar, &out)
	return out, err
}

// GetTree is a folder's manifest.
func (c *Client) GetTree(ctx context.Context, id BlobID) (Tree, error) {
	return get[Tree](ctx, c, nil, "trees", id.String())
}

// SubmitJob submits a job; its inputs are blobs that are there already.
func (c *Client) SubmitJob(ctx context.Context, spec JobSpec) (Job, error) {
	return post[Job](ctx, c, spec, "jobs")
}

// Jobs lists jobs, running and ended.
func (c *Client) Jobs(ctx context.Context) ([]Job, error) { return get[[]Job](ctx, c, nil, "jobs") }

// Job is one job with what was submitted.
func (c *Client) Job(ctx context.Context, id JobID) (JobDetail, error) {
	return get[JobDetail](ctx, c, nil, "jobs", string(id))
}

// RemoveJob forgets an ended job and what it kept.
func (c *Client) RemoveJob(ctx context.Context, id JobID) error {
	return c.call(ctx, http.MethodDelete, join([]string{"jobs", string(id)}), nil, nil, nil)
}

// Tasks is a page of a job's tasks in order of id.
func (c *Client) Tasks(ctx context.Context, id JobID, page TaskQuery) ([]Task, error) {
	q := url.Values{"after": {(page.From - 1).String()}}
	if page.State != "" {
		q.Set("state", string(page.State))
	}
	if page.Limit > 0 {
		q.Set("limit", strconv.Itoa(page.Limit))
	}
	return get[[]Task](ctx, c, q, "jobs", string(id), "tasks")
}

// Task is one task.
func (c *Client) Task(ctx context.Context, id JobID, task TaskID) (Task, error) {
	return get[Task](ctx, c, nil, "jobs", string(id), "tasks", task.String())
}

// TaskLog calls fn with the pieces of a task's output; with follow it waits for
// more until the task has ended.
func (c *Client) TaskLog(ctx context.Context, id JobID, task TaskID, follow bool, fn func(LogChunk) error) error {
	q := url.Values{"follow": {strconv.FormatBool(follow)}}
	return stream(ctx, c, q, fn, "jobs", string(id), "tasks", task.String(), "log")
}

// WatchJob calls fn with the job's state now and then with each of its events,
// and returns nil when the job has ended. A reader that is too slow gets fewer
// events, never a wrong one.
func (c *Client) WatchJob(ctx context.Context, id JobID, fn func(Event) error) error {
	return stream(ctx, c, nil, fn, "jobs", string(id), "events")
}

// Results calls fn with each ended task and the files it left.
func (c *Client) Results(ctx context.Context, id JobID, fn func(Task) error) error {
	return stream(ctx, c, nil, fn, "jobs", string(id), "results")
}

// PauseJob starts no more tasks of a job.
func (c *Client) PauseJob(ctx context.Context, id JobID) error {
	return c.act(ctx, nil, "jobs", string(id), "pause")
}

// ResumeJob lets a paused job go on.
func (c *Client) ResumeJob(ctx context.Context, id JobID) error {
	return c.act(ctx, nil, "jobs", string(id), "resume")
}

// CancelJob ends a job.
func (c *Client) CancelJob(ctx context.Context, id JobID, reason string) error {
	return c.act(ctx, ReasonRequest{Reason: reason}, "jobs", string(id), "cancel")
}

// RetryJob makes the failed and canceled tasks of a job wait again.
func (c *Client) RetryJob(ctx context.Context, id JobID) (RetryResult, error) {
	return post[RetryResult](ctx, c, nil, "jobs", string(id), "retry")
}

// WhyJob explains what a job's waiting tasks wait for.
func (c *Client) WhyJob(ctx context.Context, id JobID) (Why, error) {
	return get[Why](ctx, c, nil, "jobs", string(id), "why")
}
