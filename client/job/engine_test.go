package job

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/leak"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

func TestMain(m *testing.M) { leak.Main(m) }

func TestSpreadsAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := newLender("a", 2), newLender("b", 2), newLender("c", 2)
		for _, l := range []*lender{a, b, c} { // with tasks that take no time it is chance who gets them
			l.takes = func(lease.Task) time.Duration { return 10 * time.Millisecond }
		}
		w := newWorld(t, NewMemStore(), a, b, c)
		j := w.submit(batch(100))
		end := w.wait(j.ID, 30*time.Second)
		if end.State != api.JobDone || end.Tasks.Done != 100 || end.Attempts != 100 {
			t.Fatalf("ended as %+v", end)
		}
		res := w.results(j.ID)
		if len(res) != 100 || string(res[41].Stdout.Inline) != "[echo 42]" || res[41].Each["k"] != "42" {
			t.Fatalf("%d results, task 41: %+v", len(res), res[41])
		}
		for _, l := range []*lender{a, b, c} {
			if ran, _, _, _ := l.counts(); len(ran) < 20 {
				t.Errorf("lender %s ran %d of 100 tasks", l.id, len(ran))
			}
		}
		time.Sleep(time.Second) // virtual: acknowledgements and releases
		w.honest(a, b, c)
		w.close()
	})
}

func TestOutputsAreFetchedBeforeDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newLender("a", 4)
		w := newWorld(t, NewMemStore())
		w.pool.add(a)
		a.exec = func(tk lease.Task) lease.Result {
			id := w.blobs.lent(fmt.Sprint("out", tk.Task))
			return lease.Result{Files: []api.OutputFile{{Path: "o/x.txt", Blob: id, Size: 999}}}
		}
		var mu sync.Mutex
		tries := map[api.BlobID]int{}
		w.blobs.fail = func(id api.BlobID) error {
			mu.Lock()
			defer mu.Unlock()
			if tries[id]++; tries[id] <= 2 {
				return api.Errorf(api.KindUnavailable, "try again")
			}
			return nil
		}
		j := w.submit(batch(50))
		w.wait(j.ID, time.Minute)
		for id, task := range w.results(j.ID) {
			f := task.Files[0]
			if !w.blobs.Has(f.Blob) || !w.blobs.pins["job/"+string(j.ID)][f.Blob] || f.Size != int64(len(fmt.Sprint("out", id))) {
				t.Fatalf("task %d is done, its output: %+v", id, f)
			}
		}
		if err := w.e.Remove(context.Background(), j.ID); err != nil {
			t.Fatal(err)
		}
		if len(w.blobs.pins) != 0 || len(w.e.Jobs()) != 0 {
			t.Fatalf("after remove: pins %v, jobs %v", w.blobs.pins, w.e.Jobs())
		}
		w.close()
	})
}

func total(lenders ...*lender) map[api.TaskID]int {
	sum := map[api.TaskID]int{}
	for _, l := range lenders {
		ran, _, _, _ := l.counts()
		for k, n := range ran {
			sum[k] += n
		}
	}
	return sum
}

func TestKilledLenderCostsNoRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ls := []*lender{newLender("a", 4), newLender("b", 4), newLender("c", 4)}
		for _, l := range ls {
			l.takes = func(lease.Task) time.Duration { return 50 * time.Millisecond }
		}
		w := newWorld(t, NewMemStore(), ls...)
		j := w.submit(batch(300))
		w.until(j.ID, time.Minute, func(j api.Job) bool { return j.Tasks.Done > 60 })
		ls[0].kill()
		end := w.wait(j.ID, 2*time.Minute)
		if end.State != api.JobDone || end.Tasks.Done != 300 || end.Tasks.Failed != 0 {
			t.Fatalf("ended as %+v", end)
		}
		for id, task := range w.results(j.ID) {
			if task.Failures != 0 {
				t.Fatalf("task %d spent %d retries", id, task.Failures)
			}
		}
		time.Sleep(time.Second)
		w.honest(ls[1], ls[2])
		w.close()
	})
}

func TestBrokenStreamResumesWithoutRerun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newLender("a", 4)
		a.takes = func(lease.Task) time.Duration { return 20 * time.Millisecond }
		w := newWorld(t, NewMemStore(), a)
		j := w.submit(batch(200))
		for n := int64(20); n < 180; n += 20 {
			w.until(j.ID, time.Minute, func(j api.Job) bool { return j.Tasks.Done > n })
			a.cut(false)
		}
		end := w.wait(j.ID, time.Minute)
		if end.Tasks.Done != 200 {
			t.Fatalf("ended as %+v", end)
		}
		for id, n := range total(a) {
			if n != 1 {
				t.Fatalf("task %d ran %d times", id, n)
			}
		}
		if a.resumes < 8 {
			t.Fatalf("%d resumes", a.resumes)
		}
		time.Sleep(time.Second)
		w.honest(a)
		w.close()
	})
}

// A lender on its way down takes no leases. That is no word about those it has:
// restarted, it holds what was finished, and restart: never forbids another run.
func TestLenderThatIsBusyIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newLender("a", 4)
		a.takes = func(lease.Task) time.Duration { return time.Second }
		w := newWorld(t, NewMemStore(), a)
		spec := batch(8)
		spec.Restart = restartNever
		j := w.submit(spec)
		w.until(j.ID, time.Minute, func(j api.Job) bool { return j.Tasks.Running > 0 })
		time.Sleep(500 * time.Millisecond)
		refuse := func(no *lease.Refuse) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.refuse = no
		}
		refuse(&lease.Refuse{Kind: api.KindUnavailable, Msg: "the node is shutting down"})
		a.cut(false)
		time.Sleep(lease.Reconnect / 2)
		refuse(nil)
		if end := w.wait(j.ID, time.Minute); end.Tasks.Done != 8 {
			t.Fatalf("ended as %+v", end)
		}
		w.close()
	})
}

func TestFrozenLender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newLender("a", 4), newLender("b", 4)
		for _, l := range []*lender{a, b} {
			l.takes = func(lease.Task) time.Duration { return 100 * time.Millisecond }
		}
		w := newWorld(t, NewMemStore(), a, b)
		j := w.submit(batch(300))
		w.until(j.ID, time.Minute, func(j api.Job) bool { return j.Tasks.Done > 60 })
		a.freeze(true)
		time.Sleep(time.Minute)
		a.freeze(false)
		end := w.wait(j.ID, 2*time.Minute)
		if end.State != api.JobDone || len(w.results(j.ID)) != 300 {
			t.Fatalf("ended as %+v", end)
		}
		w.close()
	})
}

// quickPair are two lenders of four slots whose tasks take 30 ms.
func quickPair() (a, b *lender) {
	a, b = newLender("a", 4), newLender("b", 4)
	for _, l := range []*lender{a, b} {
		l.takes = func(lease.Task) time.Duration { return 30 * time.Millisecond }
	}
	return a, b
}

// ranOnce demands of each task that ran that it did so once.
func ranOnce(t *testing.T, lenders ...*lender) {
	t.Helper()
	for id, n := range total(lenders...) {
		if n != 1 {
			t.Fatalf("task %d ran %d times", id, n)
		}
	}
}

func TestRestartRunsNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := quickPair()
		w := newWorld(t, NewMemStore(), a, b)
		j := w.submit(batch(300))
		for n := int64(50); n < 300; n += 50 {
			w.until(j.ID, time.Minute, func(j api.Job) bool { return j.Tasks.Done > n })
			w.stop()
			time.Sleep(time.Second)
			w.start()
			if err := w.e.started(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		end := w.wait(j.ID, time.Minute)
		if end.Tasks.Done != 300 {
			t.Fatalf("ended as %+v", end)
		}
		ranOnce(t, a, b)
		time.Sleep(time.Second)
		w.honest(a, b)
		w.close()
	})
}

// A lender that is only remembered after a restart, not heard of yet, is given time
// to be: what it holds does not run elsewhere meanwhile.
func TestRestartWaitsForWhoIsOnlyRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := quickPair()
		w := newWorld(t, NewMemStore(), a, b)
		j := w.submit(batch(300))
		w.until(j.ID, time.Minute, func(j api.Job) bool { return j.Tasks.Done > 100 })
		w.stop()
		a.cut(true)
		know := func(state api.PeerState) {
			w.pool.mu.Lock()
			defer w.pool.mu.Unlock()
			w.pool.peers[0].State = state
		}
		know(api.PeerSuspect)
		w.start()
		time.Sleep(2 * lease.Reconnect)
		a.back()
		know(api.PeerAlive)
		w.e.PeersChanged()
		if end := w.wait(j.ID, time.Minute); end.State != api.JobDone || end.Tasks.Done != 300 {
			t.Fatalf("ended as %+v", end)
		}
		ranOnce(t, a, b)
		time.Sleep(time.Second)
		w.honest(a, b)
		w.close()
	})
}

func TestPauseResumeCancelRetry(t *testing.T) {
	ctx := context.Background()
	synctest.Test(t, func(t *testing.T) {
		a := newLender("a", 2)
		a.takes = func(lease.Task) time.Duration { return 100 * time.Millisecond }
		w := newWorld(t, NewMemStore(), a)
		j := w.submit(batch(100))
		w.until(j.ID, time.Minute, func(j api.Job) bool { return j.Tasks.Done > 10 })
		if err := w.e.Pause(ctx, j.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		paused, _ := w.e.Job(j.ID)
		if paused.Tasks.Queued+paused.Tasks.Running != 0 || paused.State != api.JobPaused || paused.Tasks.Done > 20 {
			t.Fatalf("paused: %+v", paused.Job)
		}
		if err := w.e.Resume(ctx, j.ID); err != nil {
			t.Fatal(err)
		}
		w.until(j.ID, time.Minute, func(j api.Job) bool { return j.Tasks.Done > 40 })
		if err := w.e.Cancel(ctx, j.ID, "enough"); err != nil {
			t.Fatal(err)
		}
		end := w.wait(j.ID, time.Second)
		if end.State != api.JobCanceled || end.Reason != "enough" || end.Tasks.Canceled != 100-end.Tasks.Done {
			t.Fatalf("canceled: %+v", end)
		}
		time.Sleep(2 * time.Second)
		w.honest(a)
		if api.KindOf(w.e.Cancel(ctx, j.ID, "")) != api.KindConflict || api.KindOf(w.e.Cancel(ctx, "nope", "")) != api.KindNotFound {
			t.Fatal("cancel of an ended or unknown job")
		}
		n, err := w.e.Retry(ctx, j.ID)
		if err != nil || n != end.Tasks.Canceled {
			t.Fatalf("retry: %d %v", n, err)
		}
		if end = w.wait(j.ID, time.Minute); end.State != api.JobDone || end.Tasks.Done != 100 {
			t.Fatalf("after retry: %+v", end)
		}
		w.close()
	})
}

func TestFailuresAndRetries(t *testing.T) {
	ctx := context.Background()
	synctest.Test(t, func(t *testing.T) {
		a, b := newLender("a", 2), newLender("b", 2)
		var mu sync.Mutex
		bad := true
		tries := map[api.TaskID]int{}
		for _, l := range []*lender{a, b} {
			l.exec = func(tk lease.Task) lease.Result {
				mu.Lock()
				defer mu.Unlock()
				tries[tk.Task]++
				if bad && tk.Task%10 == 3 || tk.Task%10 == 4 && tries[tk.Task] == 1 {
					return lease.Result{Exit: api.Exit{Code: 7}}
				}
				return lease.Result{}
			}
		}
		w := newWorld(t, NewMemStore(), a, b)
		spec := batch(50)
		spec.Retry = 2
		j := w.submit(spec)
		end := w.wait(j.ID, time.Minute)
		if end.State != api.JobFailed || end.Tasks.Failed != 5 || end.Tasks.Done != 45 {
			t.Fatalf("ended as %+v", end)
		}
		failed, err := w.e.Tasks(ctx, j.ID, api.TaskFailed, -1, 100)
		if err != nil || len(failed) != 5 || failed[0].ID != 3 || failed[0].Failures != 3 || failed[0].Exit.Code != 7 || failed[0].Error != "exit code 7" {
			t.Fatalf("failed tasks: %v %+v", err, failed)
		}
		mu.Lock()
		if tries[3] != 3 || tries[4] != 2 || tries[5] != 1 {
			t.Fatalf("tries: %v", tries)
		}
		bad = false
		mu.Unlock()
		if n, err := w.e.Retry(ctx, j.ID); n != 5 || err != nil {
			t.Fatalf("retry: %d %v", n, err)
		}
		if end = w.wait(j.ID, time.Minute); end.State != api.JobDone || end.Tasks.Failed != 0 {
			t.Fatalf("after retry: %+v", end)
		}
		w.close()
	})
}

func TestNobodyCanRunIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newLender("a", 2)
		w := newWorld(t, NewMemStore(), a)
		spec := batch(3)
		spec.Where = `labels["room"] == "attic"`
		j := w.submit(spec)
		if j.Reason == "" || j.State != api.JobRunning {
			t.Fatalf("submitted as %+v", j)
		}
		why, err := w.e.Why(context.Background(), j.ID)
		if err != nil || why.Waiting != 3 || len(why.Peers) != 1 || why.Peers[0].OK || why.Peers[0].Reason != "where is false for it" {
			t.Fatalf("why: %v %+v", err, why)
		}
		w.pool.mu.Lock()
		w.pool.peers[0].Labels = map[string]string{"room": "attic"}
		w.pool.peers[0].Seq++
		w.pool.mu.Unlock()
		w.e.PeersChanged()
		w.wait(j.ID, time.Minute)
		w.close()
	})
}

// What this node lends is not known yet: it is not ruled out, unless the job names others.
func TestWhyWhileThisNodeIsLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, NewMemStore(), newLender("a", 2))
		defer w.close()
		for _, c := range []struct {
			on      []api.PeerID
			looking bool
			can     bool
		}{{nil, true, true}, {nil, false, false}, {[]api.PeerID{"a"}, true, false}} {
			spec := batch(1)
			spec.On, spec.Where = c.on, `labels["room"] == "attic"`
			j := w.submit(spec)
			w.e.cfg.Looking = func() bool { return c.looking }
			why, err := w.e.Why(context.Background(), j.ID)
			if err != nil || slices.ContainsFunc(why.Peers, func(p api.WhyPeer) bool { return p.OK }) != c.can {
				t.Errorf("%+v: %v %+v", c, err, why)
			}
		}
	})
}

// What a member that has just started lends is not known yet: it is not ruled out, nor asked, for a minute.
func TestWhyWhileAMemberIsLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, NewMemStore(), newLender("a", 2))
		defer w.close()
		know := func(looking bool, lending api.LendState) {
			w.pool.mu.Lock()
			defer w.pool.mu.Unlock()
			p := &w.pool.peers[0]
			p.Looking, p.Lending, p.Seq = looking, lending, p.Seq+1
		}
		know(true, api.LendOff)
		w.e.PeersChanged()
		spec := batch(1)
		j := w.submit(spec)
		spec.On = []api.PeerID{"b"}
		other := w.submit(spec)
		look := func(job api.JobID, can bool) {
			t.Helper()
			why, err := w.e.Why(context.Background(), job)
			if err != nil || why.Waiting != 1 || len(why.Peers) != 1 || why.Peers[0].OK != can {
				t.Errorf("%v %+v, it may be: %v", err, why, can)
			}
		}
		time.Sleep(time.Minute)
		look(j.ID, true)
		look(other.ID, false)
		time.Sleep(time.Second) // that is long enough
		look(j.ID, false)
		for _, looking := range []bool{false, true} { // nor is it believed anew
			know(looking, api.LendOff)
			look(j.ID, false)
		}
		know(false, api.LendOpen)
		w.e.PeersChanged()
		w.wait(j.ID, time.Minute)
	})
}

// A lender that gives no guest the network that a job needs is not asked.
func TestNetworkThatNobodyGives(t *testing.T) {
	spec := batch(1)
	spec.Runtime, spec.Module, spec.Image, spec.Network = "", api.BlobID{}, "x", api.GuestFiltered
	p, err := compile(spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	if o := p.open("L", "J", false); o.Network != api.GuestFiltered {
		t.Errorf("asked for with %+v", o)
	}
	peer := fakePeer("a")
	s := &sched{plan: p}
	for _, c := range []struct {
		gives []api.GuestNetwork
		why   string
	}{{nil, "it gives no guest network filtered"}, {[]api.GuestNetwork{api.GuestOpen}, "it gives no guest network filtered"}, {[]api.GuestNetwork{api.GuestFiltered}, ""}} {
		peer.Runtimes = []api.RuntimeInfo{{Name: api.RuntimeDocker, Available: true, Enabled: true, Networks: c.gives}}
		if got := s.unfit(&peer); got != c.why {
			t.Errorf("%v: %q", c.gives, got)
		}
	}
}

func eventsOf(w *world) map[api.EventType]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := map[api.EventType]int{}
	for _, e := range w.events {
		n[e.Type]++
	}
	return maps.Clone(n)
}
