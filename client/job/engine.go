package job

import (
	"context"
	"errors"
	"log/slog"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Config is what an engine needs. All but OnEvent are required.
type Config struct {
	Self  api.PeerID
	Store Store
	Dial  Dialer
	Peers Directory
	Blobs Blobs
	Fetch Fetcher
	Log   *slog.Logger
	// OnEvent is told of jobs and tasks (throttled, see Engine); it is called
	// without locks held, one call at a time, and must not block for long.
	OnEvent func(api.Event)
}

// Engine runs this node's jobs on lenders. Its methods are safe for concurrent
// use; those that change something need Run to be running.
type Engine struct {
	cfg Config
}

var errNotYet = errors.New("not yet")

// New makes an engine; it does nothing until Run.
func New(cfg Config) (*Engine, error) { return &Engine{cfg: cfg}, nil }

// Run reloads unfinished jobs and works until ctx is done.
func (e *Engine) Run(ctx context.Context) error { return errNotYet }

// PeersChanged says that the directory changed. It never blocks.
func (e *Engine) PeersChanged() {}

// Submit takes a job.
func (e *Engine) Submit(ctx context.Context, spec api.JobSpec) (api.Job, error) {
	return api.Job{}, errNotYet
}

// Jobs lists all jobs, oldest first.
func (e *Engine) Jobs() []api.Job { return nil }

// Job is one job with its spec (KindNotFound).
func (e *Engine) Job(id api.JobID) (api.JobDetail, error) { return api.JobDetail{}, errNotYet }

// Tasks pages through a job's tasks.
func (e *Engine) Tasks(ctx context.Context, id api.JobID, state api.TaskState, after api.TaskID, limit int) ([]api.Task, error) {
	return nil, errNotYet
}

// Task is one task.
func (e *Engine) Task(ctx context.Context, id api.JobID, task api.TaskID) (api.Task, error) {
	return api.Task{}, errNotYet
}

// Pause hands out no more tasks; running ones end.
func (e *Engine) Pause(ctx context.Context, id api.JobID) error { return errNotYet }

// Resume undoes Pause.
func (e *Engine) Resume(ctx context.Context, id api.JobID) error { return errNotYet }

// Cancel ends a job.
func (e *Engine) Cancel(ctx context.Context, id api.JobID, reason string) error { return errNotYet }

// Retry puts failed and canceled tasks back and says how many.
func (e *Engine) Retry(ctx context.Context, id api.JobID) (int64, error) { return 0, errNotYet }

// Remove forgets an ended job and its results.
func (e *Engine) Remove(ctx context.Context, id api.JobID) error { return errNotYet }

// Why explains waiting tasks.
func (e *Engine) Why(ctx context.Context, id api.JobID) (api.Why, error) {
	return api.Why{}, errNotYet
}

// Log streams a task's output.
func (e *Engine) Log(ctx context.Context, id api.JobID, task api.TaskID, follow bool, fn func(api.LogChunk) error) error {
	return errNotYet
}

// Results streams the ended tasks in order.
func (e *Engine) Results(ctx context.Context, id api.JobID, fn func(api.Task) error) error {
	return errNotYet
}
