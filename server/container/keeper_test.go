package container_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/conntest"
	wcontainer "github.com/Akilan1999/p2p-rendering-computation/wire/container"
)

const (
	one api.ContainerID = "01ARZ3NDEKTSV4RRFFQ69G5FA1"
	two api.ContainerID = "01ARZ3NDEKTSV4RRFFQ69G5FA2"
)

// both are a container as its borrower and as the engine have it.
func (r *rig) both(id api.ContainerID) string {
	return string(r.seen(id).State) + " " + r.engine.state(id)
}

func (r *rig) want(id api.ContainerID, want string) {
	r.t.Helper()
	if got := r.both(id); got != want {
		r.t.Errorf("container %s is %s, want %s: %s", id[len(id)-1:], got, want, r.seen(id).Reason)
	}
}

// world runs a test in a time of its own.
func world(t *testing.T, fn func(*testing.T, *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		fn(t, r)
		r.end(false)
	})
}

// A node that is killed finds its containers running, with what they have used;
// one that ended as told starts again those that ran.
func TestAdoption(t *testing.T) {
	for _, kill := range []bool{true, false} {
		world(t, func(t *testing.T, r *rig) {
			for id, name := range map[api.ContainerID]string{one: "one", two: "two"} {
				if err := r.create(id, name); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := r.ask("alice", wcontainer.Request{Op: wcontainer.OpStop, ID: two}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Second)
			before := r.seen(one).Use.CPUTime
			r.end(kill)
			if got := r.engine.state(one); got != map[bool]string{true: "running", false: "stopped"}[kill] {
				t.Errorf("kill %v: the node's end left the container %s", kill, got)
			}
			r.live()
			time.Sleep(2 * time.Second)
			r.want(one, "running running")
			r.want(two, "stopped stopped")
			if after := r.seen(one).Use.CPUTime; before < api.Duration(9*time.Second) || after < before {
				t.Errorf("kill %v: it used %v before and %v after", kill, before, after)
			}
			if len(r.room.held) != 1 {
				t.Errorf("room is held for %v", r.room.held)
			}
		})
	}
}

// Whichever of the two lists a crash left a container on alone, it has an owner
// or is gone afterwards.
func TestCrashWindows(t *testing.T) {
	world(t, func(t *testing.T, r *rig) {
		reached := make(chan struct{})
		cut := make(chan struct{})
		r.engine.on = func(op string) {
			if op == "make" {
				close(reached)
				<-cut // the node dies while the engine makes it
			}
		}
		asked := make(chan error, 1)
		go func() { asked <- r.create(one, "one") }()
		<-reached
		r.engine.on = nil
		docs := r.store.docs // as the disk has them now
		saved := map[string][]byte{}
		for key, doc := range docs {
			saved[key] = doc
		}
		r.engine.set(func() { r.engine.down = true })
		close(cut)
		<-asked
		r.end(true)
		r.store.docs = saved
		r.engine.set(func() { r.engine.down, r.engine.boxes[one] = false, &fakeBox{running: true} })
		r.engine.set(func() { r.engine.boxes[two] = &fakeBox{running: true} }) // of a record that was lost
		r.live()
		time.Sleep(time.Second)
		r.want(one, "gone none")
		r.want(two, "none none")
		if len(r.room.held) != 0 {
			t.Errorf("room is held for %v", r.room.held)
		}
		if _, err := r.ask("alice", wcontainer.Request{Op: wcontainer.OpRemove, ID: one}); err != nil {
			t.Error(err)
		}
		r.want(one, "none none")
	})
}

// The same create said twice, also at once, makes one container.
func TestCreateTwice(t *testing.T) {
	world(t, func(t *testing.T, r *rig) {
		made := 0
		r.engine.on = func(op string) {
			if op == "make" {
				made++
				time.Sleep(time.Second)
			}
		}
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if err := r.create(one, "one"); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if err := r.create(two, "one"); api.KindOf(err) != api.KindConflict {
			t.Errorf("a second one of that name: %v", err)
		}
		if made != 1 {
			t.Errorf("%d were made", made)
		}
		if _, err := r.ask("bob", wcontainer.Request{Op: wcontainer.OpRemove, ID: one}); api.KindOf(err) != api.KindNotFound {
			t.Errorf("another borrower reaches it: %v", err)
		}
	})
}

// An engine that restarts while the node runs stops what it had: that runs again,
// and stands still again where the owner has it so.
func TestEngineRestarts(t *testing.T) {
	world(t, func(t *testing.T, r *rig) {
		if err := errors.Join(r.create(one, "one"), r.create(two, "two"), r.Freeze(t.Context(), api.SandboxID(two))); err != nil {
			t.Fatal(err)
		}
		r.engine.set(func() {
			r.engine.down = true
			for _, b := range r.engine.boxes {
				b.running, b.paused = false, false
			}
		})
		time.Sleep(5 * time.Second)
		r.engine.set(func() { r.engine.down = false })
		time.Sleep(2 * time.Second)
		r.want(one, "running running")
		r.want(two, "paused paused")
		r.engine.set(func() { r.engine.boxes[one].running = false }) // the engine was there: it ended by itself
		time.Sleep(2 * time.Second)
		r.want(one, "stopped stopped")
	})
}

// What the owner paused stays so when the node starts anew.
func TestPausedNodeAdopts(t *testing.T) {
	world(t, func(t *testing.T, r *rig) {
		if err := errors.Join(r.create(one, "one"), r.FreezeAll(t.Context())); err != nil {
			t.Fatal(err)
		}
		r.end(true)
		r.room.paused = true
		r.start()
		time.Sleep(time.Second)
		r.want(one, "paused paused")
		if err := r.ThawAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.want(one, "running running")
	})
}

// A container's time, and somebody who removes it behind the node's back, end it.
func TestEnds(t *testing.T) {
	world(t, func(t *testing.T, r *rig) {
		if err := errors.Join(r.create(one, "one"), r.create(two, "two")); err != nil {
			t.Fatal(err)
		}
		r.engine.set(func() { delete(r.engine.boxes, two) })
		time.Sleep(2 * time.Second)
		r.want(two, "gone none")
		r.engine.set(func() { r.engine.fail["remove"] = errors.New("busy") })
		time.Sleep(api.DefaultTTL)
		r.want(one, "running running")
		r.engine.set(func() { delete(r.engine.fail, "remove") })
		time.Sleep(2 * time.Second)
		r.want(one, "gone none")
		if why := r.seen(one).Reason; why != "its time was up" {
			t.Errorf("it ended because %s", why)
		}
		time.Sleep(25 * time.Hour)
		r.want(one, "none none")
		if n := r.engine.tidied; n < 48 || n > 51 {
			t.Errorf("the engine was tidied %d times in 49 hours", n)
		}
		if got := r.room.charged("alice"); got < 2*time.Hour || got > 3*time.Hour {
			t.Errorf("alice was charged %v of the 2.4 h that a tenth of a core is in a day", got)
		}
	})
}

// What a container uses is charged from its first moment, and once only when
// another process of the node adopts it.
func TestChargedFromTheStart(t *testing.T) {
	world(t, func(t *testing.T, r *rig) {
		charged := func(want time.Duration) {
			t.Helper()
			if got := r.room.charged("alice"); got < want-want/10 || got > want+want/10 {
				t.Errorf("alice was charged %v for a tenth of a core, want %v", got, want)
			}
		}
		if err := r.create(one, "one"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second + time.Second/2)
		charged(100 * time.Millisecond)
		r.end(true)
		r.start()
		time.Sleep(time.Second + time.Second/2)
		charged(200 * time.Millisecond)
	})
}

// What another policy would take away is told, and not taken.
func TestForbidden(t *testing.T) {
	world(t, func(t *testing.T, r *rig) {
		if err := errors.Join(r.create(one, "one"), r.create(two, "two")); err != nil {
			t.Fatal(err)
		}
		borrower := string(r.Sandboxes()[0].Borrower)
		for _, c := range []struct {
			rules []api.Rule
			want  int
		}{{[]api.Rule{{Subject: borrower}}, 2}, {[]api.Rule{{Subject: borrower, Allow: true}}, 0}, {[]api.Rule{{Subject: "another"}}, 0}, {nil, 2}} {
			if ends := r.Forbidden(c.rules); len(ends) != c.want {
				t.Errorf("%+v forbid %+v", c.rules, ends)
			}
		}
		r.want(one, "running running")
		r.want(two, "running running")
	})
}

// The owner's limits, when they are lowered, take the newest away first.
func TestLimitsLowered(t *testing.T) {
	world(t, func(t *testing.T, r *rig) {
		if err := r.create(one, "one"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if err := r.create(two, "two"); err != nil {
			t.Fatal(err)
		}
		for lower, want := range map[*api.Limits]int{{Total: api.Resources{CPU: 2}}: 0, {Total: api.Resources{CPU: 1}}: 1, {Total: api.Resources{CPU: 2}, Runtimes: []api.RuntimeName{api.RuntimeWasm}}: 2} {
			if ends := r.Ends(*lower); len(ends) != want || want == 1 && ends[0].JobName != "two" {
				t.Errorf("%+v would end %+v", *lower, ends)
			}
		}
		r.want(two, "running running")
		r.room.set(func() { r.room.most = 1 })
		if err := r.Enforce(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.want(one, "running running")
		r.want(two, "gone none")
		if why := r.seen(two).Reason; why != "withdrawn by the owner: the limits were lowered" {
			t.Errorf("its borrower reads %q", why)
		}
		r.room.set(func() { r.room.barred = api.Errorf(api.KindUnsupported, "the engine cannot filter now") })
		if err := r.Enforce(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.want(one, "running running") // that is no reason to take its files away
		r.room.set(func() { r.room.barred = api.Errorf(api.KindDenied, "not you") })
		if err := r.Enforce(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.want(one, "gone none")
	})
}

// A container that is still being made can be taken away as any other: the making
// ends, and nothing is left.
func TestKillWhileItIsMade(t *testing.T) {
	for what, take := range map[string]func(*rig) error{
		"killed by the owner: enough":                             func(r *rig) error { return r.Kill(r.t.Context(), api.SandboxID(one), "enough") },
		"the owner paused this node while the container was made": func(r *rig) error { return r.FreezeAll(r.t.Context()) },
		"it was not made in time":                                 func(*rig) error { time.Sleep(time.Hour + time.Minute); return nil },
		"removed while it was made": func(r *rig) error {
			_, err := r.ask("alice", wcontainer.Request{Op: wcontainer.OpRemove, ID: one})
			return err
		},
	} {
		world(t, func(t *testing.T, r *rig) {
			bringing := make(chan struct{})
			r.images.bring = func(ctx context.Context) error {
				close(bringing)
				<-ctx.Done()
				return ctx.Err()
			}
			made := make(chan error, 1)
			go func() {
				_, err := r.ask("alice", wcontainer.Request{Op: wcontainer.OpCreate, ID: one, Spec: &api.ContainerSpec{
					Name: "one", Image: "busybox", ImageID: api.ImageID("sha256:" + strings.Repeat("a", 64))}})
				made <- err
			}()
			<-bringing
			if got := r.Sandboxes(); len(got) != 1 || got[0].State != "starting" {
				t.Errorf("its owner sees %+v", got)
			}
			if err := take(r); err != nil {
				t.Error(err)
			}
			if err := <-made; err == nil || !strings.Contains(err.Error(), what) {
				t.Errorf("its borrower is told %v, want %s", err, what)
			}
			r.want(one, "none none")
			if len(r.room.held) != 0 || r.images.holds != 0 {
				t.Errorf("held: room %v, images %d", r.room.held, r.images.holds)
			}
		})
	}
}

// What cannot be made leaves nothing.
func TestMakeFails(t *testing.T) {
	world(t, func(t *testing.T, r *rig) {
		r.engine.fail["make"] = api.Errorf(api.KindUnsupported, "no such image")
		if err := r.create(one, "one"); api.KindOf(err) != api.KindUnsupported {
			t.Error(err)
		}
		r.want(one, "none none")
		if len(r.room.held) != 0 || len(r.store.docs) != 0 {
			t.Errorf("held: room %v, store %v", r.room.held, r.store.docs)
		}
	})
}

// A container that cannot be paused is taken away: the owner was promised the
// machine.
func TestCannotBePaused(t *testing.T) {
	world(t, func(t *testing.T, r *rig) {
		if err := r.create(one, "one"); err != nil {
			t.Fatal(err)
		}
		r.engine.set(func() { r.engine.fail["freeze"] = errors.New("busy") })
		if err := r.FreezeAll(t.Context()); err != nil {
			t.Error(err)
		}
		r.want(one, "gone none")
	})
}

// When the owner's hours end and begin, containers stand still and go on.
func TestFollowsTheHours(t *testing.T) {
	world(t, func(t *testing.T, r *rig) {
		if err := r.create(one, "one"); err != nil {
			t.Fatal(err)
		}
		for _, paused := range []bool{true, false} {
			r.room.set(func() { r.room.paused = paused })
			time.Sleep(2 * time.Second)
			r.want(one, map[bool]string{true: "paused paused", false: "running running"}[paused])
		}
	})
}

// A container that cannot be all it should be stands still, on the engine too: its
// borrower pays for what runs.
func TestStoppedIsStopped(t *testing.T) {
	world(t, func(t *testing.T, r *rig) {
		port := conntest.FreePort(t, 1)
		spec := &api.ContainerSpec{Name: "one", Image: "busybox", Publish: []api.PublishSpec{{Inside: 80, Outside: port}}}
		if _, err := r.ask("alice", wcontainer.Request{Op: wcontainer.OpCreate, ID: one, Spec: spec}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.ask("alice", wcontainer.Request{Op: wcontainer.OpStop, ID: one}); err != nil {
			t.Fatal(err)
		}
		ln, err := net.Listen("tcp", fmt.Sprintf(":%d", port)) // somebody else's now
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		if _, err := r.ask("alice", wcontainer.Request{Op: wcontainer.OpStart, ID: one}); err == nil {
			t.Error("it was started without its port")
		}
		r.want(one, "stopped stopped")
		if n := r.room.count(); n != 0 {
			t.Errorf("room is held for %d", n)
		}
		r.engine.set(func() { r.engine.boxes[one].running = true })
		time.Sleep(2 * time.Second)
		r.want(one, "stopped stopped")
	})
}

// What the owner has stand still by name does, over a restart, over the hours and
// whatever its borrower does, until it is let go on by name.
func TestHeldByName(t *testing.T) {
	world(t, func(t *testing.T, r *rig) {
		if err := errors.Join(r.create(one, "one"), r.Freeze(t.Context(), api.SandboxID(one))); err != nil {
			t.Fatal(err)
		}
		r.end(true)
		r.live()
		time.Sleep(time.Second)
		r.want(one, "paused paused")
		for _, paused := range []bool{true, false} {
			r.room.set(func() { r.room.paused = paused })
			time.Sleep(2 * time.Second)
			r.want(one, "paused paused")
		}
		if _, err := r.ask("alice", wcontainer.Request{Op: wcontainer.OpStop, ID: one}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.ask("alice", wcontainer.Request{Op: wcontainer.OpStart, ID: one}); api.KindOf(err) != api.KindUnavailable {
			t.Errorf("its borrower starts it: %v", err)
		}
		if err := r.Thaw(t.Context(), api.SandboxID(one)); err != nil {
			t.Fatal(err)
		}
		if _, err := r.ask("alice", wcontainer.Request{Op: wcontainer.OpStart, ID: one}); err != nil {
			t.Error(err)
		}
		r.want(one, "running running")
	})
}

// GPUs are a container's own until it is removed, and so count as long.
func TestStoppedKeepsItsGPUs(t *testing.T) {
	world(t, func(t *testing.T, r *rig) {
		spec := &api.ContainerSpec{Name: "one", Image: "busybox", Needs: api.Resources{CPU: 1, GPU: 1}}
		if _, err := r.ask("alice", wcontainer.Request{Op: wcontainer.OpCreate, ID: one, Spec: spec}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.ask("alice", wcontainer.Request{Op: wcontainer.OpStop, ID: one}); err != nil {
			t.Fatal(err)
		}
		var before float64
		r.room.set(func() { before = r.room.gpu })
		time.Sleep(time.Hour)
		r.room.set(func() {
			if used := r.room.gpu - before; used < 3598 || used > 3601 {
				t.Errorf("%v GPU-seconds were charged for an hour in which it was stopped", used)
			}
		})
		for _, when := range []string{"stopped", "adopted"} {
			if n := r.room.count(); n != 1 {
				t.Errorf("%s: room is held for %d", when, n)
			}
			r.end(true)
			r.live()
			time.Sleep(time.Second)
		}
		if _, err := r.ask("alice", wcontainer.Request{Op: wcontainer.OpRemove, ID: one}); err != nil {
			t.Fatal(err)
		}
		if n := r.room.count(); n != 0 {
			t.Errorf("removed: room is held for %d", n)
		}
	})
}

// What the engine will not remove at once is removed later, and meanwhile keeps
// nobody's node from starting.
func TestOrphanThatStays(t *testing.T) {
	world(t, func(t *testing.T, r *rig) {
		r.end(true)
		r.engine.set(func() {
			r.engine.boxes[one], r.engine.fail["remove"] = &fakeBox{running: true}, errors.New("busy")
		})
		r.live()
		time.Sleep(3 * time.Second)
		if got := r.engine.state(one); got != "running" {
			t.Fatalf("it is %s", got)
		}
		r.engine.set(func() { delete(r.engine.fail, "remove") })
		time.Sleep(2 * time.Second)
		if got := r.engine.state(one); got != "none" {
			t.Errorf("it is %s", got)
		}
	})
}

// What is over the limits goes although nobody asked: they may have been lowered
// while the engine was away. What failed to follow the hours follows later.
func TestTriedAgain(t *testing.T) {
	world(t, func(t *testing.T, r *rig) {
		if err := r.create(one, "one"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if err := r.create(two, "two"); err != nil {
			t.Fatal(err)
		}
		r.room.set(func() { r.room.most = 1 })
		time.Sleep(time.Minute + time.Second)
		r.want(two, "gone none")
		r.room.set(func() { r.room.paused = true })
		time.Sleep(2 * time.Second)
		r.engine.set(func() { r.engine.fail["thaw"] = errors.New("busy") })
		r.room.set(func() { r.room.paused = false })
		time.Sleep(2 * time.Second)
		r.want(one, "paused paused")
		r.engine.set(func() { delete(r.engine.fail, "thaw") })
		time.Sleep(2 * time.Second)
		r.want(one, "running running")
	})
}
