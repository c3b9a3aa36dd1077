package server_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server"
)

// programs are what else runs on a machine: they use so many cores.
type programs struct {
	mu    sync.Mutex // guards the rest
	at    time.Time
	cores float64
	spent time.Duration
	err   error
}

func (p *programs) use(cores float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spendLocked()
	p.cores = cores
}

func (p *programs) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

func (p *programs) spendLocked() {
	now := time.Now()
	p.spent += time.Duration(p.cores * float64(now.Sub(p.at)))
	p.at = now
}

func (p *programs) read() (time.Duration, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spendLocked()
	return p.spent, p.err
}

// With --idle the node lends only while its owner leaves the machine alone; what
// guests use is not his use.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		others := &programs{at: time.Now()}
		r := newRig(t, 2, func(r *rig) { r.cfg.Machine.CPU, r.cfg.Spent = 2, others.read })
		defer r.stop()
		b, _ := r.lend(alice, anOpen("L1"))
		defer b.hangUp()
		l := r.Limits()
		l.Idle = api.Duration(10 * time.Minute)
		if err := r.SetLimits(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		after := func(d time.Duration, what string, want api.LendState) {
			t.Helper()
			time.Sleep(d)
			if st := r.Status(); st.State != want || (want == api.LendPaused) != strings.Contains(st.Reason, "in use") {
				t.Errorf("%s: lending is %s, %q", what, st.State, st.Reason)
			}
		}
		after(2*time.Second, "a node that has just started", api.LendPaused)
		after(10*time.Minute, "nobody uses the machine", api.LendOpen)
		others.use(1)
		after(5*time.Second, "for a moment", api.LendOpen)
		others.use(0)
		after(10*time.Minute, "nobody again", api.LendOpen)
		others.use(1)
		after(30*time.Second, "a compiler runs", api.LendPaused)
		others.use(0.1)
		after(9*time.Minute, "not for long enough", api.LendPaused)
		others.use(0.4)
		after(30*time.Second, "too little to pause, enough to stay paused", api.LendPaused)
		others.use(0.1)
		after(9*time.Minute+50*time.Second, "the wait began anew", api.LendPaused)
		after(30*time.Second, "it is over", api.LendOpen)

		done := r.Aside(1)
		others.use(1.1)
		after(time.Minute, "the engine loads an image", api.LendOpen)
		done()
		others.use(0.1)
		for range 60 {
			others.use(2)
			r.Charge(alice, "box", api.UsageRow{CPUSeconds: 2})
			after(time.Second, "a container computes", api.LendOpen)
		}
		others.use(0)
		others.fail(errors.New("no /proc"))
		after(2*time.Second, "nobody knows", api.LendPaused)
		others.fail(nil)
		after(11*time.Minute, "known again", api.LendOpen)
	})
}

func TestIdleRefused(t *testing.T) {
	told := func() (time.Duration, error) { return 0, nil }
	for _, tt := range []struct {
		spent func() (time.Duration, error)
		idle  time.Duration
		want  api.Kind
	}{{nil, 10 * time.Minute, api.KindUnsupported}, {told, time.Second, api.KindInvalid}, {told, 25 * time.Hour, api.KindInvalid}} {
		s, err := server.New(server.Config{Blobs: newBlobs(t), Fetch: newBlobs(t), Store: &server.Memory{}, Settings: &settings{}, Spent: tt.spent})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.SetLimits(t.Context(), api.Limits{Idle: api.Duration(tt.idle)}); api.KindOf(err) != tt.want {
			t.Errorf("%s of idleness: %v", tt.idle, err)
		}
	}
}
