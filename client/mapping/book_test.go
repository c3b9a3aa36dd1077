package mapping

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/bufpipe"
	"github.com/Akilan1999/p2p-rendering-computation/internal/splice"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/mapping"
	"github.com/Akilan1999/p2p-rendering-computation/wire/tunnel"
)

// world is gateways, peers that echo, and the disk of one mapper.
type world struct {
	mu     sync.Mutex // guards the rest
	disk   map[string][]byte
	refuse map[api.PeerID]error // by gateway
	asked  []mapping.Map
	at     []api.PeerID                       // the gateways asked, in order
	held   map[api.MappingID]*bufpipe.End     // the gateway's ends of open mappings
	down   map[api.PeerID]bool                // peers that do not answer
	served map[api.PeerID]int                 // connections of each peer
	opened map[api.PeerID]map[tunnel.Open]int // what was asked of each
	work   sync.WaitGroup
}

func newWorld() *world {
	return &world{disk: map[string][]byte{}, refuse: map[api.PeerID]error{}, held: map[api.MappingID]*bufpipe.End{}, down: map[api.PeerID]bool{},
		served: map[api.PeerID]int{}, opened: map[api.PeerID]map[tunnel.Open]int{}}
}

func (w *world) Load(_ context.Context, fn func([]byte) error) error {
	for _, k := range slices.Sorted(maps.Keys(w.disk)) {
		if err := fn(w.disk[k]); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) Save(_ context.Context, key string, v any) (err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.disk[key], err = json.Marshal(v)
	return err
}

func (w *world) Drop(_ context.Context, key string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.disk, key)
	return nil
}

// OpenStream is to a gateway.
func (w *world) OpenStream(_ context.Context, gw api.PeerID, _ string) (wire.Stream, error) {
	near, far := bufpipe.Pair(64 << 10)
	w.work.Go(func() {
		_, payload, err := wire.ReadOne(far, mapping.MaxFrame)
		var req mapping.Map
		if err != nil || wire.Decode(payload, &req) != nil {
			return
		}
		w.mu.Lock()
		w.asked, w.at = append(w.asked, req), append(w.at, gw)
		why := w.refuse[gw]
		if why == nil {
			w.held[req.ID] = far
		}
		w.mu.Unlock()
		out := wire.NewWriter(far, mapping.MaxFrame)
		if why != nil {
			out.Send(mapping.KindFail, api.ProblemOf(why, false))
			far.Close()
			return
		}
		first := max(req.First, 7000)
		out.Send(mapping.KindReady, mapping.Ready{First: first})
		for r := wire.NewReader(far, mapping.MaxFrame); ; { // a beat for a beat
			if _, _, err := r.Next(); err != nil || out.Send(mapping.KindBeat, struct{}{}) != nil {
				return
			}
		}
	})
	return near, nil
}

func (w *world) Connect(ctx context.Context, peer api.PeerID, to tunnel.Open) (splice.Stream, error) {
	return w.Flow(ctx, peer, to)
}

func (w *world) Flow(_ context.Context, peer api.PeerID, to tunnel.Open) (wire.Stream, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down[peer] {
		return nil, api.Errorf(api.KindUnavailable, "%s is down", peer)
	}
	w.served[peer]++
	if w.opened[peer] == nil {
		w.opened[peer] = map[tunnel.Open]int{}
	}
	w.opened[peer][to]++
	near, far := bufpipe.Pair(1 << 10)
	w.work.Go(func() { io.Copy(far, far); far.Close() })
	return near, nil
}

func (w *world) Inside(context.Context, string, int, func(error)) (splice.Stream, error) {
	panic("no containers")
}

// book opens the mapper's book and runs it until the test, or stop, ends it.
func (w *world) book(t *testing.T, gateways ...api.PeerID) (b *Book, stop func()) {
	t.Helper()
	b, err := Open(t.Context(), Config{
		Self: "self", Store: w, Dial: w, Targets: w, Log: slog.New(slog.DiscardHandler),
		Known: func(name string) error { return api.Errorf(api.KindNotFound, "no %s", name) },
		Peers: func() (all []api.Peer) {
			for i, id := range gateways {
				p := api.Peer{State: api.PeerAlive, Latency: api.Duration(i)}
				p.ID, p.Gateway = id, true
				all = append(all, p)
			}
			return all
		},
		Resolve: func(name string) (api.PeerID, error) { return api.PeerID(name), nil },
		Names:   func(id api.PeerID) string { return string(id) },
		Host:    func(id api.PeerID) string { return string(id) + ".example" },
		Own:     func(port int) bool { return port == 4001 },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); b.Run(ctx) }()
	synctest.Wait()
	return b, sync.OnceFunc(func() { cancel(); <-done; w.work.Wait() })
}

// through is what comes back of a connection that gw brings.
func through(b *Book, gw api.PeerID, id api.MappingID) string {
	near, far := bufpipe.Pair(64 << 10)
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.Serve(context.Background(), api.Caller{Peer: gw, Role: api.RoleMember}, far)
	}()
	defer func() { <-done }()
	wire.NewWriter(near, mapping.MaxBegin).Send(mapping.KindBegin, mapping.Begin{ID: id, Client: netip.MustParseAddrPort("192.0.2.1:5"), Server: netip.MustParseAddrPort("192.0.2.2:7000")})
	io.WriteString(near, "ping")
	near.CloseWrite()
	got, _ := io.ReadAll(near)
	near.Close()
	return string(got)
}

func TestMapAndServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b, stop := w.book(t, "gw")
		defer stop()
		m, err := b.Map(t.Context(), api.MapSpec{Port: 80, On: []string{"web"}, Proxy: true})
		if err != nil || m.State != api.MappingOpen || !slices.Equal(m.Public, []string{"gw.example:7000"}) {
			t.Fatalf("%+v, %v", m, err)
		}
		if got := through(b, "gw", m.ID); got != "PROXY TCP4 192.0.2.1 192.0.2.2 5 7000\r\nping" {
			t.Errorf("through the mapping came %q", got)
		}
		if got := through(b, "other", m.ID); got != "" {
			t.Errorf("a member that is not its gateway got %q", got)
		}
		if n := w.opened["web"][tunnel.Open{Network: "tcp", Port: 80, Public: true}]; n != 1 {
			t.Errorf("web was asked %v", w.opened["web"])
		}
		if got := b.Mappings()[0]; got.Total != 1 || got.BytesIn != 4 || got.Open != 0 {
			t.Errorf("%+v", got)
		}
		time.Sleep(10 * mapping.Silence) // beats keep it
		if got := b.Mappings()[0]; got.State != api.MappingOpen {
			t.Errorf("after a while %+v", got)
		}
		if err := b.Unmap(t.Context(), m.ID); err != nil || len(b.Mappings()) != 0 || len(w.disk) != 0 {
			t.Errorf("it stays: %v, %v", err, w.disk)
		}
		if got := through(b, "gw", m.ID); got != "" {
			t.Errorf("through what is no more came %q", got)
		}
	})
}

// What was acknowledged comes back with the ports it had.
func TestComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b, stop := w.book(t, "gw")
		m, err := b.Map(t.Context(), api.MapSpec{Port: 80})
		if err != nil {
			t.Fatal(err)
		}
		stop()
		b, stop = w.book(t, "gw")
		defer stop()
		if got := b.Mappings(); len(got) != 1 || got[0].ID != m.ID || got[0].State != api.MappingOpen {
			t.Fatalf("after a restart %+v", got)
		}
		if last := w.asked[len(w.asked)-1]; last.First != 7000 || last.ID != m.ID {
			t.Errorf("it asked for %+v", last)
		}
		w.mu.Lock()
		w.held[m.ID].Reset() // the gateway restarts
		w.mu.Unlock()
		time.Sleep(time.Second)
		if got := b.Mappings()[0]; got.State != api.MappingOpen || got.Reason != "" {
			t.Errorf("after the gateway's %+v", got)
		}
	})
}

// A gateway that is gone is replaced by another, unless it was named.
func TestFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b, stop := w.book(t, "one", "two")
		defer stop()
		free, err := b.Map(t.Context(), api.MapSpec{Port: 80})
		if err != nil || free.Gateway != "one" {
			t.Fatalf("%+v, %v", free, err)
		}
		pinned, err := b.Map(t.Context(), api.MapSpec{Port: 81, Via: "one"})
		if err != nil {
			t.Fatal(err)
		}
		w.mu.Lock()
		w.refuse["one"] = api.Errorf(api.KindUnavailable, "one is gone")
		w.held[free.ID].Reset()
		w.held[pinned.ID].Reset()
		w.mu.Unlock()
		time.Sleep(time.Minute)
		all := b.Mappings()
		if all[0].State != api.MappingOpen || all[0].Gateway != "two" {
			t.Errorf("the free one: %+v", all[0])
		}
		if all[1].State != api.MappingOpening || all[1].Reason != "one is gone" {
			t.Errorf("the pinned one: %+v", all[1])
		}
		w.mu.Lock()
		delete(w.refuse, "one")
		w.mu.Unlock()
		time.Sleep(time.Minute)
		if got := b.Mappings()[1]; got.State != api.MappingOpen {
			t.Errorf("when it is back: %+v", got)
		}
	})
}

func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.refuse["gw"] = api.Errorf(api.KindDenied, "not you")
		b, stop := w.book(t, "gw")
		defer stop()
		for name, c := range map[string]struct {
			spec api.MapSpec
			kind api.Kind
		}{
			"the gateway says no":   {api.MapSpec{Port: 80}, api.KindDenied},
			"no port":               {api.MapSpec{}, api.KindInvalid},
			"ports beyond the end":  {api.MapSpec{Port: 65535, Ports: 2}, api.KindInvalid},
			"public beyond the end": {api.MapSpec{Port: 80, Ports: 2, Public: 65535}, api.KindInvalid},
			"no such box":           {api.MapSpec{Port: 80, Container: "box"}, api.KindNotFound},
			"udp into a box":        {api.MapSpec{Port: 80, Container: "box", Network: "udp"}, api.KindInvalid},
			"no network of clients": {api.MapSpec{Port: 80, Allow: []string{"10.0.0.0/64"}}, api.KindInvalid},
			"PROXY over udp":        {api.MapSpec{Port: 80, Network: "udp", Proxy: true}, api.KindInvalid},
			"p2prc's own port":      {api.MapSpec{Port: 4000, Ports: 2}, api.KindDenied},
			"its own by name":       {api.MapSpec{Port: 4001, On: []string{"self"}}, api.KindDenied},
			"over already":          {api.MapSpec{Port: 80, TTL: -1}, api.KindInvalid},
		} {
			if _, err := b.Map(t.Context(), c.spec); api.KindOf(err) != c.kind {
				t.Errorf("%s: %v, want %s", name, err, c.kind)
			}
		}
		if len(b.Mappings()) != 0 || len(w.disk) != 0 {
			t.Errorf("kept: %+v, %v", b.Mappings(), w.disk)
		}
		if err := b.Unmap(t.Context(), "x"); api.KindOf(err) != api.KindNotFound {
			t.Error(err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		b, stop := newWorld().book(t)
		defer stop()
		if _, err := b.Map(t.Context(), api.MapSpec{Port: 80}); api.KindOf(err) != api.KindNobody {
			t.Errorf("without a gateway: %v", err)
		}
	})
}

// What a gateway's owner closed stays closed, also over a restart.
func TestClosedByItsOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b, stop := w.book(t, "gw")
		m, err := b.Map(t.Context(), api.MapSpec{Port: 80})
		if err != nil {
			t.Fatal(err)
		}
		w.mu.Lock()
		end := w.held[m.ID]
		w.mu.Unlock()
		wire.NewWriter(end, mapping.MaxFrame).Send(mapping.KindFail, api.ProblemOf(api.Errorf(api.KindWithdrawn, "closed"), false))
		end.Close()
		time.Sleep(time.Minute)
		for range 2 {
			if got := b.Mappings()[0]; got.State != api.MappingClosed || got.Reason != "closed" || len(w.asked) != 1 {
				t.Errorf("%+v, asked %d times", got, len(w.asked))
			}
			stop()
			b, stop = w.book(t, "gw")
			time.Sleep(time.Minute)
		}
		stop()
	})
}

func TestExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b, stop := w.book(t, "gw")
		defer stop()
		if _, err := b.Map(t.Context(), api.MapSpec{Port: 80, TTL: api.Duration(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(59 * time.Minute)
		if len(b.Mappings()) != 1 {
			t.Error("gone too early")
		}
		time.Sleep(2 * time.Minute)
		if len(b.Mappings()) != 0 || len(w.disk) != 0 {
			t.Errorf("%+v, %v", b.Mappings(), w.disk)
		}
	})
}

// Targets share the connections; one that does not answer gets none until it does.
func TestTargetsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b, stop := w.book(t, "gw")
		defer stop()
		m, err := b.Map(t.Context(), api.MapSpec{Port: 80, On: []string{"a", "b"}})
		if err != nil {
			t.Fatal(err)
		}
		count := func() (a, bb int) {
			w.mu.Lock()
			w.served = map[api.PeerID]int{}
			w.mu.Unlock()
			for range 4 {
				if through(b, "gw", m.ID) != "ping" {
					t.Error("a connection failed")
				}
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.served["a"], w.served["b"]
		}
		if x, y := count(); x != 2 || y != 2 {
			t.Errorf("%d and %d connections", x, y)
		}
		w.mu.Lock()
		w.down["a"] = true
		w.mu.Unlock()
		if x, y := count(); x != 0 || y != 4 {
			t.Errorf("with a down %d and %d connections", x, y)
		}
		if got := b.Mappings()[0].Targets; got[0].Down == "" || got[1].Down != "" {
			t.Errorf("%+v", got)
		}
		w.mu.Lock()
		w.down["a"] = false
		w.mu.Unlock()
		time.Sleep(2*checkEvery + time.Second) // between two checks
		if x, y := count(); x != 2 || y != 2 {
			t.Errorf("with a back %d and %d connections", x, y)
		}
	})
}

func TestOwnPort(t *testing.T) {
	b := &Book{cfg: Config{Own: func(port int) bool { return port == 4001 }}}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := ln.Addr().(*net.TCPAddr).Port
	c, err := b.dialOwn(t.Context(), "tcp", port)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	ln.Close()
	if _, err := b.dialOwn(t.Context(), "tcp", port); api.KindOf(err) != api.KindUnavailable {
		t.Errorf("where nobody listens: %v", err)
	}
	if _, err := b.dialOwn(t.Context(), "tcp", 4001); api.KindOf(err) != api.KindDenied {
		t.Errorf("p2prc's own: %v", err)
	}
}
