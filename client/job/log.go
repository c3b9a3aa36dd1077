package job

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"sync"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// Bounds of the live output kept of one job.
const (
	liveTasks = 256
	liveBytes = 256 << 10 // of one task; older pieces go
	logChunk  = 32 << 10
)

// liveOutput keeps the last pieces of what running tasks print, for whoever
// watches. It is for the eye: pieces may be missing, the result has the whole.
type liveOutput struct {
	mu    sync.Mutex // guards what follows; a leaf
	tasks map[api.TaskID]*livePieces
}

type livePieces struct {
	attempt api.Attempt
	pieces  []lease.Output
	first   int // number of pieces[0]
	bytes   int
	watch   int           // watchers
	changed chan struct{} // closed and replaced when pieces came
}

func (l *liveOutput) get(task api.TaskID) *livePieces {
	p := l.tasks[task]
	if p != nil {
		return p
	}
	if l.tasks == nil {
		l.tasks = map[api.TaskID]*livePieces{}
	}
	for id, old := range l.tasks {
		if len(l.tasks) < liveTasks {
			break
		}
		if old.watch == 0 {
			delete(l.tasks, id)
		}
	}
	if len(l.tasks) >= 2*liveTasks {
		return nil
	}
	p = &livePieces{changed: make(chan struct{})}
	l.tasks[task] = p
	return p
}

// add takes a piece. One of an older attempt than the last seen is dropped.
func (l *liveOutput) add(o lease.Output) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.get(o.Task)
	if p == nil || o.Attempt < p.attempt || len(o.Data) > liveBytes {
		return
	}
	if o.Attempt > p.attempt {
		p.attempt = o.Attempt
		p.first += len(p.pieces)
		p.pieces, p.bytes = nil, 0
	}
	p.pieces = append(p.pieces, o)
	p.bytes += len(o.Data)
	for p.bytes > liveBytes || len(p.pieces) > 1024 {
		p.bytes -= len(p.pieces[0].Data)
		p.pieces = p.pieces[1:]
		p.first++
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

// end forgets a task that has a result, once nobody watches it.
func (l *liveOutput) end(row api.Task) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.tasks[row.ID]; p != nil && p.watch == 0 {
		delete(l.tasks, row.ID)
	}
}

// watch begins to follow a task; leave must be called in the end.
func (l *liveOutput) watch(task api.TaskID) (p *livePieces, leave func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p = l.get(task)
	if p == nil {
		return nil, func() {}
	}
	p.watch++
	return p, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		p.watch--
		if p.watch == 0 && l.tasks[task] == p {
			delete(l.tasks, task)
		}
	}
}

// since gives the pieces from number n on, the next number, and what to wait for.
func (l *liveOutput) since(p *livePieces, n int) ([]lease.Output, int, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	skip := min(max(n-p.first, 0), len(p.pieces))
	return append([]lease.Output(nil), p.pieces[skip:]...), p.first + len(p.pieces), p.changed
}

// Log gives a task's stdout and stderr in pieces: of a task that has ended the
// whole, of a running one what has been seen of it (jobs submitted with live
// only), of a canceled one nothing more. With follow it waits for the task's end,
// and what comes after a gap waits for it too: the pieces of a stream are the
// stream, without a hole. A task that runs again elsewhere prints the
// same again as a rule: what was passed on is then not repeated. Where it prints
// something else, the stream begins anew with a piece marked Again. An error of fn
// ends it and is returned.
func (e *Engine) Log(ctx context.Context, id api.JobID, task api.TaskID, follow bool, fn func(api.LogChunk) error) error {
	f := follower{e: e, id: id, task: task, fn: fn, seen: map[string]*seen{"stdout": {hash: sha256.New()}, "stderr": {hash: sha256.New()}}}
	e.mu.Lock()
	r := e.runs[id]
	e.mu.Unlock()
	if r == nil {
		return f.finish(ctx)
	}
	p, leave := r.live.watch(task)
	defer leave()
	for next := 0; ; {
		e.mu.Lock()
		ended := task < 0 || int64(task) >= r.sched.count.Total || r.sched.tasks[task].state.terminal()
		bump := r.bump
		e.mu.Unlock()
		var more <-chan struct{}
		if p != nil {
			var pieces []lease.Output
			pieces, next, more = r.live.since(p, next)
			for _, o := range pieces {
				if err := f.piece(o, follow); err != nil {
					return err
				}
			}
		}
		if ended {
			return f.finish(ctx)
		}
		if !follow {
			return nil
		}
		select {
		case <-more:
		case <-bump:
		case <-ctx.Done():
			return ctx.Err()
		case <-e.stopped:
			return errStopped
		}
	}
}

type follower struct {
	e    *Engine
	id   api.JobID
	task api.TaskID
	fn   func(api.LogChunk) error
	seen map[string]*seen
}

// seen is what was passed on of a stream.
type seen struct {
	n    int64
	hash hash.Hash
	head []byte // its first bytes, to compare with what a further attempt prints
}

// headBytes is how much of a stream is kept to compare with.
const headBytes = 64 << 10

// pass passes data on, which continues what was seen, or begins it anew.
func (f *follower) pass(stream string, data []byte, again bool) error {
	s := f.seen[stream]
	if again {
		s.n, s.head = 0, nil
		s.hash.Reset()
	}
	s.n += int64(len(data))
	s.hash.Write(data)
	s.head = append(s.head, data[:min(len(data), headBytes-len(s.head))]...)
	return f.fn(api.LogChunk{Task: f.task, Stream: stream, Data: data, Again: again})
}

// piece passes on what is new in a piece. To keep, one beyond a gap is left to finish.
func (f *follower) piece(o lease.Output, keep bool) error {
	s := f.seen[o.Stream]
	switch {
	case !keep:
		return f.pass(o.Stream, o.Data, false)
	case o.At < 0 || o.At > s.n:
		return nil
	}
	old := min(s.n-o.At, int64(len(o.Data)))
	if from := min(o.At, int64(len(s.head))); !bytes.HasPrefix(s.head[from:], o.Data[:min(old, int64(len(s.head))-from)]) {
		return f.pass(o.Stream, append(s.head[:from:from], o.Data...), true)
	}
	if old == int64(len(o.Data)) {
		return nil
	}
	return f.pass(o.Stream, o.Data[old:], false)
}

// finish passes on what the result has beyond what was seen.
func (f *follower) finish(ctx context.Context) error {
	t, err := f.e.Task(ctx, f.id, f.task)
	if err != nil || t.State == api.TaskCanceled { // canceled: there is no result to complete it from
		return err
	}
	for _, s := range []struct {
		name string
		st   *api.Stream
	}{{"stdout", t.Stdout}, {"stderr", t.Stderr}} {
		if err := f.rest(s.name, s.st); err != nil {
			return err
		}
	}
	return nil
}

func (f *follower) rest(name string, st *api.Stream) error {
	had := f.seen[name]
	var rd io.ReadSeeker = bytes.NewReader(nil)
	switch {
	case st == nil:
	case st.Blob.IsZero():
		rd = bytes.NewReader(st.Inline)
	default:
		blob, err := f.e.cfg.Blobs.Reader(st.Blob)
		if err != nil {
			return err
		}
		defer func() {
			if err := blob.Close(); err != nil {
				f.e.log.Debug("close output blob", "err", err)
			}
		}()
		rd = blob
	}
	h := sha256.New()
	n, err := io.CopyN(h, rd, had.n)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	again := n < had.n || !bytes.Equal(h.Sum(nil), had.hash.Sum(nil))
	if again {
		if _, err := rd.Seek(0, io.SeekStart); err != nil {
			return err
		}
	}
	for buf := make([]byte, logChunk); ; again = false {
		n, err := io.ReadFull(rd, buf)
		if n > 0 || again {
			if err := f.pass(name, bytes.Clone(buf[:n]), again); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
	}
}
