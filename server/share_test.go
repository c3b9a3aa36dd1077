package server_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

func TestSharesAreEqualPerBorrower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 4)
		defer r.stop()
		a1, g := r.lend(alice, anOpen("A1"))
		defer a1.hangUp()
		if g.Slots != 4 {
			t.Fatalf("alone: %+v", g)
		}
		a2, _ := r.lend(alice, anOpen("A2"))
		defer a2.hangUp()
		synctest.Wait() // else one update may tell alice both, that she has a second lease and that bob is there
		b, g := r.lend(bob, anOpen("B1"))
		defer b.hangUp()
		if g.Slots != 2 {
			t.Fatalf("bob: %+v", g)
		}
		if u := expect[lease.Share](a1, lease.KindUpdate); u.Slots != 2 {
			t.Fatalf("alice's first, of two leases: %+v", u)
		}
		if u := expect[lease.Share](a1, lease.KindUpdate); u.Slots != 1 {
			t.Fatalf("alice's first, besides bob: %+v", u)
		}
	})
}

// Everybody queues work for an hour; each borrower gets about half of it done,
// although one came first and uses two leases.
func TestWorkIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, slots := range []int{1, 3} {
			r := newRig(t, slots)
			ran := map[api.PeerID]int{}
			r.rt.onExec = func(p api.PeerID, _ []string) { r.mu.Lock(); ran[p]++; r.mu.Unlock() }
			var all []*borrower
			for _, who := range []struct{ peer, id string }{{alice, "A1"}, {alice, "A2"}, {bob, "B1"}} {
				b, g := r.lend(who.peer, anOpen(api.LeaseID(who.id)))
				all = append(all, b)
				go func() { // a borrower that always uses its credit
					next := api.TaskID(0)
					for range g.Credit {
						b.assign(task(next, "sleep", "100ms"))
						next++
					}
					for f := range b.frames {
						if f.kind != lease.KindFinished {
							continue
						}
						var done lease.Finished
						if err := unmarshal(f.body, &done); err != nil {
							t.Error(err)
						}
						for _, res := range done.Results {
							b.ack(res.Key)
							b.assign(task(next, "sleep", "100ms"))
							next++
						}
					}
				}()
			}
			time.Sleep(5 * time.Minute)
			r.mu.Lock()
			a, b := ran[alice], ran[bob]
			r.mu.Unlock()
			want := slots * 3000
			if total := a + b; total < want*95/100 || total > want+slots {
				t.Errorf("%d slots: %d tasks in five minutes, %d are possible", slots, total, want)
			}
			if a*10 < b*9 || b*10 < a*9 {
				t.Errorf("%d slots: alice had %d tasks executed, bob %d", slots, a, b)
			}
			for _, b := range all {
				b.st.Reset() //nolint:errcheck // gone either way
				<-b.served
			}
			r.stop()
		}
	})
}

func TestNobodysIdleShareIsWasted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 4)
		defer r.stop()
		a, _ := r.lend(alice, anOpen("A"))
		defer a.hangUp()
		b, _ := r.lend(bob, anOpen("B"))
		defer b.hangUp()
		for i := range api.TaskID(4) {
			b.assign(task(i, "wait", "gate")) // within the credit of two slots
		}
		synctest.Wait()
		if n := len(r.Sandboxes(t.Context())); n != 4 {
			t.Fatalf("%d slots work while alice has nothing to do", n)
		}
		time.Sleep(3 * time.Second)
		b.kept = nil
		r.rt.release("gate")
		b.results(4)
	})
}

func TestSlotsWantedAreTheMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 4)
		defer r.stop()
		o := anOpen("A")
		o.Slots = 1
		a, g := r.lend(alice, o)
		defer a.hangUp()
		if g.Slots != 1 {
			t.Fatalf("granted %+v", g)
		}
		a.assign(task(0, "sleep", "1s"), task(1, "sleep", "1s"))
		a.results(2)
		if n := r.rt.mostOf[alice]; n != 1 {
			t.Fatalf("%d at once", n)
		}
	})
}

// A large slot must come to its turn although small ones are always ready.
func TestABigSlotIsNotStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 4)
		defer r.stop()
		small, _ := r.lend(alice, anOpen("SMALL"))
		go func() {
			next := api.TaskID(0)
			for range 8 {
				small.assign(task(next, "sleep", "3s"))
				next++
			}
			for f := range small.frames {
				if f.kind == lease.KindFinished {
					var done lease.Finished
					if err := unmarshal(f.body, &done); err != nil {
						t.Error(err)
					}
					for _, res := range done.Results {
						small.ack(res.Key)
						small.assign(task(next, "sleep", "3s"))
						next++
					}
				}
			}
		}()
		defer func() { small.st.Reset(); <-small.served }() //nolint:errcheck // gone either way
		time.Sleep(time.Second)
		o := anOpen("BIG")
		o.Needs = api.Resources{CPU: 4, Memory: 64 << 20}
		big, _ := r.lend(bob, o)
		defer big.hangUp()
		began := time.Now()
		big.assign(task(0, "echo", "big"))
		big.results(1)
		if d := time.Since(began); d > 20*time.Second {
			t.Fatalf("it waited %s", d)
		}
	})
}
