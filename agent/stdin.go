package agent

import (
	"io"
	"sync"

	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// feed holds the stdin that came for a command which runs beside the loop, at
// most the window, and gives credit for what the command took.
type feed struct {
	credit func(n int) error

	mu   sync.Mutex // guards the rest
	cond *sync.Cond
	buf  []byte
	eof  bool
}

func newFeed(credit func(int) error) *feed {
	f := &feed{credit: credit}
	f.cond = sync.NewCond(&f.mu)
	return f
}

// put takes a stdin frame; an empty one is the end. What goes beyond the window
// comes from a node that ignores credit and is cut off.
func (f *feed) put(p []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.eof:
	case len(p) == 0 || len(f.buf)+len(p) > stdinWindow:
		f.eof = true
	default:
		f.buf = append(f.buf, p...)
	}
	f.cond.Broadcast()
}

func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.eof, f.buf = true, nil
	f.cond.Broadcast()
}

// Read implements io.Reader for the executor.
func (f *feed) Read(p []byte) (int, error) {
	f.mu.Lock()
	for len(f.buf) == 0 && !f.eof {
		f.cond.Wait()
	}
	if len(f.buf) == 0 {
		f.mu.Unlock()
		return 0, io.EOF
	}
	n := copy(p, f.buf)
	f.buf = f.buf[n:]
	if len(f.buf) == 0 {
		f.buf = nil
	}
	f.mu.Unlock()
	return n, f.credit(n)
}

// pull reads stdin frames on the goroutine that executes: nothing else reads the
// stream while an inline command runs.
type pull struct {
	s    *server
	rest []byte // of the last frame; valid because nobody else calls Next
	eof  bool
}

func (in *pull) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(in.rest) == 0 {
		if in.eof {
			return 0, io.EOF
		}
		kind, payload, err := in.s.r.Next()
		switch {
		case err != nil:
			in.eof = true
			return 0, err
		case kind == kindKill:
			continue // the node ends this process
		case kind != kindStdin:
			in.eof = true
			return 0, wire.UnknownKind(kind)
		}
		in.rest, in.eof = payload, len(payload) == 0
		if len(payload) > 0 {
			if err := in.s.sendCredit(len(payload)); err != nil {
				return 0, err
			}
		}
	}
	n := copy(p, in.rest)
	in.rest = in.rest[n:]
	return n, nil
}
