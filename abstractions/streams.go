package abstractions

import (
	"context"
	"errors"
	"iter"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Events are those of the node after the cursor, then those that come, until ctx
// ends or the loop does. The last pair may be an error. The last event's cursor
// is where to take up again.
func Events(ctx context.Context, since api.Cursor) iter.Seq2[api.Event, error] {
	return fromClient(func(c *api.Client) iter.Seq2[api.Event, error] { return events(ctx, c, since) })
}

// Results are the tasks of a job that have ended, with their files.
func Results(ctx context.Context, id api.JobID) iter.Seq2[api.Task, error] {
	return fromClient(func(c *api.Client) iter.Seq2[api.Task, error] { return results(ctx, c, id) })
}

func events(ctx context.Context, c *api.Client, since api.Cursor) iter.Seq2[api.Event, error] {
	return sequence(func(fn func(api.Event) error) error { return c.Events(ctx, since, true, fn) })
}

func results(ctx context.Context, c *api.Client, id api.JobID) iter.Seq2[api.Task, error] {
	return sequence(func(fn func(api.Task) error) error { return c.Results(ctx, id, fn) })
}

func fromClient[T any](rows func(*api.Client) iter.Seq2[T, error]) iter.Seq2[T, error] {
	c, err := Client()
	if err != nil {
		return sequence(func(func(T) error) error { return err })
	}
	return rows(c)
}

// errEnough is what a loop that was left ends its stream with.
var errEnough = errors.New("enough")

// sequence makes an iterator of a call that hands rows to a function.
func sequence[T any](each func(fn func(T) error) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		err := each(func(row T) error {
			if !yield(row, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			var none T
			yield(none, err)
		}
	}
}
