package job

import (
	"context"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// RestartScenario stops and starts the borrower in the middle of a job, on a
// real store that is closed and opened again between, in real time.
func RestartScenario(t *testing.T, store Store, reopen func() Store) {
	a, b := newLender("a", 4), newLender("b", 4)
	for _, l := range []*lender{a, b} {
		l.takes = func(lease.Task) time.Duration { return 4 * time.Millisecond }
	}
	w := newWorld(t, store, a, b)
	j := w.submit(batch(400))
	w.noCopies()
	for _, n := range []int64{80, 200, 320} {
		w.until(j.ID, time.Minute, func(j api.Job) bool { return j.Tasks.Done >= n })
		w.stop()
		w.store = reopen()
		w.start()
		if err := w.e.started(context.Background()); err != nil {
			t.Fatal(err)
		}
		w.noCopies()
	}
	end := w.wait(j.ID, time.Minute)
	if end.State != api.JobDone || len(w.results(j.ID)) != 400 || end.Attempts != 400 {
		t.Fatalf("ended as %+v", end)
	}
	for id, n := range total(a, b) {
		if n != 1 {
			t.Fatalf("task %d ran %d times", id, n)
		}
	}
	w.close()
	w.store = reopen()
	w.start()
	if err := w.e.started(context.Background()); err != nil {
		t.Fatal(err)
	}
	if again, err := w.e.Job(j.ID); err != nil || again.State != api.JobDone || again.Tasks.Done != 400 {
		t.Fatalf("history: %v %+v", err, again.Job)
	}
	if err := w.e.Remove(context.Background(), j.ID); err != nil {
		t.Fatal(err)
	}
	w.stop()
}

// noCopies has no task of the jobs there are run twice because a busy machine made
// it slow.
func (w *world) noCopies() {
	w.e.mu.Lock()
	defer w.e.mu.Unlock()
	for _, r := range w.e.runs {
		r.sched.slowFloor = time.Hour
	}
}

// ThroughputScenario runs n tasks that take no time on two lenders and fails
// below floor tasks a second; floor is far below what is expected, for race
// detectors and busy machines: what was reached is in the log.
func ThroughputScenario(t *testing.T, name string, store Store, n int64, floor float64) {
	a, b := newLender("a", 8), newLender("b", 8)
	a.credit, b.credit = 4096, 4096
	w := newWorld(t, store, a, b)
	if err := w.e.started(context.Background()); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	j := w.submit(batch(n))
	end := w.wait(j.ID, time.Minute)
	rate := float64(n) / time.Since(begin).Seconds()
	t.Logf("%s: %d tasks, %.0f tasks/s", name, n, rate)
	if end.Tasks.Done != n || rate < floor {
		t.Fatalf("%.0f tasks/s, ended as %+v", rate, end)
	}
	w.close()
}

func TestThroughput(t *testing.T) {
	ThroughputScenario(t, "memory", NewMemStore(), int64(ring.Size(10_000, 30_000)), 300)
}
