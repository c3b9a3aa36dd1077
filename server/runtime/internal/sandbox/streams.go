package sandbox

import (
	"io"

	"github.com/Akilan1999/p2p-rendering-computation/agent"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

// streams puts the counters before the caller's streams.
func (w *watch) streams(s runtime.Streams) agent.Streams {
	out := agent.Streams{Stdin: s.Stdin, Stdout: &counted{w, s.Stdout}, Stderr: &counted{w, s.Stderr}}
	out.Output = func(path string, mode uint32, size int64, r io.Reader) error {
		w.mu.Lock()
		w.saved += size
		over := w.limits.Disk > 0 && w.saved > w.limits.Disk
		stopped := w.verdict != nil
		w.mu.Unlock()
		if over {
			w.stop(verdict{limit: api.LimitDisk})
			return nil
		}
		if stopped || s.Output == nil {
			return nil
		}
		if err := s.Output(path, mode, size, r); err != nil {
			w.stop(verdict{err: err})
		}
		return nil
	}
	return out
}

// counted passes on what a command prints, up to its limit. It never fails: an
// error stops the command, and what still comes is swallowed.
type counted struct {
	w  *watch
	to io.Writer
}

func (c *counted) Write(p []byte) (int, error) {
	w := c.w
	w.mu.Lock()
	keep := p
	over := false
	if l := w.limits.Output; l > 0 && w.printed+int64(len(p)) > l {
		keep, over = p[:max(0, l-w.printed)], true
	}
	w.printed += int64(len(keep))
	stopped := w.verdict != nil
	w.mu.Unlock()
	if c.to != nil && len(keep) > 0 && !stopped {
		if _, err := c.to.Write(keep); err != nil {
			w.stop(verdict{err: err})
		}
	}
	if over {
		w.stop(verdict{limit: api.LimitOutput})
	}
	return len(p), nil
}
