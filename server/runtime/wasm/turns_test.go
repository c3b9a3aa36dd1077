package wasm

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// One borrower has one turn at a time, however many he asks for, so that others
// do not wait for him.
func TestTurnsAreFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(2)
		took := make(chan api.PeerID, 10)
		ctx, cancel := context.WithCancel(t.Context())
		worked := make(chan error, 10)
		ask := func(who api.PeerID) {
			go func() {
				done, err := turns.take(ctx, who)
				if err != nil {
					worked <- err
					return
				}
				took <- who
				time.Sleep(time.Minute)
				done()
				worked <- nil
			}()
			synctest.Wait()
		}
		for range 5 {
			ask("greedy")
		}
		ask("anna")
		ask("bert")
		synctest.Wait()
		if a, b := <-took, <-took; a != "greedy" || b != "anna" || len(took) > 0 {
			t.Errorf("first %s and %s, and %d more", a, b, len(took))
		}
		time.Sleep(90 * time.Second)
		if a, b := <-took, <-took; a == b {
			t.Errorf("then %s twice", a)
		}
		cancel()
		stopped := 0
		for range 7 {
			if err := <-worked; errors.Is(err, context.Canceled) {
				stopped++
			} else if err != nil {
				t.Error(err)
			}
		}
		if stopped != 3 || len(turns.of) != 0 {
			t.Errorf("%d were stopped, %d lines are left", stopped, len(turns.of))
		}
	})
}

func TestRefusalsAreBoundedAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r refusals
		for i := range maxRefusals + 10 {
			r.add(fmt.Sprint(i), errors.New("no"))
			time.Sleep(time.Millisecond)
		}
		if len(r.all) != maxRefusals || r.get("9") != nil || r.get("10") == nil {
			t.Errorf("%d are kept; the oldest: %v", len(r.all), r.get("10"))
		}
		time.Sleep(refuseFor)
		if r.get("200") != nil {
			t.Error("remembered for ever")
		}
	})
}
