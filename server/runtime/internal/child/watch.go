package child

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/agent"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/proctree"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

// How often a command is looked at. Most commands end before the first look.
const (
	lookEvery  = 20 * time.Millisecond
	diskEvery  = 100 * time.Millisecond
	stopWithin = 2 * time.Second // from asking the agent to kill to killing the agent
)

// verdict is why the node stopped a command: a limit, or an error of its own.
type verdict struct {
	limit api.Limit
	err   error
}

// watch looks after one command from outside.
type watch struct {
	s      *Sandbox
	r      *resident
	limits runtime.Limits
	start  time.Time
	still  time.Duration // of s.pausedFor at start
	cpu0   time.Duration // of the tree at start; known if there is a limit
	oom0   int64         // of the group at start
	forks0 int64

	// asking is held while the command is asked to end, and by end: what is said
	// late must not hit the next command. It comes before mu.
	asking sync.Mutex

	mu       sync.Mutex  // guards the rest; comes before Sandbox.mu
	force    *time.Timer // kills the agent when asking does not help
	ended    bool
	verdict  *verdict
	peak     int64
	cpu      time.Duration // highest seen
	nextDisk time.Time
	printed  int64
	saved    int64 // bytes of collected outputs
}

func newWatch(s *Sandbox, r *resident, l runtime.Limits) *watch {
	w := &watch{s: s, r: r, limits: l, start: time.Now()}
	if s.cfg.Group != nil {
		w.oom0, w.forks0 = s.cfg.Group.Events()
	}
	if l.CPU > 0 {
		w.cpu0 = w.treeCPU()
	}
	s.mu.Lock()
	s.watch = w
	if !s.looking {
		s.looking = true
		time.AfterFunc(lookEvery, s.look)
	}
	w.still = s.frozen
	if !s.paused.IsZero() {
		w.still += time.Since(s.paused)
	}
	closed := s.closed
	s.mu.Unlock()
	if closed {
		w.mark(verdict{err: errClosed})
	}
	return w
}

func (w *watch) treeCPU() time.Duration {
	if g := w.s.cfg.Group; g != nil {
		if t := g.CPUTime(); t > 0 {
			return t
		}
	}
	if t, ok := processCPU(w.r.proc.Pid()); ok && w.r.client.Inline() {
		return t
	}
	u, err := proctree.Usage(w.r.proc.Pid())
	if err != nil {
		return 0
	}
	return u.CPU
}

// wall is how long the command has run; time in which it stood still is not counted.
func (w *watch) wall() time.Duration {
	sum, _ := w.s.pausedFor()
	return time.Since(w.start) - (sum - w.still)
}

// look measures and judges the command under way, and comes again as long as
// there are commands. One timer serves all: setting and stopping one for each of
// thousands of commands a second costs more than the look.
func (s *Sandbox) look() {
	s.mu.Lock()
	w := s.watch
	s.looking = w != nil
	s.mu.Unlock()
	if w == nil {
		return
	}
	young := lookEvery
	if w.limits.Wall > 0 {
		young = min(young, w.limits.Wall)
	}
	if time.Since(w.start) >= young {
		if limit := w.judge(); limit != api.LimitNone {
			w.stop(verdict{limit: limit})
		}
	}
	time.AfterFunc(lookEvery, s.look)
}

func (w *watch) judge() api.Limit {
	if _, now := w.s.pausedFor(); now {
		return api.LimitNone
	}
	if w.limits.Wall > 0 && w.wall() >= w.limits.Wall {
		return api.LimitWall
	}
	u, err := proctree.Usage(w.r.proc.Pid())
	if err != nil {
		return api.LimitNone // gone: the stream tells
	}
	w.mu.Lock()
	w.peak = max(w.peak, u.Memory-w.r.idle)
	w.mu.Unlock()
	if m := w.s.cfg.Memory; m > 0 && u.Memory-w.r.idle > m {
		return api.LimitMemory
	}
	if p := w.s.cfg.Procs; p > 0 && u.Procs-1 > p {
		return api.LimitProcesses
	}
	if w.limits.CPU > 0 {
		used := w.treeCPU() - w.cpu0
		w.mu.Lock()
		w.cpu = max(w.cpu, used)
		w.mu.Unlock()
		if used >= w.limits.CPU {
			return api.LimitCPU
		}
	}
	if l := w.groupLimit(); l != api.LimitNone {
		return l
	}
	return w.judgeDisk()
}

// groupLimit is the limit at which the kernel refused something since the start.
func (w *watch) groupLimit() api.Limit {
	g := w.s.cfg.Group
	if g == nil {
		return api.LimitNone
	}
	switch oom, forks := g.Events(); {
	case oom > w.oom0:
		return api.LimitMemory
	case forks > w.forks0:
		return api.LimitProcesses
	}
	return api.LimitNone
}

func (w *watch) judgeDisk() api.Limit {
	if w.limits.Disk <= 0 || time.Now().Before(w.nextDisk) {
		return api.LimitNone
	}
	before := time.Now()
	used := diskUsed(w.s.room, w.r.proc.Pid(), w.limits.Disk)
	// A tree that takes long to look through is looked through less often.
	w.nextDisk = time.Now().Add(max(diskEvery, 5*time.Since(before)))
	if used > w.limits.Disk {
		return api.LimitDisk
	}
	return api.LimitNone
}

// mark keeps the first verdict and tells whether this one is it.
func (w *watch) mark(v verdict) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended || w.verdict != nil {
		return false
	}
	w.verdict = &v
	return true
}

// stop ends the command for a reason: by the agent if it can, else with it.
func (w *watch) stop(v verdict) {
	if w.mark(v) {
		w.act()
	}
}

// act ends the command, unless it has ended by itself meanwhile.
func (w *watch) act() {
	w.asking.Lock()
	defer w.asking.Unlock()
	w.mu.Lock()
	ended, inline := w.ended, w.r.client.Inline()
	if !ended && !inline {
		w.force = time.AfterFunc(stopWithin, w.insist)
	}
	w.mu.Unlock()
	switch {
	case ended:
	case inline:
		w.s.dismiss(w.r)
	default:
		if err := w.r.client.Kill(); err != nil {
			w.s.dismiss(w.r)
		}
	}
}

// insist ends the agent when asking it did not help.
func (w *watch) insist() {
	w.mu.Lock() // asking may be held by who waits for the agent to listen
	defer w.mu.Unlock()
	if !w.ended {
		w.s.dismiss(w.r)
	}
}

// end is called when the command has ended; nothing is done to the agent for its
// sake after it.
func (w *watch) end() *verdict {
	w.asking.Lock()
	defer w.asking.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	if w.force != nil {
		w.force.Stop()
	}
	w.s.mu.Lock()
	w.s.watch = nil
	w.s.mu.Unlock()
	return w.verdict
}

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

// result puts together what the agent said, what was measured and why the
// command was stopped, if it was.
func (w *watch) result(rep agent.Report, err error, v *verdict) (runtime.Result, error) {
	res := runtime.Result{Exit: rep.Exit}
	wall := w.wall()
	w.mu.Lock() // a last look may still be under way
	res.Usage = api.TaskUsage{Wall: api.Duration(wall), CPU: api.Duration(max(rep.CPU, w.cpu)), MaxMemory: max(rep.MaxMemory, w.peak),
		BytesIn: rep.BytesIn, BytesOut: w.printed + w.saved}
	w.mu.Unlock()
	switch {
	case v != nil && v.err != nil:
		return res, v.err
	case v != nil:
		res.Exit = api.Exit{Code: 137, Signal: "killed", Limit: v.limit}
		return res, nil
	}
	if err != nil || res.Exit.Code != 0 {
		if l := w.groupLimit(); l != api.LimitNone {
			if err != nil { // the kernel chose the agent
				res.Exit = api.Exit{Code: 137, Signal: "killed"}
			}
			res.Exit.Limit = l
			return res, nil
		}
	}
	if err != nil {
		return res, err
	}
	if res.Exit.OK() && len(rep.Missing) > 0 {
		res.Exit.Msg = fmt.Sprintf("no file matches output %q", rep.Missing[0])
	}
	return res, nil
}
