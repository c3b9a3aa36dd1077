package image

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// An image that is only named is the owner's own of that name, else it is pulled if
// his policy says so: under no name of the borrower's choice, in the room he lends.
func TestPull(t *testing.T) {
	w := newWorld(t, "lender")
	l := w.nodes["lender"]
	from := api.Caller{Peer: "borrower", Role: api.RoleMember}
	pic, own := newPicture("amd64", layer(1, 1000)), newPicture("amd64", layer(2, 1000))
	l.engine.registry = map[string]picture{"debian:12": pic}
	l.engine.add(own, "tool:1")
	bring := func(name string) (api.ImageID, func(), error) {
		return l.Bring(t.Context(), name, "", from, func(api.ImageProgress) {})
	}
	l.denied = api.Errorf(api.KindUnsupported, "image debian:12 is not on this machine")
	if id, _, err := bring("tool:1"); err != nil || id != own.id {
		t.Errorf("the owner's image: %s, %v", id, err)
	}
	if _, _, err := bring("debian:12"); api.KindOf(err) != api.KindUnsupported || l.has(pic) {
		t.Errorf("pulled against the policy: %v", err)
	}
	size := int64(len(pic.layers[0]))
	l.denied, l.most = nil, size-1
	if _, _, err := bring("debian:12"); api.KindOf(err) != api.KindQuota || l.has(pic) {
		t.Errorf("more than the owner lends: %v", err)
	}
	l.most = size
	var release func()
	for range 2 { // its name is asked of the registry again
		id, let, err := bring("debian:12")
		if err != nil || id != pic.id {
			t.Fatal(id, err)
		}
		release = let
		defer release()
	}
	if got := l.engine.names(); !slices.Equal(got, []string{l.tag(pic.id), "tool:1"}) {
		t.Errorf("names on the engine: %v", got)
	}
	if rec := l.record(pic.id); rec.For != "borrower" || rec.Bytes != size {
		t.Errorf("remembered as %+v", rec)
	}
	if _, _, err := bring("nosuch"); api.KindOf(err) != api.KindUnsupported {
		t.Errorf("what no registry has: %v", err)
	}
}

// What a registry sends is bounded before it is here: in bytes by the room there is, and
// in time. One that sends slowly holds up no image of another name.
func TestPullIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "lender")
		l := w.nodes["lender"]
		l.most = 1 << 20
		l.engine.registry = map[string]picture{"debian:12": newPicture("amd64", layer(1, 1000)), "large": newPicture("amd64", layer(2, 1000))}
		l.engine.packed = map[string]int64{"large": l.most + 1}
		l.engine.slow = "late"
		from := api.Caller{Peer: "borrower", Role: api.RoleMember}
		bring := func(name string) error {
			_, release, err := l.Bring(t.Context(), name, "", from, func(api.ImageProgress) {})
			if err == nil {
				release()
			}
			return err
		}
		if pulling("late") == pulling("debian:12") || pulling("late") == pulling("large") || pulling("late") != pulling("late:latest") || pulling("host:1/late") != pulling("host:1/late:latest") {
			t.Fatal("the names do not do for this test")
		}
		slow, begun := make(chan error, 1), time.Now()
		go func() { slow <- bring("late") }()
		synctest.Wait()
		if err := bring("debian:12"); err != nil || !time.Now().Equal(begun) {
			t.Errorf("beside a slow one: %v after %v", err, time.Since(begun))
		}
		if err := bring("large"); api.KindOf(err) != api.KindQuota {
			t.Errorf("more than there is room for: %v", err)
		}
		if err := <-slow; api.KindOf(err) != api.KindTimeout || time.Since(begun) != pullIn {
			t.Errorf("a slow one: %v after %v", err, time.Since(begun))
		}
	})
}
