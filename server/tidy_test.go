package server_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// What an earlier process left may come to light a while after the start.
func TestTidyAgainAfterTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var passes atomic.Int32
		r := newRig(t, 1, func(r *rig) {
			r.rt.onTidy = func(context.Context) error { passes.Add(1); return nil }
		})
		for _, want := range []int32{1, 2, 2} {
			synctest.Wait()
			if n := passes.Load(); n != want {
				t.Errorf("%d passes, want %d", n, want)
			}
			time.Sleep(20 * time.Second)
		}
		r.stop()
	})
}

// What a sandbox left on disk may take long to remove: no slot waits for it, and
// at the end the node waits only for a moment.
func TestTidyingHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var passes, stopped atomic.Int32
		r := newRig(t, 1, func(r *rig) {
			r.rt.onTidy = func(ctx context.Context) error {
				if passes.Add(1) == 1 {
					return nil // nothing was left by an earlier process
				}
				<-ctx.Done()
				stopped.Add(1)
				return ctx.Err()
			}
		})
		b, _ := r.lend(alice, anOpen("L1"))
		b.assign(task(0, "lose"))
		b.back(1)
		synctest.Wait()
		if n := passes.Load(); n != 2 {
			t.Fatalf("%d passes, with a sandbox that was closed", n)
		}
		b.assign(task(1, "echo", "x"))
		if res := b.results(1); !res[0].Exit.OK() {
			t.Fatalf("got %+v", res[0].Exit)
		}
		b.ack(key(1))
		began := time.Now()
		r.stop()
		if d := time.Since(began); d > 5*time.Second || stopped.Load() == 0 {
			t.Errorf("stopped after %s, %d passes given up", d, stopped.Load())
		}
		b.hangUp()
	})
}
