package server_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
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
		b.send(lease.KindCancel, lease.Keys{Keys: []lease.Key{{Task: one.Task, Attempt: 1}}})
		b.back(1)
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

func TestLoweredLimitsWithdrawAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 4)
		defer r.stop()
		b, _ := r.lend(alice, anOpen("L1"))
		defer b.hangUp()
		for i := range api.TaskID(4) {
			b.assign(task(i, "wait", "gate"))
		}
		synctest.Wait()
		l := r.Limits()
		l.Total.CPU = 2
		if err := r.SetLimits(t.Context(), l); err == nil {
			t.Fatal("per_peer above total was accepted")
		}
		l.PerPeer, l.PerGuest = api.Resources{}, api.Resources{}
		if err := r.SetLimits(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		if g := b.back(2); g.Cause != api.CauseWithdrawn {
			t.Fatalf("given back %+v", g)
		}
		synctest.Wait()
		if n := len(r.Sandboxes(t.Context())); n != 2 || r.set.limits.Total.CPU != 2 {
			t.Fatalf("%d sandboxes, committed %+v", n, r.set.limits)
		}
		if u := expect[lease.Share](b, lease.KindUpdate); u.Slots != 2 {
			t.Fatalf("told %+v", u)
		}
		r.set.fail = errors.New("read-only disk")
		l.Total.CPU = 1
		if err := r.SetLimits(t.Context(), l); err == nil || r.Limits().Total.CPU != 2 {
			t.Fatalf("uncommitted limits are in force: %v, %+v", err, r.Limits())
		}
		r.rt.release("gate")
		b.results(2)
	})
}

func TestPerPeerCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 4, func(r *rig) { r.set.limits.PerPeer = api.Resources{CPU: 1} })
		defer r.stop()
		b, g := r.lend(alice, anOpen("L1"))
		defer b.hangUp()
		c, _ := r.lend(alice, anOpen("L2"))
		defer c.hangUp()
		if g.Slots != 1 {
			t.Fatalf("granted %+v", g)
		}
		b.assign(task(0, "sleep", "1s"), task(1, "sleep", "1s"))
		c.assign(task(0, "sleep", "1s"), task(1, "sleep", "1s"))
		b.results(2)
		c.results(2)
		if n := r.rt.mostOf[alice]; n != 1 {
			t.Fatalf("%d commands of one peer at once", n)
		}
	})
}

func TestPolicyChangesTakeEffectOnWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		defer r.stop()
		b, _ := r.lend(alice, anOpen("L1"))
		defer b.hangUp()
		b.assign(task(0, "echo", "held"))
		b.results(1)
		b.assign(task(1, "wait", "never"))
		b.next(lease.KindStarted)
		synctest.Wait()
		if err := r.SetPolicy(t.Context(), []api.Rule{{Subject: "role:nobody", Action: "run", Resource: "*"}}); api.KindOf(err) != api.KindInvalid {
			t.Fatalf("a policy of unknown roles: %v", err)
		}
		rules := []api.Rule{{Subject: alice, Action: "*", Resource: "*"}, {Subject: "*", Action: "run", Resource: "*", Allow: true}}
		if err := r.SetPolicy(t.Context(), rules); err != nil {
			t.Fatal(err)
		}
		if g := b.back(1); g.Cause != api.CauseWithdrawn {
			t.Fatalf("given back %+v", g)
		}
		b.assign(task(2, "echo", "no"))
		b.back(1)
		if st := r.Status(); st.Held != 1 { // what was finished is still hers
			t.Fatalf("status %+v", st)
		}
		c := r.connect(member(alice))
		c.send(lease.KindOpen, anOpen("L2"))
		if no := expect[lease.Refuse](c, lease.KindRefuse); no.Kind != api.KindDenied {
			t.Fatalf("refused %+v", no)
		}
		c.ended()
		d, _ := r.lend(bob, anOpen("L3"))
		d.hangUp()
		if r.Status().Refused != 1 || r.seen(api.EventRefused) != 1 {
			t.Fatalf("refused %d, events %d", r.Status().Refused, r.seen(api.EventRefused))
		}
	})
}

func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bare := newFake()
		bare.name, bare.isolation = api.RuntimeProcess, "none"
		r := newRig(t, 2, func(r *rig) {
			r.cfg.Runtimes = []runtime.Runtime{r.rt, bare}
			r.set.limits.Runtimes = []api.RuntimeName{api.RuntimeWasm, api.RuntimeProcess}
			r.set.rules = []api.Rule{{Subject: bob, Action: "run", Resource: "*", Allow: true}, {Subject: "role:member", Action: "run", Resource: "*", Allow: true}}
		})
		defer r.stop()
		ask := func(who api.Caller, change func(*lease.Open)) api.Kind {
			b := r.connect(who)
			defer b.hangUp()
			o := anOpen("L1")
			change(&o)
			b.send(lease.KindOpen, o)
			f := b.next(lease.KindRefuse, lease.KindGrant)
			if f.kind == lease.KindGrant {
				b.send(lease.KindRelease, struct{}{})
				b.ended()
				return "granted"
			}
			var no lease.Refuse
			if err := unmarshal(f.body, &no); err != nil {
				t.Fatal(err)
			}
			return no.Kind
		}
		process := func(o *lease.Open) { o.Runtime = api.RuntimeProcess }
		for name, c := range map[string]struct {
			who  api.Caller
			make func(*lease.Open)
			want api.Kind
		}{
			"a member":                   {member(alice), func(*lease.Open) {}, "granted"},
			"a lender submits nothing":   {api.Caller{Peer: alice, Role: api.RoleLender}, func(*lease.Open) {}, api.KindDenied},
			"a role the table omits":     {api.Caller{Peer: alice, Role: api.RoleBorrower}, func(*lease.Open) {}, api.KindDenied},
			"a runtime that is not lent": {member(alice), func(o *lease.Open) { o.Runtime, o.Image = api.RuntimeDocker, "x" }, api.KindDenied},
			"no isolation, not by name":  {member(alice), process, api.KindDenied},
			"no isolation, by name":      {member(bob), process, "granted"},
			"more than a guest may":      {member(alice), func(o *lease.Open) { o.Needs.CPU = 3 }, api.KindQuota},
			"negative needs":             {member(alice), func(o *lease.Open) { o.Needs.CPU = -1 }, api.KindInvalid},
			"no id":                      {member(alice), func(o *lease.Open) { o.Lease = "" }, api.KindInvalid},
			"an id that is a path":       {member(alice), func(o *lease.Open) { o.Lease = "../../x" }, api.KindInvalid},
			"no module":                  {member(alice), func(o *lease.Open) { o.Module = api.BlobID{} }, api.KindInvalid},
			"an unknown runtime":         {member(alice), func(o *lease.Open) { o.Runtime = "bash" }, api.KindInvalid},
		} {
			if got := ask(c.who, c.make); got != c.want {
				t.Errorf("%s: %s, want %s", name, got, c.want)
			}
			synctest.Wait()
		}
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
