package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/internal/conntest"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/mapping"
)

// cut breaks every path to the mapper.
func (r *rig) cut(control wire.Stream) {
	control.Reset()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, st := range r.paths {
		st.Reset()
	}
	r.paths = nil
}

// A mapping whose path breaks, and its connections, go on over another: clients
// notice nothing, new ones included.
func TestOutlivesItsPath(t *testing.T) {
	r := newRig(t, Limits{})
	control, first := r.open(mapping.Map{ID: "1", Network: "tcp", Lasting: true})
	before := r.List()[0]
	old := dial(t, "tcp", first)
	all := []net.Conn{old}
	for range 3 {
		if !echoes(old) {
			t.Fatal("no echo")
		}
		r.cut(control)
		all = append(all, dial(t, "tcp", first))
		for _, c := range all {
			if !echoes(c) {
				t.Error("no echo when its mapper is expected back")
			}
		}
		control, _ = r.open(mapping.Map{ID: "1", Network: "tcp", First: first, Lasting: true})
		for _, c := range all { // the end is told to those that have a path
			if !echoes(c) {
				t.Error("no echo afterwards")
			}
		}
	}
	if l := r.List(); len(l) != 1 || l[0].ID != before.ID || l[0].Since != before.Since || l[0].Total != 4 {
		t.Errorf("%+v became %+v", before, l)
	}
	r.Gateway.mu.Lock()
	m := r.by[key{anna.Peer, "1"}]
	r.Gateway.mu.Unlock()
	if err := wire.NewWriter(control, mapping.MaxFrame).Send(mapping.KindOver, struct{}{}); err != nil {
		t.Fatal(err)
	}
	if <-m.ctx.Done(); !errors.Is(context.Cause(m.ctx), errOver) {
		t.Errorf("it is over: %v", context.Cause(m.ctx))
	}
	if _, err := old.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("when it is over a client reads %v, want a reset", err)
	}
	eventually(t, func() bool { return len(r.List()) == 0 })
}

// Who sees that his connection ends with the mapping finds its port closed.
func TestPortIsClosedFirst(t *testing.T) {
	for range 20 {
		r := newRig(t, Limits{})
		_, first := r.open(mapping.Map{ID: "1", Network: "tcp"})
		c := dial(t, "tcp", first)
		if !echoes(c) {
			t.Fatal("no echo")
		}
		r.Recheck(nil) // he is no member
		_, _ = c.Read(make([]byte, 1))
		if c, err := net.Dial("tcp", c.RemoteAddr().String()); err == nil {
			c.Close()
			t.Fatal("it is open still")
		}
	}
}

// A mapper that does not come back, or cannot, is not waited for any longer.
func TestNobodyComesBack(t *testing.T) {
	r := newRig(t, Limits{})
	control, _ := r.open(mapping.Map{ID: "1", Network: "tcp"})
	control.Reset()
	eventually(t, func() bool { return len(r.List()) == 0 })
	control, _ = r.open(mapping.Map{ID: "1", Network: "tcp", Lasting: true})
	control.Reset()
	eventually(t, func() bool {
		r.Gateway.mu.Lock()
		defer r.Gateway.mu.Unlock()
		m := r.by[key{anna.Peer, "1"}]
		return m.patience != nil && m.patience.Reset(0) // its time is up
	})
	eventually(t, func() bool { return len(r.List()) == 0 })
}

// What is asked for is another mapping, not another path, where anything differs.
func TestAnotherMappingOfTheSameName(t *testing.T) {
	r := newRig(t, Limits{})
	_, first := r.open(mapping.Map{ID: "1", Network: "tcp", Lasting: true})
	for name, req := range map[string]mapping.Map{
		"another port":    {First: conntest.FreePort(t, 1), Network: "tcp", Lasting: true},
		"another network": {First: first, Network: "udp", Lasting: true},
		"more ports":      {First: first, Network: "tcp", Ports: 2, Lasting: true},
		"not lasting":     {First: first, Network: "tcp"},
	} {
		before := r.List()[0].ID
		req.ID = "1"
		_, got := r.open(req)
		if l := r.List(); len(l) != 1 || l[0].ID == before || got != req.First {
			t.Errorf("%s: port %d, %+v", name, got, l)
		}
		r.open(mapping.Map{ID: "1", Network: "tcp", First: first, Lasting: true})
	}
}

// A domain's mapping goes on as well, and its mapper hears again what it waits for. That
// it is over does not let the domain go.
func TestDomainOutlivesItsPath(t *testing.T) {
	r := newRig(t, Limits{})
	req := domain("1", "app.example.org")
	req.Lasting = true
	control, _ := r.open(req)
	before := r.List()[0]
	control.Reset()
	control, _ = r.open(req)
	if kind, _, err := wire.ReadOne(control, mapping.MaxFrame); err != nil || kind != mapping.KindState {
		t.Errorf("the mapper reads frame %d, %v", kind, err)
	}
	if l := r.List(); len(l) != 1 || l[0].ID != before.ID || l[0].Away {
		t.Errorf("%+v became %+v", before, l)
	}
	if err := wire.NewWriter(control, mapping.MaxFrame).Send(mapping.KindOver, struct{}{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return len(r.List()) == 1 && r.List()[0].Away })
}
