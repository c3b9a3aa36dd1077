package server_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

func TestInputsAreFetchedOncePerNodeAndPinned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		defer r.stop()
		shared, own, inTree := r.blobs.far("shared"), r.blobs.far("own"), r.blobs.far("in a folder")
		tree := api.BlobID{9, 9}
		r.blobs.trees[tree] = api.Tree{Files: []api.TreeFile{{Path: "sub/f", Blob: inTree, Mode: 0o755}}}
		o := anOpen("L1")
		o.Common.Env = map[string]string{"A": "1", "B": "2"}
		o.Common.Inputs = []api.Input{{Path: "s.txt", Blob: shared}, {Path: "dir", Tree: tree}, {Path: "over", Blob: shared}}
		b, _ := r.lend(alice, o)
		with := task(0, "cat", "over")
		with.Inputs = []api.Input{{Path: "over", Blob: own}}
		with.Env = map[string]string{"B": "3"}
		b.assign(with, task(1, "cat", "s.txt"))
		res := b.results(2)
		if string(res[0].Stdout.Inline) != "own" || string(res[1].Stdout.Inline) != "shared" {
			t.Fatalf("results %q %q", res[0].Stdout.Inline, res[1].Stdout.Inline)
		}
		if res[0].Usage.BytesIn != int64(len("shared")*2+len("in a folder")+len("own")) || res[1].Usage.BytesOut != 6 {
			t.Fatalf("usage %+v", res[0].Usage)
		}
		b.assign(task(2, "cat", "dir/sub/f"))
		if res := b.results(1); string(res[0].Stdout.Inline) != "in a folder" {
			t.Fatalf("result %+v", res)
		}
		if strings.Join(r.rt.env, " ") != "A=1 B=2" || len(r.rt.files) != 3 || r.rt.files[1].Mode != 0o755 || r.rt.files[0].Mode != 0o644 {
			t.Fatalf("env %v, files %+v", r.rt.env, r.rt.files)
		}
		for _, id := range []api.BlobID{shared, own, inTree} {
			if r.blobs.asked[id] != 1 {
				t.Errorf("blob %s was fetched %d times", id, r.blobs.asked[id])
			}
		}
		rows, err := r.Usage(t.Context(), nil, time.Time{})
		if want := int64(len("shared") + len("in a folder") + len("own")); err != nil || rows[0].BytesIn != want {
			t.Errorf("the ledger has %+v, %v; %d bytes came", rows, err, want)
		}
		if !slices.Contains(r.blobs.owners(), "lease/L1/in") {
			t.Errorf("pins %v", r.blobs.owners())
		}
		b.ack(key(0), key(1), key(2))
		b.send(lease.KindRelease, struct{}{})
		b.ended()
		synctest.Wait()
		if o := r.blobs.owners(); len(o) != 0 {
			t.Errorf("pins are left: %v", o)
		}
	})
}

func TestStdin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		defer r.stop()
		b, _ := r.lend(alice, anOpen("L1"))
		defer b.hangUp()
		text, blob := task(0, "cat", "-"), task(1, "cat", "-")
		text.Stdin, blob.StdinBlob = "typed", r.blobs.far("from a blob")
		b.assign(text, blob)
		if res := b.results(2); string(res[0].Stdout.Inline) != "typed" || string(res[1].Stdout.Inline) != "from a blob" {
			t.Fatalf("results %+v", res)
		}
		if rows, err := r.Usage(t.Context(), nil, time.Time{}); err != nil || rows[0].BytesIn != int64(len("typed")+len("from a blob")) {
			t.Errorf("the ledger has %+v, %v", rows, err)
		}
	})
}

// A task may wait so long that what it reads is evicted again.
func TestStdinThatWasEvictedIsFetchedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		defer r.stop()
		b, _ := r.lend(alice, anOpen("L1"))
		defer b.hangUp()
		reads := task(1, "cat", "-")
		reads.StdinBlob = r.blobs.far("from a blob")
		b.assign(task(0, "wait", "turn"), reads)
		synctest.Wait()
		r.blobs.mu.Lock()
		_, staged := r.blobs.data[reads.StdinBlob]
		delete(r.blobs.data, reads.StdinBlob)
		r.blobs.mu.Unlock()
		if !staged {
			t.Fatal("the task's input was not brought ahead of its turn")
		}
		r.rt.release("turn")
		if res := b.results(2); string(res[1].Stdout.Inline) != "from a blob" {
			t.Fatalf("results %+v", res)
		}
	})
}

func TestATasksOwnFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		defer r.stop()
		b, _ := r.lend(alice, anOpen("L1"))
		defer b.hangUp()
		up := r.blobs.far("x")
		bad := func(id api.TaskID, change func(*lease.Task)) lease.Task {
			v := task(id, "echo", "x")
			change(&v)
			return v
		}
		tasks := []lease.Task{
			bad(0, func(v *lease.Task) { v.Inputs = []api.Input{{Path: "../up", Blob: up}} }),
			bad(1, func(v *lease.Task) { v.Inputs = []api.Input{{Path: "/etc/passwd", Blob: up}} }),
			bad(2, func(v *lease.Task) { v.Inputs = []api.Input{{Path: "neither"}} }),
			bad(3, func(v *lease.Task) { v.Inputs = []api.Input{{Path: "d", Tree: up}} }),
			bad(4, func(v *lease.Task) { v.Outputs = []string{"../*"} }),
			bad(5, func(v *lease.Task) { v.Outputs = []string{"[a"} }),
			bad(6, func(v *lease.Task) { v.Env = map[string]string{"A=B": "1"} }),
			bad(7, func(v *lease.Task) { v.Args = slices.Repeat([]string{"x"}, 2000) }),
			bad(9, func(v *lease.Task) { v.Outputs = slices.Repeat([]string{"*"}, 101) }),
			bad(8, func(v *lease.Task) { v.Outputs = []string{"nothing-like-this/*.png"} }),
		}
		for _, v := range tasks {
			b.assign(v)
			res := b.results(1)[0]
			if res.Exit.OK() || res.Exit.Msg == "" {
				t.Errorf("task %d: exit %+v", res.Task, res.Exit)
			}
			if want := 125; res.Exit.Code != want && res.Task != 8 {
				t.Errorf("task %d: exit code %d, want %d", res.Task, res.Exit.Code, want)
			}
			if res.Task == 8 && (res.Exit.Code != 0 || !strings.Contains(res.Exit.Msg, "matched nothing") || string(res.Stdout.Inline) != "x") {
				t.Errorf("missing output: %+v", res)
			}
		}
		if n := r.rt.ran["x"]; n != 1 {
			t.Errorf("%d of them ran", n)
		}
	})
}

func TestAModuleThatIsNoneFailsTheTaskNotTheMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		defer r.stop()
		r.rt.openErr = api.Errorf(api.KindInvalid, "not a wasm module")
		b, _ := r.lend(alice, anOpen("L1"))
		defer b.hangUp()
		b.assign(task(0, "echo"), task(1, "echo"))
		for _, res := range b.results(2) {
			if res.Exit.Code != 126 || !strings.Contains(res.Exit.Msg, "not a wasm module") {
				t.Fatalf("exit %+v", res.Exit)
			}
		}
	})
}

func TestTheMachinesFault(t *testing.T) {
	for name, c := range map[string]struct {
		break_ func(r *rig)
		task   lease.Task
		reason string
	}{
		"the sandbox dies":            {func(*rig) {}, task(0, "lose"), "died"},
		"the runtime stutters":        {func(*rig) {}, task(0, "ill"), "stuttered"},
		"no sandbox can be opened":    {func(r *rig) { r.rt.openErr = errors.New("no memory") }, task(0, "echo"), "no memory"},
		"an output cannot be kept":    {func(r *rig) { r.blobs.full = api.Errorf(api.KindQuota, "disk full") }, task(0, "make", "x"), "disk full"},
		"stdout cannot be kept":       {func(r *rig) { r.blobs.full = api.Errorf(api.KindQuota, "disk full") }, task(0, "print", "100000"), "disk full"},
		"an input cannot be fetched":  {func(*rig) {}, withInput(task(0, "echo"), api.BlobID{7}), "nobody has"},
		"a failure on an ill machine": {func(r *rig) { r.cfg.Healthy = func() error { return errors.New("disk full") } }, task(0, "exit", "1"), "disk full"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 1, c.break_)
				defer r.stop()
				b, _ := r.lend(alice, anOpen("L1"))
				defer b.hangUp()
				b.assign(c.task)
				if g := b.back(1); g.Cause != api.CauseLost || !strings.Contains(g.Reason, c.reason) {
					t.Fatalf("given back %+v", g)
				}
				synctest.Wait()
				if n := r.rt.sandboxes(); n != 0 && name != "an input cannot be fetched" {
					t.Errorf("%d sandboxes that were not well live on", n)
				}
				// once all is well again, so is the lease
				r.rt.mu.Lock()
				r.rt.openErr = nil
				r.rt.mu.Unlock()
				r.blobs.mu.Lock()
				r.blobs.full = nil
				r.blobs.mu.Unlock()
				time.Sleep(3 * time.Second)
				b.assign(task(1, "echo", "well"))
				b.results(1)
			})
		})
	}
}

func withInput(t lease.Task, id api.BlobID) lease.Task {
	t.Inputs = []api.Input{{Path: "in", Blob: id}}
	return t
}

func TestLimitsOfBothSidesHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1, func(r *rig) {
			r.set.limits.MaxWall, r.set.limits.MaxOut, r.set.limits.MaxProcs = api.Duration(time.Minute), 5000, 7
		})
		defer r.stop()
		o := anOpen("L1")
		o.Common.Limits = api.TaskLimits{Wall: api.Duration(time.Hour), CPU: api.Duration(time.Second), Output: 100}
		b, _ := r.lend(alice, o)
		defer b.hangUp()
		b.assign(task(0, "echo"))
		b.results(1)
		l := r.rt.limits
		if l.Wall != time.Minute || l.CPU != time.Second || l.Output != 100 || l.Disk == 0 || r.rt.specs[0].MaxProcs != 7 || r.rt.specs[0].Cap.CPU != 1 {
			t.Fatalf("limits %+v, spec %+v", l, r.rt.specs[0])
		}
		// a runtime that does not enforce the owner's limit is overruled
		b.assign(task(1, "stubborn"))
		b.next(lease.KindStarted)
		if g := b.back(1); g.Cause != api.CauseWithdrawn {
			t.Fatalf("given back %+v", g)
		}
	})
}

func TestOutputsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		defer r.stop()
		b, _ := r.lend(alice, anOpen("L1"))
		defer b.hangUp()
		many, long := []string{"make"}, []string{"make"}
		for i := range 990 {
			many = append(many, fmt.Sprintf("f%04d", i))
			long = append(long, fmt.Sprintf("%s%04d", strings.Repeat("d/", 1000), i))
		}
		b.assign(lease.Task{Key: key(0), Args: many})
		if res := b.results(1)[0]; len(res.Files) != 990 || !res.Exit.OK() {
			t.Fatalf("%d files, %+v", len(res.Files), res.Exit)
		}
		b.assign(lease.Task{Key: key(1), Args: long[:400]})
		b.results(1)
		b.assign(lease.Task{Key: key(2), Args: long})
		if res := b.results(1)[0]; res.Exit.OK() || len(res.Files) != 0 {
			t.Fatalf("%d files, %+v", len(res.Files), res.Exit)
		}
	})
}

func TestOutputBlobsAreWhatWasWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		defer r.stop()
		o := anOpen("L1")
		o.Common.Outputs = []string{"out/**"}
		b, _ := r.lend(alice, o)
		defer b.hangUp()
		b.assign(task(0, "make", "out/deep/file"))
		f := b.results(1)[0].Files[0]
		if f.Blob != sha256.Sum256([]byte("out/deep/file")) || f.Size != 13 || f.Mode != 0o644 {
			t.Fatalf("file %+v", f)
		}
	})
}

func TestABatchThatCannotBeWrittenLeavesNoPins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		defer r.stop()
		b, _ := r.lend(alice, anOpen("L1"))
		defer b.hangUp()
		b.assign(task(0, "make", "a"))
		b.results(1)
		r.store.FailWith(api.Errorf(api.KindQuota, "disk full"))
		b.assign(task(1, "make", "b"))
		if g := b.back(1); g.Cause != api.CauseLost {
			t.Fatalf("given back %+v", g)
		}
		r.store.FailWith(nil)
		b.ack(key(0))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := fmt.Sprint(r.blobs.owners()); got != "[lease/L1/in]" {
			t.Fatalf("pins %s", got)
		}
	})
}
