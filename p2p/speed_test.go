package p2p

import (
	"sync"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/bufpipe"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

func TestSpeed(t *testing.T) {
	nodes := newPool(t, 2)
	got, err := nodes[0].Speed(t.Context(), nodes[1].ID())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", got)
	for _, way := range []api.Throughput{got.Down, got.Up} {
		if way.Bytes == 0 || way.Bytes > speedBytes || time.Duration(way.Time) > speedTime+time.Second || way.Mbit <= 0 {
			t.Errorf("%+v", way)
		}
	}
	if got.Path != api.PathDirectTCP && got.Path != api.PathDirectQUIC || got.Latency <= 0 {
		t.Errorf("over %s, %s", got.Path, time.Duration(got.Latency))
	}
	if _, err := nodes[0].Speed(t.Context(), "12D3KooWNobody"); api.KindOf(err) != api.KindNotFound {
		t.Errorf("with nobody: %v", err)
	}
}

// One that is asked measures with few at a time, and not with one member all the time.
func TestSpeedIsBounded(t *testing.T) {
	from := api.Caller{Peer: newNode(t, "n").ID(), Role: api.RoleMember}
	sp := newSpeed()
	try := func(m measure) error {
		near, far := bufpipe.Pair(1 << 10)
		over := make(chan struct{})
		go func() { defer close(over); sp.serve(t.Context(), from, far) }()
		defer func() { near.Reset(); <-over }()
		if err := wire.NewWriter(near, maxSpeedFrame).Send(frameMeasure, m); err != nil {
			t.Fatal(err)
		}
		return expect(near, frameGo, &struct{}{})
	}
	for range speedsAtOnce {
		sp.slots <- struct{}{}
	}
	kindIs(t, try(measure{}), api.KindUnavailable, "one too many at a time")
	for range speedsAtOnce {
		<-sp.slots
	}
	for range speedsEach - 1 {
		if err := try(measure{Up: true}); err != nil {
			t.Fatal(err)
		}
	}
	kindIs(t, try(measure{}), api.KindQuota, "one too many in a minute")
}

// What was measured counts, though the rest of what was on its way is not taken.
func TestSpeedOfWhatWasTaken(t *testing.T) {
	near, far := bufpipe.Pair(1 << 10)
	var other sync.WaitGroup
	other.Go(func() {
		w := wire.NewWriter(far, maxSpeedFrame)
		if err := expect(far, frameMeasure, &measure{}); err != nil {
			t.Error(err)
		}
		_ = w.Send(frameGo, struct{}{})
		_, _ = far.Read(make([]byte, 1<<10))
		_ = w.Send(frameGot, api.Throughput{Bytes: 1 << 10})
		_ = far.CloseWrite()
	})
	got, err := ask(near, measure{Up: true})
	if err != nil || got.Bytes != 1<<10 {
		t.Errorf("%+v, %v", got, err)
	}
	other.Wait()
}

// Who is sent more than was said, or less than it needs, stops at the bounds.
func TestDrainIsBounded(t *testing.T) {
	near, far := bufpipe.Pair(1 << 20)
	over := make(chan struct{})
	go func() {
		defer close(over)
		for chunk := make([]byte, 1<<20); ; {
			if _, err := far.Write(chunk); err != nil {
				return
			}
		}
	}()
	got, err := drain(near)
	if err != nil || got.Bytes > speedBytes+128<<10 {
		t.Errorf("%+v, %v", got, err)
	}
	near.Reset()
	<-over
}
