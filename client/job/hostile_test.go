package job

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// TestHostileLender: whatever one lender does, the job ends on the other, and
// the liar is set aside with a reason where it broke the protocol.
func TestHostileLender(t *testing.T) {
	huge := make([]byte, lease.InlineOutput+1)
	answer := func(kind wire.Kind, v any) func(*wire.Writer, wire.Kind, []byte) bool {
		return func(w *wire.Writer, k wire.Kind, _ []byte) bool {
			if k == lease.KindAssign {
				w.Send(kind, v)
			}
			return k == lease.KindAssign
		}
	}
	result := func(r lease.Result) lease.Finished { return lease.Finished{Results: []lease.Result{r}} }
	first := lease.Key{Task: 0, Attempt: 1}
	for name, c := range map[string]struct {
		tweak func(*wire.Writer, wire.Kind, []byte) bool
		says  string // "" : it is not a breach, the job only has to end
	}{
		"result never assigned":  {answer(lease.KindFinished, result(lease.Result{Key: lease.Key{Task: 3, Attempt: 77}})), "never given out"},
		"result of no task":      {answer(lease.KindFinished, result(lease.Result{Key: lease.Key{Task: -3, Attempt: 1}})), "never given out"},
		"result beyond the end":  {answer(lease.KindFinished, result(lease.Result{Key: lease.Key{Task: 1 << 40, Attempt: 1}})), "never given out"},
		"escaping path":          {answer(lease.KindFinished, result(lease.Result{Key: first, Files: []api.OutputFile{{Path: "../../.ssh/x", Blob: api.BlobID{1}}}})), "output path"},
		"path twice":             {answer(lease.KindFinished, result(lease.Result{Key: first, Files: []api.OutputFile{{Path: "x", Blob: api.BlobID{1}}, {Path: "x", Blob: api.BlobID{2}}}})), "twice"},
		"file without content":   {answer(lease.KindFinished, result(lease.Result{Key: first, Files: []api.OutputFile{{Path: "x"}}})), "without content"},
		"oversized inline":       {answer(lease.KindFinished, result(lease.Result{Key: first, Stdout: api.Stream{Inline: huge}})), "inside a result"},
		"impossible size":        {answer(lease.KindFinished, result(lease.Result{Key: first, Stdout: api.Stream{Blob: api.BlobID{1}, Size: -1}})), "size"},
		"too many results":       {answer(lease.KindFinished, lease.Finished{Results: make([]lease.Result, lease.MaxBatch+1)}), "at most"},
		"unknown kind":           {answer(99, struct{}{}), "unknown frame kind"},
		"a borrower's kind":      {answer(lease.KindAssign, struct{}{}), "unknown frame kind"},
		"live output unasked":    {answer(lease.KindOutput, lease.Output{Key: first, Stream: "stdout"}), "nobody asked"},
		"not JSON":               {func(w *wire.Writer, k wire.Kind, _ []byte) bool { w.Write(lease.KindGrant, []byte("{")); return true }, "malformed"},
		"no answer to Open":      {func(*wire.Writer, wire.Kind, []byte) bool { return true }, ""},
		"never finishes":         {func(_ *wire.Writer, k wire.Kind, _ []byte) bool { return k == lease.KindAssign }, ""},
		"gives all back":         {giveBack(api.CauseLost), ""},
		"withdraws all":          {giveBack(api.CauseWithdrawn), ""},
		"gives back what is not": {answer(lease.KindGivenBack, lease.GivenBack{Keys: []lease.Key{{Task: 1 << 50, Attempt: 9}}}), ""},
		"outputs that are not":   {answer(lease.KindFinished, result(lease.Result{Key: first, Files: []api.OutputFile{{Path: "x", Blob: api.BlobID{9}}}})), ""},
		"grants the moon": {func(w *wire.Writer, k wire.Kind, _ []byte) bool {
			if k == lease.KindOpen {
				w.Send(lease.KindGrant, lease.Grant{Share: lease.Share{Slots: 1 << 40, Credit: 1 << 40}})
			}
			return true
		}, ""},
		"oversized frame": {func(w *wire.Writer, k wire.Kind, _ []byte) bool {
			if k == lease.KindAssign {
				wire.NewWriter(rawOf(w), wire.MaxFrame).Write(lease.KindFinished, make([]byte, lease.MaxFrame+1))
			}
			return false
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bad, good := newLender("bad", 4), newLender("good", 4)
				bad.tweak = c.tweak
				good.takes = func(lease.Task) time.Duration { return 10 * time.Millisecond }
				w := newWorld(t, NewMemStore(), bad, good)
				j := w.submit(batch(200))
				end := w.wait(j.ID, 10*time.Minute)
				if end.State != api.JobDone || end.Tasks.Done != 200 {
					t.Fatalf("ended as %+v", end)
				}
				aside := ""
				for _, n := range end.Nodes {
					if n.Peer == "bad" && n.State == "set aside" {
						aside = n.Reason
					}
				}
				if c.says != "" && !strings.Contains(aside, c.says) {
					t.Fatalf("nodes: %+v; want one set aside because of %q", end.Nodes, c.says)
				}
				for id, r := range w.results(j.ID) {
					if string(r.Stdout.Inline) != fmt.Sprintf("[echo %d]", id+1) || r.Peer != "good" {
						t.Fatalf("task %d: %+v", id, r)
					}
				}
				w.close()
			})
		})
	}
}

// rawOf is the writer itself: a frame within a frame is as malformed as any.
func rawOf(w *wire.Writer) rawWriter { return rawWriter{w} }

type rawWriter struct{ w *wire.Writer }

func (r rawWriter) Write(p []byte) (int, error) {
	return len(p), r.w.Write(77, p[:min(len(p), 100)])
}

func giveBack(cause api.Cause) func(*wire.Writer, wire.Kind, []byte) bool {
	return func(w *wire.Writer, k wire.Kind, p []byte) bool {
		var a lease.Assign
		if k != lease.KindAssign || wire.Decode(p, &a) != nil {
			return false
		}
		var keys []lease.Key
		for _, t := range a.Tasks {
			keys = append(keys, t.Key)
		}
		w.Send(lease.KindGivenBack, lease.GivenBack{Keys: keys, Cause: cause, Reason: "the sandbox is gone"})
		return true
	}
}

func TestInvalidEverywhereEndsTheJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newLender("a", 1), newLender("b", 1)
		for _, l := range []*lender{a, b} {
			l.refuse = &lease.Refuse{Kind: api.KindInvalid, Msg: "the module is not WebAssembly"}
		}
		w := newWorld(t, NewMemStore(), a, b)
		j := w.submit(batch(10))
		end := w.wait(j.ID, time.Minute)
		if end.State != api.JobFailed || !strings.Contains(end.Reason, "not WebAssembly") {
			t.Fatalf("ended as %+v", end)
		}
		w.close()
	})
}

func TestFloodOfOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newLender("a", 2)
		w := newWorld(t, NewMemStore(), a)
		a.tweak = func(wr *wire.Writer, k wire.Kind, p []byte) bool {
			var as lease.Assign
			if k == lease.KindAssign && wire.Decode(p, &as) == nil {
				for i := range 2000 {
					wr.Send(lease.KindOutput, lease.Output{Key: lease.Key{Task: api.TaskID(i), Attempt: 1}, Stream: "stdout", Data: make([]byte, 8<<10)})
				}
			}
			return false
		}
		spec := batch(10)
		spec.Live = true
		j := w.submit(spec)
		w.wait(j.ID, time.Minute)
		w.e.mu.Lock()
		for _, r := range w.e.runs {
			if n := len(r.live.tasks); n > liveTasks {
				t.Errorf("live output of %d tasks is kept", n)
			}
		}
		w.e.mu.Unlock()
		w.close()
	})
}

func FuzzDecode(f *testing.F) {
	for kind, v := range map[wire.Kind]any{
		lease.KindUpdate: lease.Share{Slots: 3}, lease.KindStarted: lease.Keys{Keys: []lease.Key{{Task: 1, Attempt: 1}}},
		lease.KindFinished:  lease.Finished{Results: []lease.Result{{Key: lease.Key{Task: 1, Attempt: 1}, Files: []api.OutputFile{{Path: "a/b", Blob: api.BlobID{1}}}}}},
		lease.KindGivenBack: lease.GivenBack{Keys: []lease.Key{{Task: 1, Attempt: 1}}, Cause: api.CauseLost},
		lease.KindOutput:    lease.Output{Stream: "stdout", Data: []byte("x")}, lease.KindGrant: lease.Grant{}, lease.KindRefuse: lease.Refuse{},
	} {
		b, err := json.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(kind), b)
	}
	f.Fuzz(func(t *testing.T, kind uint8, payload []byte) {
		if g, err := readAnswer(wire.Kind(kind), payload); err == nil {
			m := newSim(1)
			m.s.take()
			m.s.next(m.now)
			for id := range m.s.leases {
				m.s.onGranted(id, g, m.now)
				break
			}
			if err := m.s.checkInvariants(); err != nil {
				t.Fatal(err)
			}
		}
		m, err := decode(wire.Kind(kind), payload, true)
		if err != nil {
			return
		}
		if fin, ok := m.(lease.Finished); ok {
			for _, r := range fin.Results {
				for _, file := range r.Files {
					if localPath(file.Path) != "" {
						t.Fatalf("path %q got through", file.Path)
					}
				}
				if r.Usage.Wall < 0 || r.Stdout.Size < 0 || len(r.Stdout.Inline) > lease.InlineOutput {
					t.Fatalf("result %+v got through", r)
				}
			}
		}
	})
}
