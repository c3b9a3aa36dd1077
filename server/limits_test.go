package server_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

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

// Guests have the networks that the owner's policy gives, of those that there are.
func TestGuestNetworks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docker := newFake()
		docker.name, docker.networks = api.RuntimeDocker, []api.GuestNetwork{api.GuestFiltered}
		run := api.Rule{Subject: "*", Action: "run", Resource: "*", Allow: true}
		r := newRig(t, 2, func(r *rig) {
			r.cfg.Runtimes = []runtime.Runtime{docker}
			r.rt = docker
			r.set.rules = []api.Rule{run}
		})
		defer r.stop()
		open := func(id api.LeaseID, on api.GuestNetwork) lease.Open {
			o := anOpen(id)
			o.Runtime, o.Module, o.Image, o.Network = api.RuntimeDocker, api.BlobID{}, "x", on
			return o
		}
		refused := func(on api.GuestNetwork) lease.Refuse {
			b := r.connect(member(alice))
			defer b.hangUp()
			b.send(lease.KindOpen, open("L1", on))
			return expect[lease.Refuse](b, lease.KindRefuse)
		}
		offered := func() int { return len(r.Runtimes()[0].Networks) }
		first, _ := r.lend(alice, open("L0", ""))
		first.hangUp()
		if no := refused(api.GuestFiltered); no.Kind != api.KindDenied || !strings.Contains(no.Hint, "p2prc lend policy allow YOU network:filtered") || offered() != 0 {
			t.Errorf("%+v, %d offered", no, offered())
		}
		container := api.Rule{Subject: "*", Action: "container", Resource: "*", Allow: true}
		network := api.Rule{Subject: "role:member", Action: "network", Resource: "*", Allow: true}
		if err := r.SetPolicy(t.Context(), []api.Rule{network, container, run}); err != nil {
			t.Fatal(err)
		}
		if no := refused(api.GuestOpen); no.Kind != api.KindUnsupported || offered() != 1 {
			t.Errorf("a network that there is not: %+v, %d offered", no, offered())
		}
		if no := refused("lan"); no.Kind != api.KindInvalid {
			t.Errorf("nonsense: %+v", no)
		}
		b, _ := r.lend(alice, open("L2", api.GuestFiltered))
		defer b.hangUp()
		b.assign(task(0, "wait", "never"))
		b.next(lease.KindStarted)
		docker.mu.Lock()
		on := docker.specs[0].Network
		docker.mu.Unlock()
		if on != api.GuestFiltered {
			t.Errorf("opened with network %q", on)
		}
		if _, err := r.Reserve(member(alice), "C1", api.Resources{}, api.GuestFiltered); err != nil {
			t.Errorf("a container: %v", err)
		}
		r.Release("C1")
		again, err := server.New(r.cfg) // this node's next process, which has not asked the engine yet
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Permitted(member(alice), api.GuestFiltered); err != nil {
			t.Errorf("a container that was there before a restart: %v", err)
		}
		for _, err := range []error{
			r.PermittedUnder([]api.Rule{run, container}, member(alice), api.GuestFiltered), r.PermittedUnder([]api.Rule{run}, member(alice), api.GuestNone),
		} {
			if api.KindOf(err) != api.KindDenied {
				t.Errorf("under a policy that forbids it: %v", err)
			}
		}
		if err := errors.Join(r.PermittedUnder([]api.Rule{run, container}, member(alice), api.GuestNone), r.Permitted(member(alice), api.GuestFiltered)); err != nil {
			t.Error(err)
		}
		if err := r.SetPolicy(t.Context(), []api.Rule{run, container}); err != nil {
			t.Fatal(err)
		}
		if g := b.back(1); g.Cause != api.CauseWithdrawn {
			t.Errorf("given back %+v", g)
		}
		if err := r.Permitted(member(alice), api.GuestFiltered); api.KindOf(err) != api.KindDenied {
			t.Errorf("a container afterwards: %v", err)
		}
		if err := r.Permitted(member(alice), api.GuestNone); err != nil {
			t.Errorf("a container without a network: %v", err)
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

// Guests that say nothing of the disk do not get all of it each.
func TestDisksOfAllGuestsFitIntoTheTotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 4, func(r *rig) { r.set.limits.Total.Disk = 8 << 30 })
		defer r.stop()
		b, _ := r.lend(alice, anOpen("L1"))
		defer b.hangUp()
		b.assign(task(0, "wait", "a"), task(1, "wait", "a"), task(2, "wait", "a"), task(3, "wait", "a"))
		synctest.Wait()
		sum := int64(0)
		all := r.Sandboxes(t.Context())
		for _, sb := range all {
			sum += sb.Cap.Disk
		}
		if len(all) != 4 || sum == 0 || sum > 8<<30 || r.rt.limits.Disk != 2<<30 {
			t.Fatalf("%d sandboxes may use %d bytes of disk, one command %d", len(all), sum, r.rt.limits.Disk)
		}
		r.rt.release("a")
		b.results(4)
	})
}

// Few results may be many bytes: those are bounded too, over a restart.
func TestBytesOfHeldResultsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1, func(r *rig) {
			err := r.store.Apply(t.Context(), lease.Batch{
				Open: []lease.Record{{Lease: "L1", Borrower: alice, Job: "JOBL1", Runtime: api.RuntimeWasm}},
				Save: []lease.Held{{Lease: "L1", Key: key(0), Size: 300 << 20, Result: []byte(`{"task":0,"attempt":1}`)}},
			})
			if err != nil {
				t.Fatal(err)
			}
		})
		defer r.stop()
		b, g := r.lend(alice, anOpen("L1"))
		if g.Credit != 0 || g.Reason == "" {
			t.Fatalf("granted %+v", g)
		}
		c, other := r.lend(bob, anOpen("BOBS"))
		if other.Credit == 0 {
			t.Fatalf("another borrower is granted %+v", other)
		}
		b.ack(key(0))
		if sh := expect[lease.Share](b, lease.KindUpdate); sh.Credit == 0 {
			t.Fatalf("after the acknowledgement %+v", sh)
		}
		b.hangUp()
		c.hangUp()
	})
}
