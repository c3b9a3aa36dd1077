package server_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// dockerRig lends containers beside tasks.
func dockerRig(t *testing.T, slots int) *rig {
	r := newRig(t, slots, func(r *rig) {
		r.rt.name = api.RuntimeDocker
		r.set.limits.Runtimes = []api.RuntimeName{api.RuntimeDocker}
	})
	synctest.Wait()
	return r
}

// Which containers are over lowered limits, the newest first; what tasks use is
// in the sum, and a disk that is full takes nothing from anybody.
func TestContainersOverTheLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := dockerRig(t, 6)
		defer r.stop()
		var order []api.SandboxID
		for _, c := range []struct {
			id  api.SandboxID
			of  string
			cpu float64
		}{{"big", alice, 2}, {"small", alice, 1}, {"other", bob, 1}} {
			if _, err := r.Reserve(member(c.of), c.id, api.Resources{CPU: c.cpu, Memory: 1 << 30}, api.GuestNone); err != nil {
				t.Fatal(err)
			}
			order = append([]api.SandboxID{c.id}, order...)
		}
		if _, err := r.Reserve(member(alice), "too much", api.Resources{CPU: 3}, api.GuestNone); api.KindOf(err) != api.KindQuota {
			t.Errorf("more than there is: %v", err)
		}
		for _, c := range []struct {
			what   string
			lower  func(*api.Limits)
			expect []api.SandboxID
		}{
			{"nothing", func(*api.Limits) {}, nil},
			{"all together", func(l *api.Limits) { l.Total.CPU = 2.5 }, []api.SandboxID{"other", "small"}},
			{"all together by much", func(l *api.Limits) { l.Total.CPU = 1 }, []api.SandboxID{"other", "small", "big"}},
			{"one peer", func(l *api.Limits) { l.PerPeer.CPU = 2 }, []api.SandboxID{"small"}},
			{"one guest", func(l *api.Limits) { l.PerGuest.CPU = 1 }, []api.SandboxID{"big"}},
			{"memory", func(l *api.Limits) { l.PerPeer.Memory = 1 << 30 }, []api.SandboxID{"small"}},
		} {
			l, _ := r.set.Load()
			was := l
			c.lower(&l)
			if got := r.OverUnder(l, order); !slices.Equal(got, c.expect) {
				t.Errorf("%s: would be over %v, want %v", c.what, got, c.expect)
			}
			if err := r.SetLimits(t.Context(), l); err != nil {
				t.Fatalf("%s: %v", c.what, err)
			}
			if got := r.Over(order); !slices.Equal(got, c.expect) {
				t.Errorf("%s: over are %v, want %v", c.what, got, c.expect)
			}
			if err := r.SetLimits(t.Context(), was); err != nil {
				t.Fatal(err)
			}
		}
		l, _ := r.set.Load()
		l.Runtimes = append(l.Runtimes, api.RuntimeProcess)
		if err := errors.Join(r.SetLimits(t.Context(), l), r.SetPolicy(t.Context(), []api.Rule{{Subject: "*", Action: api.ActionShell, Resource: "runtime:process", Allow: true}})); err != nil {
			t.Fatal(err)
		}
		if _, err := r.ReserveShell(t.Context(), member(bob), "shell"); err != nil {
			t.Fatal(err)
		}
		for cpu, want := range map[float64][]api.SandboxID{5: nil, 4: {"shell"}, 3: {"shell", "other"}} {
			l.Total.CPU = cpu
			if got := r.OverUnder(l, order); !slices.Equal(got, want) {
				t.Errorf("a shell beside them, %v cores: over are %v, want %v", cpu, got, want)
			}
		}
		for _, id := range append(order, "shell") {
			r.Release(id)
		}
	})
}

// Where containers leave no room for a task, its borrower is told so, and told
// when there is room again.
func TestContainersLeaveNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1, func(r *rig) { r.set.limits.Runtimes = []api.RuntimeName{api.RuntimeWasm, api.RuntimeDocker} })
		defer r.stop()
		synctest.Wait()
		if _, err := r.Reserve(member(bob), "box", api.Resources{CPU: 0.3, Memory: 1 << 20}, api.GuestNone); err != nil {
			t.Fatal(err)
		}
		a, g := r.lend(alice, anOpen("A"))
		defer a.hangUp()
		if g.Slots != 0 || g.Credit != 0 || !strings.Contains(g.Reason, "its containers leave 0.7 cores") {
			t.Errorf("granted %+v", g)
		}
		r.Release("box")
		if u := expect[lease.Share](a, lease.KindUpdate); u.Slots != 1 || u.Credit == 0 || u.Reason != "" {
			t.Errorf("with room: %+v", u)
		}
		a.assign(task(0, "true"))
		a.results(1)
		if _, err := r.Reserve(member(bob), "box", api.Resources{CPU: 0.3, Memory: 1 << 20}, api.GuestNone); err != nil {
			t.Fatal(err)
		}
		u := expect[lease.Share](a, lease.KindUpdate)
		for u.Slots != 0 { // what its results changed was on its way
			u = expect[lease.Share](a, lease.KindUpdate)
		}
		if u.Credit != 0 {
			t.Errorf("and without: %+v", u)
		}
		r.Release("box")
		for u.Slots == 0 {
			u = expect[lease.Share](a, lease.KindUpdate)
		}
	})
}

// So it is where the borrower's own containers leave it too little of what one peer may have.
func TestOwnContainersLeaveNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 4, func(r *rig) {
			r.set.limits.Runtimes = []api.RuntimeName{api.RuntimeWasm, api.RuntimeDocker}
			r.set.limits.PerPeer.CPU = 2
		})
		defer r.stop()
		synctest.Wait()
		for _, id := range []api.SandboxID{"one", "two"} {
			if _, err := r.Reserve(member(alice), id, api.Resources{CPU: 0.7, Memory: 1 << 20, Disk: 1 << 20}, api.GuestNone); err != nil {
				t.Fatal(err)
			}
		}
		o := anOpen("A")
		o.Needs.Disk = 1 << 20
		a, g := r.lend(alice, o)
		defer a.hangUp()
		if g.Slots != 0 || !strings.Contains(g.Reason, "your containers there leave you 0.6 cores") {
			t.Errorf("granted %+v", g)
		}
		o.Lease = "B"
		b, g := r.lend(bob, o)
		defer b.hangUp()
		if g.Slots != 2 {
			t.Errorf("bob: %+v", g)
		}
		r.Release("one")
		if u := expect[lease.Share](a, lease.KindUpdate); u.Slots != 1 || u.Reason != "" {
			t.Errorf("with room: %+v", u)
		}
	})
}

// A container's use stands in the ledger as a task's does.
func TestContainersInTheLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := dockerRig(t, 2)
		defer r.stop()
		r.Charge(alice, "01BOX", api.UsageRow{CPUSeconds: 90, MemorySeconds: 5e9, GPUSeconds: 3, BytesIn: 7, BytesOut: 8})
		r.Charge(alice, "01BOX", api.UsageRow{CPUSeconds: 10, MemorySeconds: 5e9, GPUSeconds: 3})
		rows, err := r.Usage(t.Context(), []string{"peer", "job"}, time.Time{})
		if err != nil || len(rows) != 1 {
			t.Fatalf("%+v, %v", rows, err)
		}
		if got := rows[0]; got.Peer != alice || got.Job != "01BOX" || got.CPUSeconds != 100 || got.MemorySeconds != 1e10 || got.GPUSeconds != 6 || got.BytesIn != 7 || got.BytesOut != 8 || got.Tasks != 0 {
			t.Errorf("%+v", got)
		}
	})
}

// A runtime of which a part comes and goes is noticed in seconds, and told.
func TestRuntimeComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := dockerRig(t, 2)
		defer r.stop()
		works := func() bool { return r.Runtimes()[0].Available }
		told := r.seen(api.EventLend)
		for i, there := range []bool{false, true} {
			r.rt.gone.Store(!there)
			time.Sleep(6 * time.Second)
			if works() != there || r.seen(api.EventLend) != told+1+i {
				t.Errorf("the engine is there: %v; the runtime works: %v; told %d times", there, works(), r.seen(api.EventLend)-told)
			}
			state := r.Status().State
			if want := map[bool]api.LendState{true: api.LendOpen, false: api.LendOff}[there]; state != want {
				t.Errorf("lending is %s, want %s", state, want)
			}
		}
		if n := r.rt.probes.Load(); n != 3 {
			t.Errorf("it was probed %d times, want at the start and at each change", n)
		}
	})
}

// A container that holds its GPU while it is stopped can be started with it.
func TestReserveCountsItsOwnOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2, func(r *rig) {
			r.cfg.Machine = api.Resources{CPU: 2, Memory: 8 << 30, Disk: 100 << 30, GPU: 1}
			r.set.limits.Total.GPU = 1
			r.rt.name = api.RuntimeDocker
			r.set.limits.Runtimes = []api.RuntimeName{api.RuntimeDocker}
		})
		defer r.stop()
		synctest.Wait()
		gpu := api.Resources{CPU: 1, Memory: 1 << 30, GPU: 1}
		r.Adopt(alice, "stopped", api.Resources{GPU: 1})
		if _, err := r.Reserve(member(bob), "another", gpu, api.GuestNone); api.KindOf(err) != api.KindQuota {
			t.Errorf("somebody else gets it: %v", err)
		}
		if _, err := r.Reserve(member(alice), "stopped", gpu, api.GuestNone); err != nil {
			t.Error(err)
		}
	})
}
