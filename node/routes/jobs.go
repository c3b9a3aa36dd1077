package routes

import (
	"context"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/node/door"
)

// JobPath is the input of routes about a job.
type JobPath struct {
	Job string `path:"job" maxLength:"100" doc:"a job's id, or a unique part of it"`
}

// id is the job that is meant.
func (s *Services) id(typed string) (api.JobID, error) {
	const ulid = 26
	if len(typed) == ulid {
		return api.JobID(typed), nil // whole: the engine says if it is unknown
	}
	var ids []string
	for _, j := range s.Jobs.Jobs() {
		ids = append(ids, string(j.ID))
	}
	id, err := unique("job", "p2prc job ls", typed, ids)
	return api.JobID(id), err
}

func (s *Services) jobs(context.Context, *door.None) ([]api.Job, error) {
	return list(s.Jobs.Jobs()), nil
}

type submitIn struct {
	Body api.JobSpec
}

// submitJob takes peers in On by any name a person has for them.
func (s *Services) submitJob(ctx context.Context, in *submitIn) (api.Job, error) {
	spec := in.Body
	for i, name := range spec.On {
		id, err := s.Pool.Resolve(string(name))
		if err != nil {
			return api.Job{}, err
		}
		spec.On[i] = id
	}
	return s.Jobs.Submit(ctx, spec)
}

func (s *Services) job(_ context.Context, in *JobPath) (api.JobDetail, error) {
	id, err := s.id(in.Job)
	if err != nil {
		return api.JobDetail{}, err
	}
	return s.Jobs.Job(id)
}

func (s *Services) removeJob(ctx context.Context, in *JobPath) error {
	id, err := s.id(in.Job)
	if err != nil {
		return err
	}
	return s.Jobs.Remove(ctx, id)
}

type tasksIn struct {
	JobPath
	State string `query:"state" enum:"waiting,queued,running,done,failed,canceled" doc:"all if empty"`
	After int64  `query:"after" default:"-1" doc:"those with a higher id"`
	Limit int    `query:"limit" default:"1000" minimum:"1" maximum:"1000"`
}

func (s *Services) tasks(ctx context.Context, in *tasksIn) ([]api.Task, error) {
	id, err := s.id(in.Job)
	if err != nil {
		return nil, err
	}
	tasks, err := s.Jobs.Tasks(ctx, id, api.TaskState(in.State), api.TaskID(in.After), in.Limit)
	return list(tasks), err
}

// TaskPath is the input of routes about a task.
type TaskPath struct {
	JobPath
	Task int64 `path:"task" minimum:"0"`
}

func (s *Services) task(ctx context.Context, in *TaskPath) (api.Task, error) {
	id, err := s.id(in.Job)
	if err != nil {
		return api.Task{}, err
	}
	return s.Jobs.Task(ctx, id, api.TaskID(in.Task))
}

type logIn struct {
	TaskPath
	Follow bool `query:"follow" doc:"wait for more until the task has ended"`
}

func (s *Services) taskLog(ctx context.Context, in *logIn, out *door.Sink[api.LogChunk]) error {
	id, err := s.id(in.Job)
	if err != nil {
		return err
	}
	if in.Follow { // it may be long before anything is printed
		if _, err := s.Jobs.Task(ctx, id, api.TaskID(in.Task)); err != nil {
			return err
		}
		if err := out.Open(); err != nil {
			return err
		}
	}
	return s.Jobs.Log(ctx, id, api.TaskID(in.Task), in.Follow, func(c api.LogChunk) error {
		if err := out.Send(c); err != nil || !in.Follow {
			return err
		}
		return out.Flush()
	})
}

func (s *Services) results(ctx context.Context, in *JobPath, out *door.Sink[api.Task]) error {
	id, err := s.id(in.Job)
	if err != nil {
		return err
	}
	return s.Jobs.Results(ctx, id, out.Send)
}

func (s *Services) whyJob(ctx context.Context, in *JobPath) (api.Why, error) {
	id, err := s.id(in.Job)
	if err != nil {
		return api.Why{}, err
	}
	return s.Jobs.Why(ctx, id)
}

func (s *Services) pauseJob(ctx context.Context, in *JobPath) error {
	id, err := s.id(in.Job)
	if err != nil {
		return err
	}
	return s.Jobs.Pause(ctx, id)
}

func (s *Services) resumeJob(ctx context.Context, in *JobPath) error {
	id, err := s.id(in.Job)
	if err != nil {
		return err
	}
	return s.Jobs.Resume(ctx, id)
}

type cancelIn struct {
	JobPath
	Body *api.ReasonRequest
}

func (s *Services) cancelJob(ctx context.Context, in *cancelIn) error {
	id, err := s.id(in.Job)
	if err != nil {
		return err
	}
	return s.Jobs.Cancel(ctx, id, reason(in.Body))
}

func (s *Services) retryJob(ctx context.Context, in *JobPath) (api.RetryResult, error) {
	id, err := s.id(in.Job)
	if err != nil {
		return api.RetryResult{}, err
	}
	n, err := s.Jobs.Retry(ctx, id)
	return api.RetryResult{Tasks: n}, err
}
