package server_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

func TestKillEndsOneSandboxAndTellsWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		defer r.stop()
		b, _ := r.lend(alice, anOpen("L1"))
		defer b.hangUp()
		b.assign(task(0, "stubborn"), task(1, "wait", "gate"))
		b.next(lease.KindStarted)
		synctest.Wait()
		var id api.SandboxID
		for _, sb := range r.Sandboxes(t.Context()) {
			if sb.Task == 0 {
				id = sb.ID
			}
		}
		began := time.Now()
		if err := r.Kill(t.Context(), id, "too loud"); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(began); d > 5*time.Second {
			t.Fatalf("it took %s", d)
		}
		if g := b.back(1); g.Cause != api.CauseWithdrawn || g.Keys[0] != key(0) || !strings.Contains(g.Reason, "too loud") {
			t.Fatalf("given back %+v", g)
		}
		if n := r.rt.sandboxes(); n != 1 {
			t.Fatalf("%d sandboxes live", n)
		}
		if u := expect[lease.Share](b, lease.KindUpdate); u.Credit != 0 || !strings.Contains(u.Reason, "too loud") {
			t.Fatalf("told %+v", u)
		}
		r.rt.release("gate")
		b.results(1)
		b.next(lease.KindUpdate) // after a while the lease may work again
		b.assign(task(3, "echo", "x"))
		b.results(1)
		if err := r.Kill(t.Context(), "NONE", ""); api.KindOf(err) != api.KindNotFound {
			t.Fatalf("killing nothing: %v", err)
		}
	})
}

func TestPauseFreezesAndResumeGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		defer r.stop()
		b, _ := r.lend(alice, anOpen("L1"))
		defer b.hangUp()
		b.assign(task(0, "wait", "gate"), task(1, "echo", "queued"))
		b.next(lease.KindStarted)
		synctest.Wait()
		if err := r.Pause(t.Context(), "my film"); err != nil {
			t.Fatal(err)
		}
		for _, sb := range r.rt.open {
			if !sb.isPaused() {
				t.Fatal("a sandbox is not frozen")
			}
		}
		if g := b.back(1); g.Cause != api.CauseWithdrawn || g.Keys[0] != key(1) || !strings.Contains(g.Reason, "my film") {
			t.Fatalf("given back %+v", g)
		}
		if u := expect[lease.Share](b, lease.KindUpdate); u.State != api.LendPaused || u.Credit != 0 {
			t.Fatalf("told %+v", u)
		}
		if st := r.Status(); st.State != api.LendPaused || st.Reason != "my film" || st.Free != (api.Resources{}) {
			t.Fatalf("status %+v", st)
		}
		b.assign(task(2, "echo", "no")) // sent before the update was read
		b.back(1)
		if err := r.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		if u := expect[lease.Share](b, lease.KindUpdate); u.State != api.LendOpen || u.Credit == 0 {
			t.Fatalf("told %+v", u)
		}
		r.rt.release("gate")
		b.results(1)
		b.assign(task(3, "echo", "yes"))
		b.results(1)
		if r.rt.opened != 1 {
			t.Fatalf("%d sandboxes were opened", r.rt.opened)
		}
	})
}

// A sandbox may take minutes to open, and what opens it cannot be frozen.
func TestPauseAndKillEndWhatIsBeingOpened(t *testing.T) {
	for name, act := range map[string]func(context.Context, *rig, api.SandboxID) error{
		"pause": func(ctx context.Context, r *rig, _ api.SandboxID) error { return r.Pause(ctx, "") },
		"one":   func(ctx context.Context, r *rig, id api.SandboxID) error { return r.PauseSandbox(ctx, id) },
		"kill":  func(ctx context.Context, r *rig, id api.SandboxID) error { return r.Kill(ctx, id, "") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 1, func(r *rig) { r.rt.opening = make(chan struct{}) })
				defer r.stop()
				b, _ := r.lend(alice, anOpen("L1"))
				defer b.hangUp()
				b.assign(task(0, "echo", "x"))
				synctest.Wait()
				if err := act(t.Context(), r, r.Sandboxes(t.Context())[0].ID); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if n := len(r.Sandboxes(t.Context())); n != 0 {
					t.Fatalf("%d sandboxes are being opened", n)
				}
				if g := b.back(1); g.Cause != api.CauseWithdrawn {
					t.Fatalf("given back %+v", g)
				}
			})
		})
	}
}

func TestWhatCannotBeFrozenIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		defer r.stop()
		b, _ := r.lend(alice, anOpen("L1"))
		defer b.hangUp()
		b.assign(task(0, "stubborn"))
		b.next(lease.KindStarted)
		synctest.Wait()
		for _, sb := range r.rt.open {
			sb.mu.Lock()
			sb.failing = errors.New("it would not")
			sb.mu.Unlock()
		}
		if err := r.Pause(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		if g := b.back(1); g.Cause != api.CauseWithdrawn {
			t.Fatalf("given back %+v", g)
		}
		synctest.Wait()
		if n := r.rt.sandboxes(); n != 0 {
			t.Fatalf("%d sandboxes live", n)
		}
	})
}

func TestPauseOutlivesTheNodeAndLongPausesGiveBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		b, _ := r.lend(alice, anOpen("L1"))
		b.assign(task(0, "wait", "never"))
		b.next(lease.KindStarted)
		synctest.Wait()
		if err := r.Pause(t.Context(), "night"); err != nil {
			t.Fatal(err)
		}
		for range 70 { // renewals all the while
			time.Sleep(lease.RenewEvery)
			b.send(lease.KindRenew, struct{}{})
		}
		if g := b.back(1); g.Cause != api.CauseWithdrawn {
			t.Fatalf("given back %+v", g)
		}
		b.hangUp()
		r.stop()
		r.start()
		defer r.stop()
		synctest.Wait()
		if st := r.Status(); st.State != api.LendPaused || st.Reason != "night" {
			t.Fatalf("after the restart: %+v", st)
		}
		b, g := r.lend(alice, anOpen("L2"))
		defer b.hangUp()
		if g.Credit != 0 || g.State != api.LendPaused {
			t.Fatalf("granted %+v", g)
		}
	})
}

func TestPauseOfOneSandbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		defer r.stop()
		b, _ := r.lend(alice, anOpen("L1"))
		defer b.hangUp()
		b.assign(task(0, "wait", "gate"), task(1, "wait", "gate"))
		b.next(lease.KindStarted)
		synctest.Wait()
		one := r.Sandboxes(t.Context())[0]
		if err := r.PauseSandbox(t.Context(), one.ID); err != nil {
			t.Fatal(err)
		}
		frozen := 0
		for _, sb := range r.rt.open {
			if sb.isPaused() {
				frozen++
			}
		}
		if frozen != 1 || r.Sandboxes(t.Context())[0].State != "paused" {
			t.Fatalf("%d are frozen: %+v", frozen, r.Sandboxes(t.Context()))
		}
		// resuming lending as a whole does not resume what was paused by itself
		if err := errors.Join(r.Pause(t.Context(), ""), r.Resume(t.Context())); err != nil {
			t.Fatal(err)
		}
		if s := r.Sandboxes(t.Context()); s[0].State != "paused" || s[1].State == "paused" {
			t.Fatalf("sandboxes %+v", s)
		}
		// a cancel of what is frozen closes its sandbox: it could not end when asked
		began := time.Now()
		b.send(lease.KindCancel, lease.Cancel{Keys: []lease.Key{{Task: one.Task, Attempt: 1}}})
		if b.back(1); time.Since(began) > time.Second {
			t.Fatalf("it took %s", time.Since(began))
		}
		r.rt.release("gate")
		b.results(1)
	})
}

func TestDrainLetsWhatRunsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		defer r.stop()
		b, _ := r.lend(alice, anOpen("L1"))
		defer b.hangUp()
		b.assign(task(0, "wait", "gate"), task(1, "echo", "queued"))
		b.next(lease.KindStarted)
		synctest.Wait()
		if err := r.Drain(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		if g := b.back(1); g.Keys[0] != key(1) || g.Cause != api.CauseWithdrawn {
			t.Fatalf("given back %+v", g)
		}
		r.rt.release("gate")
		b.results(1)
		b.assign(task(2, "echo", "more"))
		b.back(1)
	})
}

func TestLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2, func(r *rig) { r.cfg.Names = func(api.PeerID) string { return "name" } })
		defer r.stop()
		o := anOpen("L1")
		o.Needs.GPU = 1
		b, _ := r.lend(alice, o)
		b.assign(task(0, "echo", "12345"), task(1, "exit", "1"))
		b.results(2)
		b.hangUp()
		c, _ := r.lend(bob, anOpen("L2"))
		c.assign(task(0, "wait", "never"))
		c.next(lease.KindStarted)
		time.Sleep(3 * time.Second) // sampled while it computes
		if err := r.KillAll(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		c.back(1)
		c.hangUp()
		rows, err := r.Usage(t.Context(), []string{"peer"}, time.Time{})
		if err != nil || len(rows) != 2 {
			t.Fatalf("usage %+v, %v", rows, err)
		}
		a, k := rows[0], rows[1]
		if a.Peer != alice || a.Name != "name" || a.Tasks != 2 || a.CPUSeconds < 0.004 || a.GPUSeconds != 0.002 || a.BytesOut != 5 || a.MemorySeconds != 2*1024*1.024 {
			t.Errorf("alice's usage %+v", a)
		}
		if k.Peer != bob || k.Tasks != 0 || k.CPUSeconds < 1 {
			t.Errorf("a killed attempt is not charged: %+v", k)
		}
		if rows, err = r.Usage(t.Context(), nil, time.Time{}); err != nil || len(rows) != 1 || rows[0].Tasks != 2 {
			t.Errorf("total %+v, %v", rows, err)
		}
		if _, err = r.Usage(t.Context(), []string{"phase of the moon"}, time.Time{}); api.KindOf(err) != api.KindInvalid {
			t.Errorf("an unknown dimension: %v", err)
		}
	})
}

func TestStatusAndEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changes atomic.Int64
		r := newRig(t, 2, func(r *rig) { r.cfg.OnChange = func() { changes.Add(1) } })
		synctest.Wait()
		if changes.Load() != 1 {
			t.Fatalf("%d changes before anything happened", changes.Load())
		}
		b, _ := r.lend(alice, anOpen("L1"))
		b.assign(task(7, "wait", "gate"))
		b.next(lease.KindStarted)
		time.Sleep(2500 * time.Millisecond)
		st := r.Status()
		if st.Free.CPU != 1 || st.Sandboxes != 1 || st.Leases != 1 || st.State != api.LendOpen || len(st.Runtimes) != 1 || !st.Runtimes[0].Enabled {
			t.Fatalf("status %+v", st)
		}
		sb := r.Sandboxes(t.Context())[0]
		if sb.Task != 7 || sb.State != "running" || sb.Borrower != alice || sb.CPU <= 0 || sb.Memory != 5<<20 || sb.JobName != "job" {
			t.Fatalf("sandbox %+v", sb)
		}
		r.rt.release("gate")
		b.results(1)
		time.Sleep(12 * time.Second) // unused, it is closed
		synctest.Wait()
		if st := r.Status(); st.Sandboxes != 0 || st.Free.CPU != 2 {
			t.Fatalf("status %+v", st)
		}
		if r.seen(api.EventSandbox) < 3 || changes.Load() < 4 {
			t.Fatalf("%d sandbox events, %d changes", r.seen(api.EventSandbox), changes.Load())
		}
		b.hangUp()
		r.stop()
	})
}

func TestShutDownGivesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		b, _ := r.lend(alice, anOpen("L1"))
		b.assign(task(0, "stubborn"), task(1, "echo", "queued"))
		b.next(lease.KindStarted)
		synctest.Wait()
		stopped := make(chan struct{})
		go func() { r.stop(); close(stopped) }()
		if g := b.back(2); g.Cause != api.CauseWithdrawn || !strings.Contains(g.Reason, "shutting down") {
			t.Fatalf("given back %+v", g)
		}
		b.ended()
		<-stopped
		late := r.connect(member(alice))
		late.send(lease.KindOpen, anOpen("L2"))
		if no := expect[lease.Refuse](late, lease.KindRefuse); no.Kind != api.KindUnavailable {
			t.Fatalf("refused %+v", no)
		}
		late.ended()
	})
}

func TestABorrowerThatDoesNotReadCannotHoldUpTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		b, _ := r.lend(alice, anOpen("L1"))
		b.assign(task(0, "wait", "never"))
		b.next(lease.KindStarted)
		synctest.Wait()
		began := time.Now()
		r.stop() // b never closes its side
		if d := time.Since(began); d > 5*time.Second {
			t.Fatalf("it took %s", d)
		}
		b.hangUp()
	})
}

func TestSettingsThatMakeNoSenseAreRefusedAtTheStart(t *testing.T) {
	for name, l := range map[string]api.Limits{
		"negative":  {Total: api.Resources{CPU: -1}},
		"too much":  {Total: api.Resources{Memory: 1 << 50}},
		"a runtime": {Runtimes: []api.RuntimeName{"bash"}},
	} {
		cfg := server.Config{Blobs: newBlobs(t), Fetch: newBlobs(t), Store: &server.Memory{}, Settings: &settings{limits: l}}
		if _, err := server.New(cfg); api.KindOf(err) != api.KindInvalid && !strings.Contains(fmt.Sprint(err), "machine") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Outside of the owner's hours lending is paused by itself; what he says himself
// counts for more.
func TestHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2000, 1, 2, 6, 59, 55, 0, time.Local)))
		r := newRig(t, 2)
		defer r.stop()
		b, _ := r.lend(alice, anOpen("L1"))
		defer b.hangUp()
		b.assign(task(0, "wait", "gate"))
		b.next(lease.KindStarted)
		l := r.Limits()
		l.Hours = []string{"22:00-07:00"}
		if err := r.SetLimits(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		is := func(want api.LendState, reason string) {
			t.Helper()
			if st := r.Status(); st.State != want || !strings.Contains(st.Reason, reason) || r.Paused() != (want == api.LendPaused) {
				t.Errorf("at %s lending is %s, %q", time.Now().Format("15:04"), st.State, st.Reason)
			}
		}
		is(api.LendOpen, "")
		time.Sleep(7 * time.Second)
		is(api.LendPaused, "outside of the hours")
		if sb := r.Sandboxes(t.Context()); len(sb) != 1 || sb[0].State != "paused" {
			t.Errorf("what ran: %+v", sb)
		}
		if _, err := r.Reserve(member(bob), "box", api.Resources{CPU: 1}, api.GuestNone); err == nil {
			t.Error("a container was let in")
		}
		time.Sleep(15 * time.Hour)
		is(api.LendOpen, "")
		if err := r.Drain(t.Context(), "moving house"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Hour)
		is(api.LendDraining, "moving house")
		if err := r.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		is(api.LendPaused, "outside of the hours")
		l.Hours = nil
		if err := r.SetLimits(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		is(api.LendOpen, "")
		l.Hours = []string{"after dark"}
		if err := r.SetLimits(t.Context(), l); api.KindOf(err) != api.KindInvalid {
			t.Errorf("nonsense was taken: %v", err)
		}
	})
}

// Without any row nobody may do anything: the default table is not an empty one.
func TestEmptyPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		defer r.stop()
		if err := r.MayRun(t.Context(), member(alice), api.RuntimeWasm); err != nil {
			t.Errorf("by default: %v", err)
		}
		if err := r.SetPolicy(t.Context(), []api.Rule{}); err != nil {
			t.Fatal(err)
		}
		if err := r.MayRun(t.Context(), member(alice), api.RuntimeWasm); api.KindOf(err) != api.KindDenied {
			t.Errorf("without a row: %v", err)
		}
	})
}
