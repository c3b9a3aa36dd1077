package job

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// A retried job runs again, whether its leases are still being given back
// (at once) or long gone, and even if no lender is there when it is retried.
func TestRetriedJobRunsAgain(t *testing.T) {
	ctx := context.Background()
	for _, after := range []time.Duration{0, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			a := newLender("a", 2)
			var well atomic.Bool
			a.exec = func(lease.Task) lease.Result {
				if well.Load() {
					return lease.Result{}
				}
				return lease.Result{Exit: api.Exit{Code: 7}}
			}
			w := newWorld(t, NewMemStore(), a)
			j := w.submit(batch(10))
			if end := w.wait(j.ID, time.Minute); end.Tasks.Failed != 10 {
				t.Fatalf("ended as %+v", end)
			}
			time.Sleep(after)
			a.cut(true)
			well.Store(true)
			if n, err := w.e.Retry(ctx, j.ID); n != 10 || err != nil {
				t.Fatalf("retry: %d %v", n, err)
			}
			time.Sleep(time.Minute)
			if now, err := w.e.Job(j.ID); err != nil || now.State != api.JobRunning || now.Tasks.Waiting != 10 {
				t.Fatalf("a minute after the retry: %v %+v", err, now.Job)
			}
			if err := w.e.Remove(ctx, j.ID); api.KindOf(err) != api.KindConflict {
				t.Fatalf("remove of a job that runs again: %v", err)
			}
			a.back()
			if end := w.wait(j.ID, time.Minute); end.State != api.JobDone || end.Tasks.Done != 10 {
				t.Fatalf("after the retry: %+v", end)
			}
			time.Sleep(time.Minute)
			if n, err := w.e.Retry(ctx, j.ID); n != 0 || err != nil {
				t.Fatalf("retry of what is done: %d %v", n, err)
			}
			if err := w.e.Remove(ctx, j.ID); err != nil {
				t.Fatalf("remove: %v", err)
			}
			if _, err := w.e.Retry(ctx, j.ID); api.KindOf(err) != api.KindNotFound {
				t.Fatalf("retry of a removed job: %v", err)
			}
			w.close()
		})
	}
}

// Who follows the output of a task hears of its end also when the job is canceled.
func TestLogOfACanceledTaskEnds(t *testing.T) {
	ctx := context.Background()
	synctest.Test(t, func(t *testing.T) {
		a := newLender("a", 1)
		a.takes = func(lease.Task) time.Duration { return time.Hour }
		a.tweak = func(wr *wire.Writer, k wire.Kind, p []byte) bool {
			var as lease.Assign
			if k == lease.KindAssign && wire.Decode(p, &as) == nil {
				go wr.Send(lease.KindOutput, lease.Output{Key: as.Tasks[0].Key, Stream: "stdout", Data: []byte("one ")})
			}
			return false
		}
		w := newWorld(t, NewMemStore(), a)
		spec := batch(1)
		spec.Live = true
		j := w.submit(spec)
		ended := make(chan error, 1)
		var got string
		go func() {
			ended <- w.e.Log(ctx, j.ID, 0, true, func(c api.LogChunk) error { got += string(c.Data); return nil })
		}()
		time.Sleep(5 * time.Second)
		if err := w.e.Cancel(ctx, j.ID, "enough"); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			if err != nil || got != "one " {
				t.Fatalf("followed %q, %v", got, err)
			}
		case <-time.After(time.Minute):
			t.Error("the log of a canceled task does not end")
		}
		w.close()
	})
}

// A stream that breaks with a Release under way says nothing of the next one,
// on which the lease goes on.
func TestReleaseOnABrokenStreamIsForgotten(t *testing.T) {
	c := (&Engine{ctx: t.Context()}).newConn(&run{}, "L", "p")
	defer c.stop()
	c.push(outgoing{kind: lease.KindRelease})
	c.setStream(nil)
	if !c.isEnding() {
		t.Error("while there is no stream the release is forgotten")
	}
	ours, _ := streamPair()
	c.setStream(ours)
	if c.isEnding() {
		t.Error("a lease that was resumed counts as released")
	}
}

// What a lender that comes back does for nothing takes up its credit until it
// has given it back.
func TestWhatIsCanceledOnAResumeCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newLender("a", 4), newLender("b", 2)
		a.credit = 4
		a.takes = func(lease.Task) time.Duration { return time.Hour }
		b.takes = func(lease.Task) time.Duration { return time.Second }
		w := newWorld(t, NewMemStore(), a, b)
		j := w.submit(batch(4000))
		time.Sleep(5 * time.Second)
		a.cut(true)
		time.Sleep(5 * time.Minute) // the four run elsewhere
		a.back()
		time.Sleep(time.Minute)
		if _, begun, broke, _ := a.counts(); broke != "" || len(begun) < 2 {
			t.Fatalf("the lender says %q; it began %v", broke, begun)
		}
		if err := w.e.Cancel(t.Context(), j.ID, "seen enough"); err != nil {
			t.Fatal(err)
		}
		w.close()
	})
}
