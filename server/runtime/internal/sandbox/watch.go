package sandbox

import (
	"fmt"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/agent"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

// How often a command is looked at. Most commands end before the first look.
const (
	lookEvery  = 20 * time.Millisecond
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
	r      *tenant
	meter  Meter
	limits runtime.Limits
	start  time.Time
	still  time.Duration // of s.pausedFor at start

	// asking is held while the command is asked to end, and by end: what is said
	// late must not hit the next command. It comes before mu.
	asking sync.Mutex

	mu      sync.Mutex  // guards the rest; comes before Sandbox.mu
	force   *time.Timer // kills the agent when asking does not help
	ended   bool
	verdict *verdict
	printed int64
	saved   int64 // bytes of collected outputs
}

func newWatch(s *Sandbox, r *tenant, l runtime.Limits) *watch {
	w := &watch{s: s, r: r, limits: l, start: time.Now(), meter: r.Command(l)}
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
	return w.meter.Judge()
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
	ended, inline := w.ended, w.r.Client().Inline()
	if !ended && !inline {
		w.force = time.AfterFunc(stopWithin, w.insist)
	}
	w.mu.Unlock()
	switch {
	case ended:
	case inline:
		w.s.dismiss(w.r)
	default:
		if err := w.r.Client().Kill(); err != nil {
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

// result puts together what the agent said, what was measured and why the
// command was stopped, if it was.
func (w *watch) result(rep agent.Report, err error, v *verdict, lost bool) (runtime.Result, error) {
	res := runtime.Result{Exit: rep.Exit}
	cpu, memory := w.meter.Peak()
	w.mu.Lock() // a last look may still be under way
	res.Usage = api.TaskUsage{Wall: api.Duration(w.wall()), CPU: api.Duration(max(rep.CPU, cpu)), MaxMemory: max(rep.MaxMemory, memory),
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
		if l := w.meter.Refused(lost); l != api.LimitNone {
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
