package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/bufpipe"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// What breaks the protocol ends the stream, is counted, and harms nobody else.
func TestViolationsEndTheStream(t *testing.T) {
	keys := func(n int) []lease.Task {
		var ts []lease.Task
		for i := range n {
			ts = append(ts, task(api.TaskID(i), "wait", "never"))
		}
		return ts
	}
	raw := func(kind wire.Kind, body string) func(*borrower) {
		return func(b *borrower) {
			if err := b.w.Write(kind, []byte(body)); err != nil {
				b.t.Log(err)
			}
		}
	}
	for name, do := range map[string]func(*borrower){
		"more tasks than credit":    func(b *borrower) { b.assign(keys(100)...) },
		"more tasks than a message": func(b *borrower) { b.assign(keys(lease.MaxBatch + 1)...) },
		"a negative task":           func(b *borrower) { b.assign(task(-1, "echo")) },
		"attempt zero":              func(b *borrower) { b.assign(lease.Task{Key: lease.Key{Task: 1}}) },
		"tasks after release":       func(b *borrower) { b.assign(keys(1)...); b.send(lease.KindRelease, 0); b.assign(task(5, "echo")) },
		"an unknown kind":           raw(99, "{}"),
		"a second open":             func(b *borrower) { b.send(lease.KindOpen, anOpen("L9")) },
		"a lender's kind":           raw(lease.KindFinished, `{"results":[]}`),
		"no JSON":                   raw(lease.KindAssign, "\x00\xff"),
		"JSON of another shape":     raw(lease.KindAck, `{"keys":"all"}`),
		"numbers out of range":      raw(lease.KindAck, `{"keys":[{"t":1e300,"a":1}]}`),
		"an oversize frame":         func(b *borrower) { b.st.Write([]byte{0xff, 0xff, 0xff, 0xff, 1}) }, //nolint:errcheck // may be reset already
		"an empty frame":            func(b *borrower) { b.st.Write([]byte{0, 0, 0, 0}) },                //nolint:errcheck // may be reset already
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 1)
				defer r.stop()
				good, _ := r.lend(bob, anOpen("GOOD"))
				defer good.hangUp()
				bad, _ := r.lend(alice, anOpen("BAD"))
				do(bad)
				bad.ended()
				if n := r.Status().Refused; n != 1 {
					t.Errorf("refused %d", n)
				}
				if name == "tasks after release" || name == "more tasks than credit" {
					return // what the bad one got in still has the only slot
				}
				for i := range api.TaskID(3) {
					good.assign(task(i, "echo", "fine"))
					good.results(1)
				}
			})
		})
	}
}

func TestStreamsThatSayNothingEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		defer r.stop()
		b := r.connect(member(alice))
		began := time.Now()
		b.ended()
		if d := time.Since(began); d > time.Minute {
			t.Fatalf("it took %s", d)
		}
	})
}

func TestReplaysChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		defer r.stop()
		b, _ := r.lend(alice, anOpen("L1"))
		defer b.hangUp()
		b.assign(task(0, "wait", "gate"))
		b.assign(task(0, "wait", "gate"), task(0, "wait", "gate"))
		r.rt.release("gate")
		b.results(1)
		for range 5 {
			b.assign(task(0, "echo", "again")) // ended: the result is sent again
			if res := b.results(1); res[0].Exit.OK() == false || r.rt.ran["again"] != 0 {
				t.Fatalf("replay: %+v, ran %d times", res, r.rt.ran["again"])
			}
		}
		b.ack(key(0), key(0), key(77))
		b.ack(key(0))
		synctest.Wait()
		if st := r.Status(); st.Held != 0 {
			t.Fatalf("held %d", st.Held)
		}
		b.send(lease.KindRelease, struct{}{})
		b.ended()
	})
}

func TestLeasesOfOneBorrowerAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		defer r.stop()
		for i := range lease.MaxLeases {
			b, _ := r.lend(alice, anOpen(api.LeaseID("L"+api.TaskID(i).String())))
			b.hangUp() // they stay for the grace time
		}
		b := r.connect(member(alice))
		b.send(lease.KindOpen, anOpen("ONEMORE"))
		if no := expect[lease.Refuse](b, lease.KindRefuse); no.Kind != api.KindQuota {
			t.Fatalf("refused %+v", no)
		}
		b.ended()
		c, _ := r.lend(bob, anOpen("BOBS"))
		c.hangUp()
	})
}

func TestResultsThatAreNeverAcknowledgedAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 8)
		defer r.stop()
		b, g := r.lend(alice, anOpen("L1"))
		next, credit := api.TaskID(0), g.Credit
		given := 0
		// as many as may be outstanding, on and on, whatever credit says now
		for given == 0 && next < 3*lease.MaxHeld {
			n := min(credit, lease.MaxBatch)
			var ts []lease.Task
			for range n {
				ts = append(ts, task(next, "echo", "x"))
				next++
			}
			b.assign(ts...)
			for done := 0; done < n; {
				f := b.next(lease.KindFinished, lease.KindGivenBack)
				var fin lease.Finished
				var back lease.GivenBack
				if f.kind == lease.KindFinished {
					if err := unmarshal(f.body, &fin); err != nil {
						t.Fatal(err)
					}
					done += len(fin.Results)
				} else if err := unmarshal(f.body, &back); err != nil {
					t.Fatal(err)
				} else {
					done += len(back.Keys)
					given += len(back.Keys)
				}
			}
			for _, f := range b.kept {
				var sh lease.Share
				if f.kind == lease.KindUpdate && unmarshal(f.body, &sh) == nil && sh.Credit > credit {
					credit = sh.Credit
				}
			}
			b.kept = nil
		}
		if st := r.Status(); given == 0 || st.Held > 2*lease.MaxHeld || st.Held < lease.MaxHeld {
			t.Fatalf("%d held, %d given back of %d", st.Held, given, next)
		}
		b.hangUp()
	})
}

// A borrower that asks and never reads is not read for ever either.
func TestAFloodWithoutReadingIsHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		defer r.stop()
		ours, theirs := bufpipe.Pair(16 << 10)
		served := make(chan struct{})
		r.blobs.data[module] = []byte("m")
		go func() { defer close(served); r.ServeLease(t.Context(), member(alice), theirs) }()
		w := wire.NewWriter(ours, lease.MaxFrame)
		if err := w.Send(lease.KindOpen, anOpen("L1")); err != nil {
			t.Fatal(err)
		}
		var keys []lease.Key
		for i := range api.TaskID(1000) {
			keys = append(keys, key(i))
		}
		sent := 0
		for ; sent < 10_000; sent++ { // each is answered by a thousand keys
			if err := w.Send(lease.KindCancel, lease.Cancel{Keys: keys, Reason: strings.Repeat("r", 150)}); err != nil {
				break
			}
		}
		if sent > 1000 {
			t.Fatalf("%d messages were taken although no answer was read", sent)
		}
		<-served
	})
}

func TestHugeTasksAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 64)
		defer r.stop()
		b, g := r.lend(alice, anOpen("L1"))
		defer b.hangUp()
		big := strings.Repeat("x", 1<<20)
		back := 0
		for i := range g.Credit {
			v := task(api.TaskID(i), "wait", "never")
			v.Stdin = big
			b.assign(v)
		}
		for i := range 10 {
			b.send(lease.KindCancel, lease.Cancel{Keys: []lease.Key{key(api.TaskID(100_000 + i))}})
		}
		synctest.Wait()
		for len(b.frames) > 0 {
			if f := <-b.frames; f.kind == lease.KindGivenBack && !bytes.Contains(f.body, []byte("canceled")) {
				var g lease.GivenBack
				if err := json.Unmarshal(f.body, &g); err != nil {
					t.Fatal(err)
				}
				back += len(g.Keys)
			}
		}
		if g.Credit < 128 || back != g.Credit-128+1 && back != g.Credit-127 {
			t.Fatalf("%d of %d MiB were given back, 128 MiB is the most", back, g.Credit)
		}
	})
}

// FuzzMessages feeds a server that executes with whatever bytes a member may
// send after a sound Open. It must neither panic nor hang, nor leave a sandbox.
func FuzzMessages(f *testing.F) {
	frames := func(build func(w *wire.Writer)) []byte {
		var buf bytes.Buffer
		build(wire.NewWriter(&buf, lease.MaxFrame))
		return buf.Bytes()
	}
	send := func(w *wire.Writer, kind wire.Kind, v any) {
		if err := w.Send(kind, v); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(frames(func(w *wire.Writer) {
		send(w, lease.KindAssign, lease.Assign{Tasks: []lease.Task{task(0, "echo", "x"), task(1, "wait", "never")}})
		send(w, lease.KindCancel, lease.Cancel{Keys: []lease.Key{key(1)}})
		send(w, lease.KindAck, lease.Keys{Keys: []lease.Key{key(0)}})
		send(w, lease.KindRenew, struct{}{})
		send(w, lease.KindRelease, struct{}{})
	}))
	f.Add(frames(func(w *wire.Writer) {
		v := withInput(task(3, "cat", "in"), api.BlobID{1})
		v.Outputs, v.Env = []string{"**/x"}, map[string]string{"A": "b"}
		send(w, lease.KindAssign, lease.Assign{Tasks: []lease.Task{v}})
	}))
	f.Add([]byte{0, 0, 0, 3, 2, '{', '}'})
	f.Fuzz(func(t *testing.T, in []byte) {
		r := newRig(t, 1)
		r.blobs.data[module] = []byte("m")
		ours, theirs := bufpipe.Pair(4 << 20)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		served := make(chan struct{})
		go func() { defer close(served); r.ServeLease(ctx, member(alice), theirs) }()
		go func() {
			buf := make([]byte, 4096)
			for {
				if _, err := ours.Read(buf); err != nil {
					return
				}
			}
		}()
		w := wire.NewWriter(ours, lease.MaxFrame)
		if err := w.Send(lease.KindOpen, anOpen("L1")); err != nil {
			t.Fatal(err)
		}
		ours.Write(in)    //nolint:errcheck // it may be reset already
		ours.CloseWrite() //nolint:errcheck // the same
		<-served
		if ctx.Err() != nil {
			t.Fatal("the stream was served for ever")
		}
		ours.Reset() //nolint:errcheck // gone either way
		r.stop()
	})
}

// FuzzOpen feeds whatever may come first.
func FuzzOpen(f *testing.F) {
	b, err := json.Marshal(anOpen("L1"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"lease":"L","job":"J","runtime":"wasm","needs":{"cpu":1e308},"slots":-1}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > lease.MaxFrame {
			return
		}
		r := newRig(t, 1)
		ours, theirs := bufpipe.Pair(4 << 20)
		served := make(chan struct{})
		go func() { defer close(served); r.ServeLease(context.Background(), member(alice), theirs) }()
		if err := wire.NewWriter(ours, lease.MaxFrame).Write(lease.KindOpen, in); err != nil {
			t.Fatal(err)
		}
		kind, _, err := wire.NewReader(ours, lease.MaxFrame).Next()
		if err != nil || (kind != lease.KindGrant && kind != lease.KindRefuse) {
			t.Fatalf("answered kind %d, %v", kind, err)
		}
		ours.Reset() //nolint:errcheck // gone either way
		<-served
		r.stop()
	})
}

// What one borrower has pinned here is bounded, also over a restart, and moves
// on as it acknowledges.
func TestBlobsHeldForOneBorrowerAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const share = 1 << 20
		r := newRig(t, 1, func(r *rig) { r.cfg.BlobShare = share })
		defer func() { r.stop() }()
		b, _ := r.lend(alice, anOpen("L1"))
		other, _ := r.lend(bob, anOpen("L2"))
		var ts []lease.Task
		for id := range api.TaskID(4) {
			ts = append(ts, task(id, "print", "600000"))
		}
		b.assign(ts[:2]...)
		b.results(2)
		b.assign(ts[2:]...)
		time.Sleep(time.Minute / 4)
		if st := r.Status(); st.Held != 2 {
			t.Fatalf("%d results held", st.Held)
		}
		other.assign(task(0, "echo", "fits"))
		other.results(1)
		b.ack(key(0))
		b.results(1)
		time.Sleep(time.Minute / 4)
		if st := r.Status(); st.Held != 3 {
			t.Fatalf("%d results held after an acknowledgement", st.Held)
		}
		b.hangUp()
		other.hangUp()
		r.stop()
		r.start()
		o := anOpen("L1")
		o.Resume = true
		if b, g := r.lend(alice, o); g.Credit != 0 || len(g.Finished) != 2 {
			t.Fatalf("after a restart granted %+v", g)
		} else {
			b.hangUp()
		}
	})
}

// Many borrowers within their shares do not take the owner's part of the store.
func TestBlobsHeldForAllBorrowersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1, func(r *rig) { r.cfg.BlobShare, r.cfg.BlobsLent = 1<<20, 1<<20 })
		defer r.stop()
		b, _ := r.lend(alice, anOpen("L1"))
		other, _ := r.lend(bob, anOpen("L2"))
		b.assign(task(0, "print", "600000"))
		b.results(1)
		other.assign(task(0, "print", "600000"))
		other.results(1)
		time.Sleep(time.Minute / 4)
		other.assign(task(1, "echo", "waits"))
		b.assign(task(1, "echo", "waits"))
		time.Sleep(time.Minute / 4)
		if st := r.Status(); st.Held != 2 {
			t.Fatalf("%d results held", st.Held)
		}
		b.ack(key(0)) // makes room for both
		b.results(1)
		other.results(1)
		b.hangUp()
		other.hangUp()
	})
}

func TestInputsBeyondTheShareAreNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1, func(r *rig) { r.cfg.BlobShare = 1000 })
		defer r.stop()
		o := anOpen("L1")
		o.Common.Inputs = []api.Input{{Path: "in", Blob: r.blobs.far(strings.Repeat("x", 2000))}}
		b, _ := r.lend(alice, o)
		b.assign(task(0, "echo", "x"))
		if g := b.back(1); g.Cause != api.CauseLost || !strings.Contains(g.Reason, "bytes of inputs") {
			t.Fatalf("given back %+v", g)
		}
		synctest.Wait()
		time.Sleep(2 * time.Second)
		if o := r.blobs.owners(); len(o) != 0 {
			t.Fatalf("pins %v", o)
		}
		b.hangUp()
	})
}
