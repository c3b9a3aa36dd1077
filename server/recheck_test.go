package server_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Until it is known what works here, nothing is lent, and nobody is told that it does not.
func TestLookingAtTheMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1, func(r *rig) { r.rt.looks = time.Second })
		defer r.stop()
		for _, looking := range []bool{true, false} {
			st := r.Status()
			if r.Looking() != looking || (st.State == api.LendOff) != looking || strings.Contains(st.Reason, "looked at") != looking {
				t.Errorf("looking: %v, said: %v, status %+v", looking, r.Looking(), st)
			}
			time.Sleep(2 * time.Second)
		}
	})
}

// The tasks of a member that was revoked do not run on for the grace time.
func TestARevokedBorrowersTasksAreWithdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		defer r.stop()
		b, _ := r.lend(alice, anOpen("L1"))
		b.assign(task(0, "echo", "x"), task(1, "wait", "ever"), task(2, "wait", "ever"))
		b.results(1)
		c, _ := r.lend(bob, anOpen("L2"))
		c.assign(task(0, "wait", "end"))
		synctest.Wait()
		r.Recheck(func() map[api.PeerID]api.Role {
			return map[api.PeerID]api.Role{alice: api.RoleMember, bob: api.RoleMember}
		})
		synctest.Wait()
		if n := len(r.Sandboxes(t.Context())); n != 2 {
			t.Fatalf("%d sandboxes after a check that changed nothing", n)
		}
		b.hangUp() // p2p ends a revoked member's streams
		r.Recheck(func() map[api.PeerID]api.Role { return map[api.PeerID]api.Role{bob: api.RoleMember} })
		synctest.Wait()
		for _, sb := range r.Sandboxes(t.Context()) {
			if sb.Borrower == alice {
				t.Fatalf("a revoked member's sandbox goes on: %+v", sb)
			}
		}
		if st := r.Status(); st.Held != 1 {
			t.Fatalf("status %+v", st)
		}
		r.rt.release("end")
		c.results(1)
		c.hangUp()
		again, g := r.lend(alice, anOpen("L1")) // admitted anew
		if g.Credit == 0 || len(g.Finished) != 1 {
			t.Fatalf("resumed as %+v", g)
		}
		again.hangUp()
	})
}

// Nothing tells of a membership that expires.
func TestAnExpiredBorrowersTasksAreWithdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		r := newRig(t, 1, func(r *rig) {
			r.cfg.Roles = func() map[api.PeerID]api.Role {
				if time.Since(begin) > 3*time.Minute {
					return nil
				}
				return map[api.PeerID]api.Role{alice: api.RoleMember}
			}
		})
		defer r.stop()
		b, _ := r.lend(alice, anOpen("L1"))
		b.assign(task(0, "wait", "ever"))
		synctest.Wait()
		b.hangUp()
		time.Sleep(2*time.Minute + 30*time.Second)
		if n := len(r.Sandboxes(t.Context())); n != 1 {
			t.Fatalf("%d sandboxes of a member", n)
		}
		time.Sleep(2 * time.Minute)
		if n := len(r.Sandboxes(t.Context())); n != 0 {
			t.Fatal("an expired member's sandbox goes on")
		}
	})
}
