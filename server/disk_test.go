package server_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// What is announced and granted follows what is free, less a reserve.
func TestLentDiskFollowsFreeDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var free atomic.Int64
		free.Store(3 << 30)
		r := newRig(t, 2, func(r *rig) {
			r.cfg.Disk = func() (int64, int64, error) { return 10 << 30, free.Load(), nil }
			r.set.limits.Total.Disk = 8 << 30
		})
		defer r.stop()
		b, g := r.lend(alice, anOpen("L1"))
		defer b.hangUp()
		if st := r.Status(); st.Total.Disk != 2<<30 || g.Credit == 0 {
			t.Fatalf("lent %+v, granted %+v", st.Total, g)
		}
		b.assign(task(0, "wait", "gate"))
		b.next(lease.KindStarted)
		if all := r.Sandboxes(t.Context()); all[0].Cap.Disk != 1<<30 {
			t.Fatalf("one of two slots may use %d bytes", all[0].Cap.Disk)
		}

		free.Store(1<<30 + 10<<20) // the reserve, and too little to speak of
		time.Sleep(time.Minute / 4)
		if st := r.Status(); st.Total.Disk != 0 || st.Free.Disk != 0 || st.Sandboxes != 1 {
			t.Fatalf("with a full disk: %+v", st)
		}
		b.assign(task(1, "echo", "x"))
		if g := b.back(1); g.Cause != api.CauseWithdrawn || !strings.Contains(g.Reason, "no free disk") {
			t.Fatalf("given back %+v", g)
		}
		late := r.connect(member(bob))
		late.send(lease.KindOpen, anOpen("L2"))
		if no := expect[lease.Refuse](late, lease.KindRefuse); no.Kind != api.KindQuota {
			t.Fatalf("refused with %+v", no)
		}
		late.hangUp()
		r.rt.release("gate")
		b.results(1) // what ran went on

		free.Store(9 << 30)
		time.Sleep(time.Minute / 4)
		if st := r.Status(); st.Total.Disk != 8<<30 {
			t.Fatalf("with room again: %+v", st)
		}
		b.assign(task(2, "echo", "x"))
		b.results(1)
	})
}
