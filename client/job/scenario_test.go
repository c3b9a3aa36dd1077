package job

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/shirou/gopsutil/v4/process"

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
// below floor tasks a second of processor time, of which a busy machine gives less;
// floor is far below what is expected, for race detectors: what was reached is in
// the log.
func ThroughputScenario(t *testing.T, name string, store Store, n int64, floor float64) {
	a, b := newLender("a", 8), newLender("b", 8)
	a.credit, b.credit = 4096, 4096
	w := newWorld(t, store, a, b)
	if err := w.e.started(context.Background()); err != nil {
		t.Fatal(err)
	}
	begin, used := time.Now(), processorTime(t)
	j := w.submit(batch(n))
	end := w.wait(j.ID, time.Minute)
	used, took := processorTime(t)-used, time.Since(begin).Seconds()
	t.Logf("%s: %d tasks, %.0f tasks/s, %.0f for a second of processor time", name, n, float64(n)/took, float64(n)/used)
	if end.Tasks.Done != n || float64(n)/used < floor {
		t.Fatalf("%.0f tasks for a second of processor time, ended as %+v", float64(n)/used, end)
	}
	w.close()
}

// processorTime is what this process has used so far, in seconds.
func processorTime(t *testing.T) float64 {
	t.Helper()
	p, err := process.NewProcess(int32(os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	used, err := p.Times()
	if err != nil {
		t.Fatal(err)
	}
	return used.User + used.System
}

func TestThroughput(t *testing.T) {
	ThroughputScenario(t, "memory", NewMemStore(), int64(ring.Size(10_000, 30_000)), 300)
}
