package server_test

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/leak"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

func TestMain(m *testing.M) { leak.Main(m) }

func TestALeaseFromOpenToRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		defer r.stop()
		b, g := r.lend(alice, anOpen("L1"))
		if g.Slots != 2 || g.Credit < 2 || g.State != api.LendOpen || g.TTL != api.Duration(lease.TTL) {
			t.Fatalf("granted %+v", g)
		}
		b.assign(task(0, "echo", "hello"), task(1, "exit", "3"))
		res := b.results(2)
		if string(res[0].Stdout.Inline) != "hello" || !res[0].Exit.OK() || res[1].Exit.Code != 3 {
			t.Fatalf("results %+v", res)
		}
		if v := r.Leases(alice); len(v) != 1 || v[0].Held != 2 || len(r.Leases(bob)) != 0 {
			t.Fatalf("leases %+v", v)
		}
		b.ack(key(0), key(1))
		b.send(lease.KindRelease, struct{}{})
		b.ended()
		synctest.Wait()
		if st := r.Status(); st.Leases != 0 || st.Held != 0 || st.Sandboxes != 0 {
			t.Fatalf("status %+v", st)
		}
		j, err := r.store.LoadLending(t.Context())
		if err != nil || len(j.Leases)+len(j.Held) != 0 {
			t.Fatalf("the journal still has %+v, %v", j, err)
		}
		if o := r.blobs.owners(); len(o) != 0 {
			t.Fatalf("pins are left: %v", o)
		}
	})
}

func TestNothingIsSaidBeforeItIsOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		defer r.stop()
		b, _ := r.lend(alice, anOpen("L1"))
		defer b.hangUp()
		b.assign(task(9, "echo", "the module is here now"))
		b.results(1)
		b.ack(key(9))
		r.store.FailWith(api.Errorf(api.KindQuota, "disk full"))
		b.assign(task(0, "echo", "x"))
		if g := b.back(1); g.Cause != api.CauseLost {
			t.Fatalf("given back %+v", g)
		}
		r.store.FailWith(nil)
		b.assign(task(1, "echo", "y"))
		b.results(1)
		j, err := r.store.LoadLending(t.Context())
		if err != nil || len(j.Held) != 1 || j.Held[0].Task != 1 {
			t.Fatalf("journal %+v, %v", j, err)
		}
	})
}

func TestResumeNamesWhatRunsAndSendsAgainWhatIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		defer r.stop()
		b, _ := r.lend(alice, anOpen("L1"))
		b.assign(task(0, "echo", "zero"), task(1, "wait", "gate"))
		b.results(1)
		b.hangUp()

		o := anOpen("L1")
		o.Resume = true
		b, g := r.lend(alice, o)
		defer b.hangUp()
		if len(g.Finished) != 1 || g.Finished[0] != key(0) || len(g.Running) != 1 || g.Running[0] != key(1) {
			t.Fatalf("grant %+v", g)
		}
		if res := b.results(1); string(res[0].Stdout.Inline) != "zero" {
			t.Fatalf("held result %+v", res)
		}
		r.rt.release("gate")
		if res := b.results(1); res[0].Task != 1 {
			t.Fatalf("result %+v", res)
		}
		if r.rt.ran["zero"] != 1 {
			t.Fatalf("task 0 ran %d times", r.rt.ran["zero"])
		}
	})
}

func TestANewerStreamReplacesTheOlder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		defer r.stop()
		first, _ := r.lend(alice, anOpen("L1"))
		second, _ := r.lend(alice, anOpen("L1"))
		defer second.hangUp()
		first.ended()
		second.assign(task(0, "echo", "x"))
		second.results(1)

		thief := r.connect(member(bob))
		thief.send(lease.KindOpen, anOpen("L1"))
		if no := expect[lease.Refuse](thief, lease.KindRefuse); no.Kind != api.KindDenied {
			t.Fatalf("another borrower was answered %+v", no)
		}
		thief.ended()
		second.assign(task(1, "echo", "y"))
		second.results(1)
	})
}

func TestALeaseEndsWhenItsBorrowerIsSilentForTTLAndGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		defer r.stop()
		b, _ := r.lend(alice, anOpen("L1"))
		b.assign(task(0, "echo", "x"), task(1, "wait", "never"))
		b.results(1)
		b.hangUp()
		time.Sleep(lease.TTL + lease.Grace - 5*time.Second)
		if st := r.Status(); st.Leases != 1 || st.Held != 1 || st.Sandboxes != 1 {
			t.Fatalf("within the grace time: %+v", st)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if st := r.Status(); st.Leases != 0 || st.Held != 0 || st.Sandboxes != 0 {
			t.Fatalf("after the grace time: %+v", st)
		}
		o := anOpen("L1")
		o.Resume = true
		b, g := r.lend(alice, o) // a lease that is not known any more is simply empty
		defer b.hangUp()
		if len(g.Finished)+len(g.Running) != 0 {
			t.Fatalf("grant %+v", g)
		}
	})
}

func TestRenewalKeepsALeaseAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		defer r.stop()
		b, _ := r.lend(alice, anOpen("L1"))
		defer b.hangUp()
		b.assign(task(0, "wait", "gate"))
		for range 100 {
			time.Sleep(lease.RenewEvery)
			b.send(lease.KindRenew, struct{}{})
			b.next(lease.KindRenewed)
		}
		r.rt.release("gate")
		b.results(1)
	})
}

func TestResultsSurviveTheLendersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		o := anOpen("L1")
		o.Common.Outputs = []string{"out/*"}
		b, _ := r.lend(alice, o)
		b.assign(task(0, "make", "out/a"), task(1, "make", "out/b"))
		b.results(2)
		b.ack(key(0))
		b.assign(task(2, "wait", "never"))
		b.next(lease.KindStarted)
		synctest.Wait()
		b.hangUp()
		r.stop()

		r.start()
		defer r.stop()
		synctest.Wait()
		if st := r.Status(); st.Leases != 1 || st.Held != 1 {
			t.Fatalf("after the restart: %+v", st)
		}
		o.Resume = true
		b, g := r.lend(alice, o)
		if len(g.Running) != 0 || len(g.Finished) != 1 || g.Finished[0] != key(1) {
			t.Fatalf("grant %+v", g)
		}
		res := b.results(1)
		if len(res[0].Files) != 1 || res[0].Files[0].Path != "out/b" || !r.blobs.Has(res[0].Files[0].Blob) {
			t.Fatalf("held result %+v", res)
		}
		b.assign(task(3, "make", "out/c")) // and the lease works on
		b.results(1)
		b.ack(key(1), key(3))
		b.send(lease.KindRelease, struct{}{})
		b.ended()
		synctest.Wait()
		if o := r.blobs.owners(); len(o) != 0 {
			t.Fatalf("pins are left: %v", o)
		}
	})
}

// What a kill -9 leaves may name a lease without results, or pins of a batch
// that was never written.
func TestRestartForgetsWhatNobodyWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1, func(r *rig) {
			err := r.store.Apply(t.Context(), lease.Batch{
				Open: []lease.Record{{Lease: "EMPTY", Borrower: alice, Job: "J"}, {Lease: "FULL", Borrower: alice, Job: "J"}},
				Save: []lease.Held{{Lease: "FULL", Key: key(1), Pin: 4, Size: 2, Result: []byte("{}")}},
			})
			if err != nil {
				t.Fatal(err)
			}
			r.blobs.pins = map[string][]api.BlobID{"lease/EMPTY/in": {{1}}, "lease/EMPTY/1": {{1}}, "lease/FULL/4": {{2}},
				"lease/FULL/3": {{3}}, "lease/FULL/9": {{3}}, // 5 to 8 were acknowledged before the batch that broke
				"lease/UNKNOWN/1": {{4}}, "job/J": {{5}}}
		})
		defer r.stop()
		synctest.Wait()
		if got := fmt.Sprint(r.blobs.owners()); got != "[job/J lease/FULL/4]" {
			t.Fatalf("pins after the restart: %s", got)
		}
		if v := r.Leases(""); len(v) != 1 || v[0].ID != "FULL" {
			t.Fatalf("leases %+v", v)
		}
		time.Sleep(lease.TTL + lease.Grace + 2*time.Second)
		synctest.Wait()
		j, err := r.store.LoadLending(t.Context())
		if err != nil || len(j.Leases)+len(j.Held) != 0 || fmt.Sprint(r.blobs.owners()) != "[job/J]" {
			t.Fatalf("after the grace time: %+v, %v, pins %v", j, err, r.blobs.owners())
		}
	})
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		defer r.stop()
		b, _ := r.lend(alice, anOpen("L1"))
		defer b.hangUp()
		b.assign(task(0, "wait", "never"), task(1, "echo", "queued"))
		b.next(lease.KindStarted)
		b.send(lease.KindCancel, lease.Cancel{Keys: []lease.Key{key(0), key(1), key(9)}, Reason: "not needed"})
		if g := b.back(3); g.Cause != api.CauseCanceled || g.Reason != "not needed" {
			t.Fatalf("given back %+v", g)
		}
		if r.rt.ran["queued"] != 0 {
			t.Fatal("a canceled task ran")
		}
		b.assign(task(2, "echo", "x")) // the sandbox lives on
		b.results(1)
		b.send(lease.KindCancel, lease.Cancel{Keys: []lease.Key{key(2)}}) // forget what is held
		synctest.Wait()
		if st := r.Status(); st.Held != 0 || r.rt.opened != 1 {
			t.Fatalf("status %+v, %d sandboxes opened", st, r.rt.opened)
		}
	})
}

func TestCancelOfWhatHasNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		defer r.stop()
		b, _ := r.lend(alice, anOpen("L1"))
		defer b.hangUp()
		b.assign(task(0, "echo", "held"))
		b.results(1)
		b.assign(task(1, "wait", "gate"), task(2, "echo", "queued"))
		synctest.Wait()
		b.send(lease.KindCancel, lease.Cancel{Keys: []lease.Key{key(0), key(1), key(2)}, Unbegun: true})
		if g := b.back(1); g.Keys[0] != key(2) {
			t.Fatalf("given back %+v", g)
		}
		r.rt.release("gate")
		if got := b.results(1); got[0].Key != key(1) || !got[0].Exit.OK() {
			t.Fatalf("results %+v", got)
		}
		if st := r.Status(); st.Held != 2 || r.rt.ran["queued"] != 0 {
			t.Fatalf("status %+v, ran %v", st, r.rt.ran)
		}
	})
}

// What waits for its sandbox has a slot, and has not begun.
func TestCancelOfWhatIsAboutToBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		defer r.stop()
		r.rt.opening = make(chan struct{})
		b, _ := r.lend(alice, anOpen("L1"))
		defer b.hangUp()
		b.assign(task(0, "echo", "early"))
		synctest.Wait()
		b.send(lease.KindCancel, lease.Cancel{Keys: []lease.Key{key(0)}, Unbegun: true})
		synctest.Wait()
		close(r.rt.opening)
		if f := b.next(lease.KindStarted, lease.KindGivenBack); f.kind != lease.KindGivenBack {
			t.Fatalf("frame %d came", f.kind)
		}
		if r.rt.ran["early"] != 0 {
			t.Fatal("it ran")
		}
	})
}

// A node on its way down gives back what is still assigned to it, and says that it takes no more.
func TestAssignOnTheWayDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.rt.closing = make(chan struct{})
		b, _ := r.lend(alice, anOpen("L1"))
		b.assign(task(0, "wait", "never"))
		synctest.Wait()
		stopped := make(chan struct{})
		go func() { defer close(stopped); r.stop() }()
		if sh := expect[lease.Share](b, lease.KindUpdate); sh.Slots != 0 || sh.Credit != 0 {
			t.Fatalf("share %+v", sh)
		}
		if g := b.back(1); g.Keys[0] != key(0) {
			t.Fatalf("given back %+v", g)
		}
		b.assign(task(1, "echo", "late"))
		if g := b.back(1); g.Keys[0] != key(1) || g.Cause != api.CauseWithdrawn {
			t.Fatalf("given back %+v", g)
		}
		close(r.rt.closing)
		<-stopped
		b.hangUp()
	})
}

// Who resumes hears what runs, and what ran and was taken away meanwhile.
func TestResumeTellsWhatBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		defer r.stop()
		o := anOpen("L1")
		b, first := r.lend(alice, o)
		b.assign(task(0, "wait", "never"), task(1, "wait", "gate"), task(2, "echo", "queued"))
		synctest.Wait()
		b.hangUp()
		synctest.Wait()
		for _, sb := range r.Sandboxes(t.Context()) {
			if sb.Task == 0 {
				if err := r.Kill(t.Context(), sb.ID, "a film"); err != nil {
					t.Fatal(err)
				}
			}
		}
		o.Resume = true
		b, g := r.lend(alice, o)
		defer b.hangUp()
		if g.Memory != first.Memory || g.Memory == "" || len(g.Ended) != 1 || g.Ended[0] != key(0) {
			t.Fatalf("granted %+v, at first %+v", g, first)
		}
		if f := b.next(lease.KindStarted); !bytes.Contains(f.body, []byte(`{"t":1,"a":1}`)) || bytes.Contains(f.body, []byte(`"t":0`)) {
			t.Fatalf("started: %s", f.body)
		}
		r.rt.release("gate")
	})
}

func TestACommandThatDoesNotEndWhenAskedLosesItsSandbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		defer r.stop()
		b, _ := r.lend(alice, anOpen("L1"))
		defer b.hangUp()
		b.assign(task(0, "stubborn"))
		b.next(lease.KindStarted)
		began := time.Now()
		b.send(lease.KindCancel, lease.Cancel{Keys: []lease.Key{key(0)}})
		b.back(1)
		if d := time.Since(began); d > 5*time.Second {
			t.Fatalf("it took %s", d)
		}
	})
}

func TestLiveOutputIsCoalesced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		defer r.stop()
		o := anOpen("L1")
		o.Live = true
		b, _ := r.lend(alice, o)
		defer b.hangUp()
		b.assign(task(0, "print", "20000"))
		b.results(1)
		n := 0
		for _, f := range b.kept {
			if f.kind == lease.KindOutput {
				n++
			}
		}
		if n != 1 {
			t.Fatalf("%d output frames for one burst", n)
		}
		b.assign(task(1, "print", "10000000"))
		if res := b.results(1); res[0].Stdout.Blob.IsZero() || res[0].Stdout.Size != 10_000_000 || res[0].Stdout.Inline != nil {
			t.Fatalf("result %+v", res[0].Stdout)
		}
	})
}

func TestCreditFollowsTheTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		defer r.stop()
		b, g := r.lend(alice, anOpen("L1"))
		defer b.hangUp()
		if g.Credit != 4 {
			t.Fatalf("credit %d before anything is known", g.Credit)
		}
		b.assign(task(0, "sleep", "10ms"), task(1, "sleep", "10ms"))
		if u := expect[lease.Share](b, lease.KindUpdate); u.Credit != 2*21 {
			t.Fatalf("credit %d for tasks of 10 ms", u.Credit)
		}
		b.assign(task(2, "sleep", "5m"))
		if u := expect[lease.Share](b, lease.KindUpdate); u.Credit != 4 {
			t.Fatalf("credit %d for tasks of minutes", u.Credit)
		}
	})
}
