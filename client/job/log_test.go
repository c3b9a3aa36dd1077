package job

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// said is a piece of live output at a place of stdout.
type said struct {
	at   int64
	text string
}

// prints has a lender show pieces of live output a second apart, then run on.
func (l *lender) prints(result string, takes time.Duration, pieces ...said) {
	l.takes = func(lease.Task) time.Duration { return takes }
	l.exec = func(lease.Task) lease.Result { return lease.Result{Stdout: api.Stream{Inline: []byte(result)}} }
	l.tweak = func(w *wire.Writer, k wire.Kind, p []byte) bool {
		var as lease.Assign
		if k == lease.KindAssign && wire.Decode(p, &as) == nil {
			go func() {
				for _, s := range pieces {
					time.Sleep(time.Second)
					w.Send(lease.KindOutput, lease.Output{Key: as.Tasks[0].Key, Stream: "stdout", At: s.at, Data: []byte(s.text)})
				}
			}()
		}
		return false
	}
}

// follow is a task's log as a reader sees it: what is written down when a stream
// that begins again replaces what there was, and the pieces.
func follow(t *testing.T, w *world, id api.JobID) (whole, pieces string) {
	t.Helper()
	var got []string
	err := w.e.Log(t.Context(), id, 0, true, func(c api.LogChunk) error {
		if c.Again {
			whole = ""
			got = append(got, "AGAIN")
		}
		whole += string(c.Data)
		got = append(got, string(c.Data))
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return whole, strings.Join(got, "|")
}

// What is followed is in the end the result, whatever was seen on the way.
func TestLogFollows(t *testing.T) {
	const result = "one two three"
	for name, c := range map[string]struct {
		live []said
		want string
	}{
		"all in order":     {[]said{{0, "one "}, {4, "two "}}, "one |two |three"},
		"nothing":          {nil, result},
		"a gap":            {[]said{{0, "one "}, {8, "three"}}, "one |two three"},
		"begins in a gap":  {[]said{{4, "two "}}, result},
		"sent twice":       {[]said{{0, "one "}, {0, "one tw"}, {2, "e t"}}, "one |tw|o three"},
		"not the result":   {[]said{{0, "two "}}, "two |AGAIN|" + result},
		"more than result": {[]said{{0, result}, {13, " four"}}, result + "| four|AGAIN|" + result},
		"changes its mind": {[]said{{0, "one "}, {0, "ona "}}, "one |AGAIN|ona |AGAIN|" + result},
		"before the start": {[]said{{-4, "zero"}}, result},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newLender("a", 1)
				a.prints(result, time.Minute, c.live...)
				w := newWorld(t, NewMemStore(), a)
				spec := batch(1)
				spec.Live = true
				j := w.submit(spec)
				if whole, pieces := follow(t, w, j.ID); whole != result || pieces != c.want {
					t.Errorf("followed %q as %q, want %q", whole, pieces, c.want)
				}
				var later string
				collect := func(c api.LogChunk) error { later += string(c.Data); return nil }
				if err := w.e.Log(context.Background(), j.ID, 0, false, collect); err != nil || later != result {
					t.Errorf("afterwards: %q, %v", later, err)
				}
				if err := w.e.Log(context.Background(), j.ID, 9, false, collect); api.KindOf(err) != api.KindNotFound {
					t.Errorf("log of no task: %v", err)
				}
				w.close()
			})
		})
	}
}

// A task that runs again prints once what it prints the same, and begins anew
// where it does not.
func TestLogOfATaskThatRunsAgain(t *testing.T) {
	for name, c := range map[string]struct{ second, want string }{
		"prints the same":       {"one two three", "one |two |three"},
		"prints something else": {"one 2 three", "one |two |AGAIN|one 2 three"},
		"prints less":           {"one", "one |two |AGAIN|one"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := newLender("a", 2), newLender("b", 1)
				a.prints("never", time.Hour, said{0, "one "}, said{4, "two "})
				b.prints(c.second, time.Minute, said{0, c.second})
				w := newWorld(t, NewMemStore(), a, b)
				spec := batch(1)
				spec.Live = true
				j := w.submit(spec)
				go func() {
					time.Sleep(10 * time.Second)
					a.kill()
				}()
				if whole, pieces := follow(t, w, j.ID); whole != c.second || pieces != c.want {
					t.Errorf("followed %q as %q, want %q", whole, pieces, c.want)
				}
				w.close()
				var lost []api.Task
				for _, e := range w.events {
					if e.Task != nil && !e.Task.State.Terminal() {
						lost = append(lost, *e.Task)
					}
				}
				if len(lost) != 1 || lost[0].Peer != "a" || lost[0].State != api.TaskWaiting || lost[0].Cause != api.CauseLost || lost[0].Error == "" {
					t.Errorf("told of %+v", lost)
				}
			})
		})
	}
}

// Whoever follows a job knows the name of the node of which he hears that a task was lost there.
func TestWhoLostATaskIsNamedBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newLender("a", 1)
		back := giveBack(api.CauseWithdrawn)
		first := true
		a.tweak = func(w *wire.Writer, k wire.Kind, p []byte) bool {
			var m lease.Assign
			if k != lease.KindAssign || !first || wire.Decode(p, &m) != nil {
				return false
			}
			first = false
			w.Send(lease.KindStarted, lease.Keys{Keys: []lease.Key{m.Tasks[0].Key}})
			return back(w, k, p)
		}
		w := newWorld(t, NewMemStore())
		j := w.submit(batch(1))
		w.pool.add(a)
		w.e.PeersChanged()
		w.wait(j.ID, time.Minute)
		w.close()
		known, lost := map[api.PeerID]string{}, 0
		for _, e := range w.events {
			if e.Job != nil {
				for _, n := range e.Job.Nodes {
					known[n.Peer] = n.Name
				}
			} else if e.Task.State == api.TaskWaiting {
				lost++
				if known[e.Task.Peer] != "n-a" {
					t.Errorf("told of a task of %s, known are %v", e.Task.Peer, known)
				}
			}
		}
		if lost != 1 {
			t.Errorf("%d tasks were lost", lost)
		}
	})
}
