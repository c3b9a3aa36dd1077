// Package bufpipe is a two-way byte stream inside one process, with a bounded
// buffer each way, half-close, reset and deadlines: a network connection
// without the network.
package bufpipe

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

// ErrReset is what both ends read and write after a Reset.
var ErrReset = errors.New("stream reset")

// End is one end of a pair. It is safe for concurrent use.
type End struct {
	in, out *half
}

// Pair makes two connected ends that hold up to size bytes each way.
func Pair(size int) (*End, *End) {
	a, b := newHalf(size), newHalf(size)
	return &End{in: a, out: b}, &End{in: b, out: a}
}

// Read reads what the other end wrote; io.EOF after its CloseWrite.
func (e *End) Read(p []byte) (int, error) { return e.in.read(p) }

// Write waits for room.
func (e *End) Write(p []byte) (int, error) { return e.out.write(p) }

// CloseWrite ends this end's data.
func (e *End) CloseWrite() error {
	e.out.set(func(h *half) { h.eof = true })
	return nil
}

// Close ends this end's data and drops what comes in; the other end's writes fail.
func (e *End) Close() error {
	e.out.set(func(h *half) { h.eof = true })
	e.in.set(func(h *half) { h.fail(io.ErrClosedPipe) })
	return nil
}

// Reset ends both directions at once.
func (e *End) Reset() error {
	for _, h := range []*half{e.in, e.out} {
		h.set(func(h *half) { h.fail(ErrReset) })
	}
	return nil
}

// SetDeadline bounds reads and writes; zero is no bound.
func (e *End) SetDeadline(t time.Time) error {
	return errors.Join(e.SetReadDeadline(t), e.SetWriteDeadline(t))
}

// SetReadDeadline bounds reads.
func (e *End) SetReadDeadline(t time.Time) error { return e.in.setDeadline(&e.in.readBy, t) }

// SetWriteDeadline bounds writes.
func (e *End) SetWriteDeadline(t time.Time) error { return e.out.setDeadline(&e.out.writeBy, t) }

// deadline is a time with the timer that wakes who waits past it.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

// half carries bytes one way.
type half struct {
	size int

	mu      sync.Mutex // guards what follows
	change  *sync.Cond
	ring    []byte // grows with what waits, up to size
	start   int    // of what waits
	waits   int    // bytes
	eof     bool   // nothing more will be written
	err     error  // the half is dead
	readBy  deadline
	writeBy deadline
}

func newHalf(size int) *half {
	h := &half{size: size}
	h.change = sync.NewCond(&h.mu)
	return h
}

func (h *half) set(fn func(*half)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fn(h)
	h.change.Broadcast()
}

// fail is called with mu held.
func (h *half) fail(err error) {
	if h.err == nil {
		h.err, h.ring, h.start, h.waits = err, nil, 0, 0
	}
}

func (h *half) setDeadline(d *deadline, t time.Time) error {
	h.set(func(*half) {
		if d.timer != nil {
			d.timer.Stop()
		}
		d.at, d.timer = t, nil
		if wait := time.Until(t); !t.IsZero() && wait > 0 {
			d.timer = time.AfterFunc(wait, func() { h.set(func(*half) {}) })
		}
	})
	return nil
}

func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.err != nil:
			return 0, h.err
		case h.waits > 0:
			n := h.take(p)
			h.change.Broadcast()
			return n, nil
		case h.eof:
			return 0, io.EOF
		case h.readBy.passed():
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		}
		h.change.Wait()
	}
}

func (h *half) write(p []byte) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch room := h.size - h.waits; {
		case h.err != nil:
			return n, h.err
		case h.eof:
			return n, io.ErrClosedPipe
		case len(p) == 0:
			return n, nil
		case h.writeBy.passed():
			return n, os.ErrDeadlineExceeded
		case room > 0:
			k := min(room, len(p))
			h.put(p[:k])
			n, p = n+k, p[k:]
			h.change.Broadcast()
		default:
			h.change.Wait()
		}
	}
}

// put adds to what waits, and take takes from it; p has room, mu is held.
func (h *half) put(p []byte) {
	if need := h.waits + len(p); need > len(h.ring) {
		ring := make([]byte, min(max(2*len(h.ring), need), h.size))
		h.waits = h.take(ring[:h.waits])
		h.ring, h.start = ring, 0
	}
	end := (h.start + h.waits) % len(h.ring)
	n := copy(h.ring[end:], p)
	copy(h.ring, p[n:])
	h.waits += len(p)
}

func (h *half) take(p []byte) int {
	if len(h.ring) == 0 {
		return 0
	}
	p = p[:min(len(p), h.waits)]
	n := copy(p, h.ring[h.start:])
	copy(p[n:], h.ring)
	h.start, h.waits = (h.start+len(p))%len(h.ring), h.waits-len(p)
	if h.waits == 0 {
		h.start = 0
	}
	return len(p)
}
