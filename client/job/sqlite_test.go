package job_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/client/job"
	"github.com/Akilan1999/p2p-rendering-computation/store"
)

var _ job.Store = (*store.Jobs)(nil)

func openStore(t testing.TB, path string) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestRestartOnSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	db := openStore(t, path)
	job.RestartScenario(t, db.Jobs(), func() job.Store {
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		db = openStore(t, path)
		return db.Jobs()
	})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestStores holds both stores to one behaviour.
func TestStores(t *testing.T) {
	db := openStore(t, filepath.Join(t.TempDir(), "state.db"))
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	for name, s := range map[string]job.Store{"sqlite": db.Jobs(), "memory": job.NewMemStore()} {
		t.Run(name, func(t *testing.T) { conform(t, s) })
	}
}

func conform(t *testing.T, s job.Store) {
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	one := api.JobDetail{Job: api.Job{ID: "B", Name: "one", State: api.JobRunning}, Spec: api.JobSpec{Command: []string{"x"}}}
	must(s.SaveJob(ctx, one))
	must(s.SaveJob(ctx, api.JobDetail{Job: api.Job{ID: "A", Name: "two"}}))
	one.State = api.JobDone
	must(s.SaveJob(ctx, one))
	jobs, err := s.Jobs(ctx)
	must(err)
	if len(jobs) != 2 || jobs[0].ID != "B" || jobs[0].State != api.JobDone || jobs[0].Spec.Command[0] != "x" || jobs[1].Name != "two" {
		t.Fatalf("jobs: %+v", jobs)
	}
	var tasks []api.Task
	for i := range api.TaskID(2000) {
		st := api.TaskDone
		if i%100 == 7 {
			st = api.TaskFailed
		}
		tasks = append(tasks, api.Task{ID: i * 2, State: st, Peer: "p", Attempt: 3, Failures: 1, Cause: api.CauseFailed, Usage: api.TaskUsage{Wall: 5, BytesOut: 6}, Error: fmt.Sprint("e", i)})
	}
	must(s.SaveTasks(ctx, "B", tasks))
	must(s.SaveTasks(ctx, "B", []api.Task{{ID: 4, State: api.TaskWaiting, Failures: 2}}))
	n := 0
	must(s.TaskStates(ctx, "B", func(x api.Task) error {
		if x.ID != api.TaskID(n*2) || (n == 2 && (x.State != api.TaskWaiting || x.Failures != 2)) ||
			(n == 1 && (x.State != api.TaskDone || x.Peer != "p" || x.Attempt != 3 || x.Usage.Wall != 5 || x.Usage.BytesOut != 6 || x.Cause != api.CauseFailed)) {
			t.Fatalf("state %d: %+v", n, x)
		}
		n++
		return nil
	}))
	if n != 2000 {
		t.Fatalf("%d states", n)
	}
	page, err := s.Tasks(ctx, "B", "", 5, 10)
	must(err)
	if len(page) != 10 || page[0].ID != 6 || page[0].Error != "e3" {
		t.Fatalf("page: %+v", page)
	}
	page, err = s.Tasks(ctx, "B", api.TaskFailed, 14, 2)
	must(err)
	if len(page) != 2 || page[0].ID != 214 || page[1].ID != 414 {
		t.Fatalf("failed: %+v", page)
	}
	must(s.SaveLease(ctx, "l1", "B", "p1"))
	must(s.SaveLease(ctx, "l2", "A", "p2"))
	must(s.SaveLease(ctx, "l3", "A", "p3"))
	must(s.DeleteLease(ctx, "l3"))
	must(s.DeleteLease(ctx, "unknown"))
	must(s.DeleteJob(ctx, "A"))
	must(s.DeleteJob(ctx, "unknown"))
	var leases []string
	must(s.Leases(ctx, func(id api.LeaseID, j api.JobID, p api.PeerID) { leases = append(leases, fmt.Sprint(id, j, p)) }))
	if len(leases) != 1 || leases[0] != "l1Bp1" {
		t.Fatalf("leases: %v", leases)
	}
	must(s.DeleteJob(ctx, "B"))
	if page, err := s.Tasks(ctx, "B", "", -1, 10); err != nil || len(page) != 0 {
		t.Fatalf("after delete: %v %v", page, err)
	}
}

func TestThroughputSQLite(t *testing.T) {
	db := openStore(t, filepath.Join(t.TempDir(), "state.db"))
	job.ThroughputScenario(t, "sqlite", db.Jobs(), 10_000, 300)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
