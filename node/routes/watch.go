package routes

import (
	"context"
	"errors"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/node/door"
	"github.com/Akilan1999/p2p-rendering-computation/node/events"
)

// recheck is how long a watcher trusts silence: then it reads the job's state
// anew, so that a job removed under it, or an event lost, never leaves it waiting.
const recheck = 5 * time.Second

// watchJob sends the job as it is, then its events, until it has ended. A
// reader that the ring overtakes is given the state anew: it sees fewer events,
// never a wrong end.
func (s *Services) watchJob(ctx context.Context, in *JobPath, out *door.Sink[api.Event]) error {
	id, err := s.id(in.Job)
	if err != nil {
		return err
	}
	for {
		reader := s.Events.Reader(s.Events.Last()) // before the state, so that no change falls between
		ended, err := s.sendState(id, out)
		if err != nil || ended {
			return err
		}
		ended, err = s.follow(ctx, id, reader, out)
		if err != nil || ended {
			return err
		}
	}
}

func (s *Services) sendState(id api.JobID, out *door.Sink[api.Event]) (ended bool, err error) {
	detail, err := s.Jobs.Job(id)
	if err != nil {
		return false, err
	}
	now := api.Event{Cursor: s.Events.Last(), Time: time.Now().UTC(), Type: api.EventJob, JobID: id, Job: &detail.Job}
	if err := out.Send(now); err != nil {
		return false, err
	}
	return detail.State.Terminal(), out.Flush()
}

// follow sends a job's events until it has ended, or (false, nil) until its
// state should be read anew.
func (s *Services) follow(ctx context.Context, id api.JobID, reader *events.Reader, out *door.Sink[api.Event]) (ended bool, err error) {
	for {
		soon, cancel := context.WithTimeout(ctx, recheck)
		got, err := reader.Wait(soon, batch)
		cancel()
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, events.ErrSlow):
			return false, nil
		case err != nil:
			return false, err
		}
		var sent bool
		for _, e := range got {
			if e.JobID != id {
				continue
			}
			sent = true
			if err := out.Send(e); err != nil {
				return false, err
			}
			if e.Job != nil && e.Job.State.Terminal() {
				return true, nil
			}
		}
		if sent {
			if err := out.Flush(); err != nil {
				return false, err
			}
		}
	}
}
