package cli

import (
	"bytes"
	"context"
	"io"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// copyStream writes a task's stdout or stderr, from inside the task or its blob.
func copyStream(ctx context.Context, client *api.Client, s *api.Stream, w io.Writer) error {
	if s == nil {
		return nil
	}
	if s.Blob.IsZero() {
		_, err := io.Copy(w, bytes.NewReader(s.Inline))
		return err
	}
	body, _, err := client.GetBlob(ctx, s.Blob)
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.Copy(w, body)
	return err
}

// taskPrinter prints the output of an array's tasks as whole lines, each task
// once: when it ends, or with ordered when all before it have ended.
type taskPrinter struct {
	client  *api.Client
	id      api.JobID
	screen  *screen
	out     *output
	ordered bool
	prefix  bool // name the task before each line: on a terminal
	printed map[api.TaskID]bool
	waiting map[api.TaskID]bool // ended, but not yet in turn
	next    api.TaskID
}

// ended takes a task that has ended.
func (p *taskPrinter) ended(ctx context.Context, t api.Task) error {
	if !t.State.Terminal() || p.printed[t.ID] || p.waiting[t.ID] {
		return nil
	}
	if !p.ordered {
		p.printed[t.ID] = true
		return p.print(ctx, t)
	}
	if t.ID != p.next {
		p.waiting[t.ID] = true // only its number: a million outputs would not fit
		return nil
	}
	for {
		p.printed[t.ID] = true
		if err := p.print(ctx, t); err != nil {
			return err
		}
		p.next++
		if !p.waiting[p.next] {
			return nil
		}
		delete(p.waiting, p.next)
		var err error
		if t, err = p.client.Task(ctx, p.id, p.next); err != nil {
			return err
		}
	}
}

func (p *taskPrinter) print(ctx context.Context, t api.Task) error {
	prefix := ""
	if p.prefix {
		prefix = paint(p.out.color, faint, t.ID.String()+" |") + " "
	}
	for _, part := range []struct {
		s *api.Stream
		w io.Writer
	}{{t.Stdout, p.out.stdout}, {t.Stderr, p.out.stderr}} {
		w := part.w
		if p.out.width > 0 || w == p.out.stderr {
			w = p.screen.through(w)
		}
		lw := &lineWriter{w: w, prefix: prefix}
		if err := copyStream(ctx, p.client, part.s, lw); err != nil {
			return err
		}
		if err := lw.Flush(); err != nil {
			return err
		}
	}
	if t.State == api.TaskFailed {
		p.screen.Note("task %s failed: %s", t.ID, whyTask(t))
	}
	return nil
}

// whyTask says why a task did not succeed.
func whyTask(t api.Task) string {
	text := t.Error
	if text == "" && t.Exit != nil {
		text = exitWords(*t.Exit)
	}
	if text == "" {
		text = string(t.Cause)
	}
	if len(t.Each) > 0 {
		text += " (" + labels(t.Each) + ")"
	}
	return text
}

func exitWords(e api.Exit) string {
	switch {
	case e.Msg != "":
		return e.Msg
	case e.Limit != "":
		return "it ran into its " + string(e.Limit) + " limit"
	case e.Signal != "":
		return "ended by signal " + e.Signal
	}
	return "exit code " + api.TaskID(e.Code).String()
}
