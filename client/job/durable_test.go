package job

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// brittleStore fails to write while broken.
type brittleStore struct {
	*MemStore
	mu     sync.Mutex
	broken bool
}

func (s *brittleStore) SaveTasks(ctx context.Context, id api.JobID, tasks []api.Task) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken {
		return api.Errorf(api.KindQuota, "the disk is full")
	}
	return s.MemStore.SaveTasks(ctx, id, tasks)
}

func TestFullDiskLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newLender("a", 4)
		a.credit = 64
		a.takes = func(lease.Task) time.Duration { return 20 * time.Millisecond }
		st := &brittleStore{MemStore: NewMemStore()}
		w := newWorld(t, st, a)
		w.blobs.fail = func(api.BlobID) error {
			st.mu.Lock()
			defer st.mu.Unlock()
			if st.broken {
				return api.Errorf(api.KindQuota, "no room")
			}
			return nil
		}
		a.exec = func(lease.Task) lease.Result {
			return lease.Result{Files: []api.OutputFile{{Path: "x", Blob: w.blobs.lent("x")}}}
		}
		j := w.submit(batch(200))
		w.until(j.ID, time.Minute, func(j api.Job) bool { return j.Tasks.Done > 50 })
		st.mu.Lock()
		st.broken = true
		st.mu.Unlock()
		time.Sleep(2 * time.Minute)
		now, _ := w.e.Job(j.ID)
		if now.State != api.JobRunning || now.Tasks.Failed != 0 || !(strings.Contains(now.Reason, "disk is full") || strings.Contains(now.Reason, "no room")) {
			t.Fatalf("with a full disk: %+v", now.Job)
		}
		st.mu.Lock()
		st.broken = false
		st.mu.Unlock()
		w.wait(j.ID, time.Minute)
		for id, n := range total(a) {
			if n != 1 {
				t.Fatalf("task %d ran %d times", id, n)
			}
		}
		time.Sleep(time.Second)
		w.honest(a)
		w.close()
	})
}

func TestSubmitChecksInputs(t *testing.T) {
	ctx := context.Background()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, NewMemStore())
		notWasm, err := w.blobs.Put(ctx, strings.NewReader("#!/bin/sh"))
		if err != nil {
			t.Fatal(err)
		}
		spec := api.JobSpec{Module: notWasm.ID}
		if _, err := w.e.Submit(ctx, spec); api.KindOf(err) != api.KindInvalid || api.HintOf(err) == "" {
			t.Fatalf("a module that is none: %v", err)
		}
		spec.Module = api.BlobID{7}
		if _, err := w.e.Submit(ctx, spec); api.KindOf(err) != api.KindNotFound {
			t.Fatalf("a module that is not here: %v", err)
		}
		spec = batch(1)
		spec.Inputs = []api.Input{{Path: "x", Tree: api.BlobID{7}}}
		if _, err := w.e.Submit(ctx, spec); api.KindOf(err) != api.KindNotFound {
			t.Fatalf("an input that is not here: %v", err)
		}
		spec = batch(1)
		spec.Stdin = strings.Repeat("long ", 10_000)
		j, err := w.e.Submit(ctx, spec)
		if err != nil || j.Reason != "no node can run it: this node knows no other" {
			t.Fatalf("in an empty pool: %v %+v", err, j)
		}
		if d, _ := w.e.Job(j.ID); d.Spec.Stdin != "" || d.Spec.StdinBlob.IsZero() || !w.blobs.pins["job/"+string(j.ID)][d.Spec.StdinBlob] {
			t.Fatalf("long stdin: %+v", d.Spec)
		}
		if err := w.e.Remove(ctx, j.ID); api.KindOf(err) != api.KindConflict {
			t.Fatalf("remove of a running job: %v", err)
		}
		w.close()
		if _, err := w.e.Submit(ctx, batch(1)); api.KindOf(err) != api.KindUnavailable {
			t.Fatalf("after the end: %v", err)
		}
	})
}

// TestFinishedIsNotSecured: while the journal cannot be written nothing is done
// and nothing acknowledged, and a borrower that dies then finds it all again.
func TestFinishedIsNotSecured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newLender("a", 4)
		st := &brittleStore{MemStore: NewMemStore(), broken: true}
		w := newWorld(t, st, a)
		j := w.submit(batch(30))
		time.Sleep(30 * time.Second)
		ran, _, _, held := a.counts()
		now, _ := w.e.Job(j.ID)
		if len(ran) != 30 || held != 30 || now.Tasks.Done != 0 || now.State != api.JobRunning || !strings.Contains(now.Reason, "disk is full") {
			t.Fatalf("%d ran, %d held, %+v", len(ran), held, now.Job)
		}
		w.stop() // nothing of it is in the journal
		st.mu.Lock()
		st.broken = false
		st.mu.Unlock()
		w.start()
		if err := w.e.started(context.Background()); err != nil {
			t.Fatal(err)
		}
		end := w.wait(j.ID, time.Minute)
		if end.State != api.JobDone || len(w.results(j.ID)) != 30 {
			t.Fatalf("ended as %+v", end)
		}
		for id, n := range total(a) {
			if n != 1 {
				t.Fatalf("task %d ran %d times", id, n)
			}
		}
		time.Sleep(time.Second)
		w.honest(a)
		w.close()
	})
}
