package job

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

func nodeOf(j api.Job, id api.PeerID) api.NodeProgress {
	for _, n := range j.Nodes {
		if n.Peer == id {
			return n
		}
	}
	return api.NodeProgress{}
}

func TestStragglerGetsACopy(t *testing.T) {
	for _, restart := range []string{"", restartNever} {
		synctest.Test(t, func(t *testing.T) {
			a, b := newLender("a", 2), newLender("b", 2)
			a.takes = func(tk lease.Task) time.Duration {
				if tk.Task == 0 && tk.Attempt == 1 {
					return time.Hour
				}
				return 100 * time.Millisecond
			}
			b.takes = a.takes
			w := newWorld(t, NewMemStore(), a, b)
			spec := batch(40)
			spec.Restart = restart
			begin := time.Now()
			j := w.submit(spec)
			end := w.wait(j.ID, 2*time.Hour)
			took := time.Since(begin)
			_, ba, _, _ := a.counts()
			_, bb, _, _ := b.counts()
			begun := ba[0] + bb[0]
			if restart == "" && (begun != 2 || took > time.Minute) || restart != "" && (begun != 1 || took < time.Hour) {
				t.Fatalf("restart %q: task 0 was begun %d times, the job took %s", restart, begun, took)
			}
			if end.State != api.JobDone || end.Tasks.Failed != 0 {
				t.Fatalf("ended as %+v", end)
			}
			time.Sleep(time.Second)
			w.honest(a, b)
			w.close()
		})
	}
}

// The idle lenders' leases are long given up when the last task turns out to be late.
func TestLateStragglerGetsACopyToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newLender("a", 2), newLender("b", 2)
		a.takes = func(tk lease.Task) time.Duration {
			if tk.Task == 0 && tk.Attempt == 1 {
				return 10 * time.Hour
			}
			return 20 * time.Second
		}
		b.takes = a.takes
		w := newWorld(t, NewMemStore(), a, b)
		begin := time.Now()
		end := w.wait(w.submit(batch(4)).ID, time.Hour)
		_, ba, _, _ := a.counts()
		_, bb, _, _ := b.counts()
		if took := time.Since(begin); end.State != api.JobDone || ba[0]+bb[0] != 2 || took > 2*time.Minute || a.opens+b.opens != 3 {
			t.Fatalf("took %s, %d leases, task 0 was begun %d times: %+v", took, a.opens+b.opens, ba[0]+bb[0], end)
		}
		w.close()
	})
}

// A lender that has room for a task and never begins it is waited for for minutes.
func TestTaskThatIsNeverBegunGetsACopy(t *testing.T) {
	for _, restart := range []string{"", restartNever} {
		synctest.Test(t, func(t *testing.T) {
			a, b := newLender("a", 2), newLender("b", 2)
			for _, l := range []*lender{a, b} {
				l.stages = func(tk lease.Task) bool { return tk.Task == 0 && tk.Attempt == 1 }
			}
			w := newWorld(t, NewMemStore(), a, b)
			begin := time.Now()
			spec := batch(4)
			spec.Restart = restart
			end := w.wait(w.submit(spec).ID, time.Hour)
			if took := time.Since(begin); end.State != api.JobDone || took < beginWithin || took > beginWithin+time.Minute {
				t.Fatalf("restart %q: took %s: %+v", restart, took, end)
			}
			w.close()
		})
	}
}

// leased is the scheduler of a job of n tasks, all given out under lease L of one
// lender, after what the journal says; and the lender's Grant.
func leased(t *testing.T, n int, restart string, now time.Time, journal ...api.Task) (*sched, lease.Grant) {
	t.Helper()
	spec := batch(int64(n))
	spec.Restart = restart
	p, err := compile(spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := newSched("job", p, func() api.LeaseID { return "L" }, now)
	for _, row := range journal {
		s.restore(row)
	}
	s.onPeers([]api.Peer{fakePeer("a")}, now)
	s.next(now)
	g := lease.Grant{Share: lease.Share{Slots: n, Credit: n, State: api.LendOpen}, Memory: "m"}
	s.onGranted("L", g, now)
	s.next(now)
	return s, g
}

// A task that a lender does not name after the stream broke runs elsewhere; under
// restart: never only if the lender would know that it began.
func TestNeverAgainWhatMayHaveBegun(t *testing.T) {
	began := []lease.Key{{Task: 0, Attempt: 1}}
	for _, c := range []struct {
		name, restart, memory string
		running, ended        []lease.Key
		unsent, again         bool
	}{
		{name: "may run twice", memory: "another", again: true},
		{name: "remembered", restart: restartNever, memory: "m", again: true},
		{name: "given back", restart: restartNever, memory: "m", ended: began},
		{name: "the lender was restarted", restart: restartNever, memory: "another"},
		{name: "a lender that never remembers", restart: restartNever},
		{name: "it waited for the journal", restart: restartNever, memory: "another", unsent: true, again: true},
		{name: "named, and then given back before it began", restart: restartNever, memory: "m", running: began, again: true},
		{name: "named by a lender that never remembers, and given back", restart: restartNever, running: began},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := time.Unix(0, 0)
			s, g := leased(t, 1, c.restart, now)
			if !c.unsent {
				s.send("L", began)
			}
			s.onBroken("L", now)
			g.Memory, g.Running, g.Ended = c.memory, c.running, c.ended
			s.onGranted("L", g, now)
			s.onGivenBack("L", c.running, api.CauseWithdrawn, "paused by the owner", now)
			s.next(now.Add(time.Minute))
			if tk := s.tasks[0]; c.again && (tk.state != running || tk.attempt != 2) || !c.again && tk.state != recording {
				t.Fatalf("%+v", tk)
			}
		})
	}
}

// What came back before it began runs after a restart of this node, too.
func TestRestartForgetsNotWhatCameBack(t *testing.T) {
	now := time.Unix(0, 0)
	s, _ := leased(t, 2, restartNever, now)
	s.take()
	if err := s.onPause("", now); err != nil {
		t.Fatal(err)
	}
	s.take()
	s.onGivenBack("L", []lease.Key{{Task: 0, Attempt: 1}, {Task: 1, Attempt: 1}}, api.CauseCanceled, "", now)
	rows := []api.Task{{ID: 1, State: api.TaskRunning, Attempt: 1}} // as it was given, and the other as it came back
	for _, a := range s.take() {
		if a.kind == actWaits && a.row.ID == 0 {
			rows = append(rows, a.row)
		}
	}
	s, _ = leased(t, 2, restartNever, now, rows...)
	if s.tasks[0].state != running || s.tasks[0].attempt != 2 || s.tasks[1].state != recording {
		t.Fatalf("%+v, rows %+v", s.tasks, rows)
	}
}

// A pause of the job whose Cancel was lost with the stream is said again.
func TestCancelLostWithTheStream(t *testing.T) {
	now := time.Unix(0, 0)
	s, g := leased(t, 2, "", now)
	if err := s.onPause("", now); err != nil {
		t.Fatal(err)
	}
	s.onBroken("L", now)
	s.take()
	g.Running = []lease.Key{{Task: 0, Attempt: 1}, {Task: 1, Attempt: 1}}
	s.onGranted("L", g, now)
	acts := s.take()
	if len(acts) != 1 || acts[0].kind != actCancel || !acts[0].unbegun || !slices.Equal(acts[0].keys, g.Running) {
		t.Fatalf("%+v", acts)
	}
	s.onStarted("L", g.Running[:1], now)
	s.onGivenBack("L", g.Running[1:], api.CauseCanceled, "", now)
	if s.count.Running != 1 || s.count.Waiting != 1 || s.node("a").lost != 0 {
		t.Fatalf("%+v, %d lost", s.count, s.node("a").lost)
	}
}

func TestQueuedTasksMoveToIdleLenders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, fast := newLender("slow", 1), newLender("fast", 1)
		slow.takes = func(lease.Task) time.Duration { return 20 * time.Second }
		fast.takes = func(lease.Task) time.Duration { return 100 * time.Millisecond }
		w := newWorld(t, NewMemStore(), slow, fast)
		begin := time.Now()
		spec := batch(40)
		spec.Restart = restartNever // what was not begun may move even so
		j := w.submit(spec)
		end := w.wait(j.ID, time.Hour)
		ran, begun, _, _ := slow.counts()
		if took := time.Since(begin); end.State != api.JobDone || len(ran) != 1 || len(begun) != 1 || took > 25*time.Second {
			t.Fatalf("slow ran %v of %v, took %s", ran, begun, took)
		}
		w.close()
	})
}

func TestPausedLenderIsRelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newLender("a", 2), newLender("b", 2)
		for _, l := range []*lender{a, b} {
			l.takes = func(lease.Task) time.Duration { return 200 * time.Millisecond }
		}
		w := newWorld(t, NewMemStore(), a, b)
		j := w.submit(batch(100))
		w.until(j.ID, time.Minute, func(j api.Job) bool { return j.Tasks.Done > 10 })
		a.setShare(lease.Share{State: api.LendPaused, Reason: "its owner is gaming"})
		time.Sleep(time.Second)
		now, _ := w.e.Job(j.ID)
		if n := nodeOf(now.Job, "a"); n.State != "withdrawn" || n.Reason != "its owner is gaming" {
			t.Fatalf("paused node: %+v", n)
		}
		end := w.wait(j.ID, time.Minute)
		if end.State != api.JobDone || end.Tasks.Failed != 0 {
			t.Fatalf("ended as %+v", end)
		}
		w.close()
	})
}

func TestMachineThatFailsEverythingIsSetAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, hole := newLender("a", 2), newLender("b", 2), newLender("hole", 2)
		for _, l := range []*lender{a, b} {
			l.takes = func(lease.Task) time.Duration { return 50 * time.Millisecond }
		}
		hole.takes = func(lease.Task) time.Duration { return 5 * time.Millisecond }
		hole.exec = func(lease.Task) lease.Result { return lease.Result{Exit: api.Exit{Code: 127, Msg: "no such program"}} }
		w := newWorld(t, NewMemStore(), a, b, hole)
		spec := batch(300)
		spec.Retry = 1
		j := w.submit(spec)
		end := w.wait(j.ID, time.Minute)
		if n := nodeOf(end, "hole"); n.State != "set aside" || n.Failed > 40 || !strings.Contains(n.Reason, "failed on it") {
			t.Fatalf("the machine: %+v", n)
		}
		if end.Tasks.Done != 300 {
			t.Fatalf("ended as %+v", end)
		}
		w.close()
	})
}

func TestJobThatFailsEverywhereBlamesNoMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newLender("a", 2), newLender("b", 2)
		for _, l := range []*lender{a, b} {
			l.exec = func(lease.Task) lease.Result { return lease.Result{Exit: api.Exit{Code: 1}} }
		}
		w := newWorld(t, NewMemStore(), a, b)
		spec := batch(100)
		spec.MaxFails = 20
		j := w.submit(spec)
		end := w.wait(j.ID, time.Minute)
		if end.State != api.JobCanceled || !strings.Contains(end.Reason, "max_fails") || nodeOf(end, "a").State == "set aside" {
			t.Fatalf("ended as %+v", end)
		}
		w.close()
	})
}

func TestTaskThatKillsMachines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ls []*lender
		for _, id := range []api.PeerID{"a", "b", "c", "d", "e"} {
			l := newLender(id, 2)
			ls = append(ls, l)
			l.takes = func(tk lease.Task) time.Duration {
				if tk.Task == 5 {
					time.AfterFunc(10*time.Millisecond, func() {
						l.kill()
						time.Sleep(5 * time.Second)
						l.back()
					})
					return time.Hour
				}
				return 100 * time.Millisecond
			}
		}
		w := newWorld(t, NewMemStore(), ls...)
		j := w.submit(batch(50))
		end := w.wait(j.ID, 10*time.Minute)
		if end.Tasks.Done != 49 || end.Tasks.Failed != 1 {
			t.Fatalf("ended as %+v", end)
		}
		task, err := w.e.Task(context.Background(), j.ID, 5)
		if err != nil || task.Cause != api.CauseLost || task.Failures != 0 || !strings.Contains(task.Error, "3 machines") {
			t.Fatalf("the task: %+v, %v", task, err)
		}
		time.Sleep(10 * time.Second) // the machines' own resurrections
		w.close()
	})
}

func TestPinKeepsTasksWhereTheyBelong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := newLender("a", 1), newLender("b", 1), newLender("c", 4)
		w := newWorld(t, NewMemStore(), a, b, c)
		spec := batch(31)
		spec.Strategy, spec.On = "pin", []api.PeerID{"b", "a"}
		j := w.submit(spec)
		w.wait(j.ID, time.Minute)
		for id, r := range w.results(j.ID) {
			if r.Peer != spec.On[id%2] {
				t.Fatalf("task %d ran on %s", id, r.Peer)
			}
		}
		w.close()
	})
}

func TestNeverRestartFailsWhatWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newLender("a", 2), newLender("b", 2)
		for _, l := range []*lender{a, b} {
			l.takes = func(lease.Task) time.Duration { return 300 * time.Millisecond }
		}
		w := newWorld(t, NewMemStore(), a, b)
		spec := batch(40)
		spec.Restart = restartNever
		j := w.submit(spec)
		w.until(j.ID, time.Minute, func(j api.Job) bool { return j.Tasks.Done > 5 })
		a.kill()
		w.until(j.ID, time.Minute, func(j api.Job) bool { return j.Tasks.Failed > 0 })
		w.stop()
		b.kill() // while the borrower is away: only the journal knows what was given out
		w.start()
		a.back()
		b.back()
		if err := w.e.started(context.Background()); err != nil {
			t.Fatal(err)
		}
		end := w.wait(j.ID, time.Minute)
		if end.State != api.JobFailed || end.Tasks.Done+end.Tasks.Failed != 40 {
			t.Fatalf("ended as %+v", end)
		}
		_, ba, _, _ := a.counts()
		_, bb, _, _ := b.counts()
		for id := range api.TaskID(40) {
			if n := ba[id] + bb[id]; n > 1 {
				t.Fatalf("task %d was begun %d times", id, n)
			}
		}
		w.close()
	})
}

func TestEventsAreThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newLender("a", 8)
		a.takes = func(lease.Task) time.Duration { return 2 * time.Millisecond }
		w := newWorld(t, NewMemStore(), a)
		j := w.submit(batch(8000))
		begin := time.Now()
		w.wait(j.ID, time.Minute)
		secs := time.Since(begin).Seconds()
		time.Sleep(time.Second)
		n := eventsOf(w)
		if float64(n[api.EventJob]) > 6*secs+5 || n[api.EventJob] < 3 || n[api.EventTask] > 2000 || n[api.EventTask] == 0 {
			t.Fatalf("in %.1f s: %v", secs, n)
		}
		w.mu.Lock()
		last := w.events[len(w.events)-1]
		for _, e := range w.events {
			if e.Type == api.EventJob {
				last = e
			}
		}
		w.mu.Unlock()
		if last.Job.State != api.JobDone {
			t.Fatalf("the last word: %+v", last.Job)
		}
		w.close()
	})
}
