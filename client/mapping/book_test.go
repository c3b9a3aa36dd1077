package mapping

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/bufpipe"
	"github.com/Akilan1999/p2p-rendering-computation/internal/conntest"
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
	left   []api.MappingID                    // that were let go
	down   map[api.PeerID]bool                // peers that do not answer
	served map[api.PeerID]int                 // connections of each peer
	opened map[api.PeerID]map[tunnel.Open]int // what was asked of each
	over   int                                // mappings that were said to be
	slow   time.Duration                      // that the disk takes
	target func(*bufpipe.End)                 // what peers do with a connection, if they do not echo
	log    bytes.Buffer
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
	slow := w.slow
	w.mu.Unlock()
	time.Sleep(slow)
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
			kind, _, err := r.Next()
			switch kind {
			case mapping.KindOver:
				w.mu.Lock()
				w.over++
				w.mu.Unlock()
				far.Close()
			case mapping.KindLeave:
				w.mu.Lock()
				w.left = append(w.left, req.ID)
				w.mu.Unlock()
				far.Reset()
			}
			if err != nil || out.Send(mapping.KindBeat, struct{}{}) != nil {
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
	do := w.target
	if do == nil {
		do = func(far *bufpipe.End) { io.Copy(far, far) }
	}
	w.work.Go(func() { do(far); far.Close() })
	return near, nil
}

func (w *world) Inside(context.Context, string, int, func(error)) (splice.Stream, error) {
	panic("no containers")
}

// book opens the mapper's book and runs it until the test, or stop, ends it.
func (w *world) book(t *testing.T, gateways ...api.PeerID) (b *Book, stop func()) {
	t.Helper()
	b, err := Open(t.Context(), Config{
		Self: "self", Store: w, Dial: w, Targets: w, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
		Known: func(name string) error { return api.Errorf(api.KindNotFound, "no %s", name) },
		Peers: func() (all []api.Peer) {
			for i, id := range gateways {
				p := api.Peer{State: api.PeerAlive, Latency: api.Duration(i + 1)}
				p.ID, p.Gateway = id, true
				all = append(all, p)
			}
			return all
		},
		Resolve: func(name string) (api.PeerID, error) { return api.PeerID(name), nil },
		Names:   func(id api.PeerID) string { return string(id) },
		Host:    func(id api.PeerID) string { return string(id) + ".example" },
		Own:     func(_ string, port int) bool { return port == 4001 }, Connections: 9,
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
		if err := b.Unmap(t.Context(), m.ID); err != nil || len(b.Mappings()) != 0 || len(w.disk) != 0 || w.over != 1 || !strings.HasSuffix(w.log.String(), "reason=\"it was let go\"\n") {
			t.Errorf("it stays: %v, %v, told %d", err, w.disk, w.over)
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
			"no domain":             {api.MapSpec{Port: 80, Domain: "app"}, api.KindInvalid},
			"a domain and a port":   {api.MapSpec{Port: 80, Domain: "app.example", Public: 80}, api.KindInvalid},
			"a domain, any port":    {api.MapSpec{Port: 80, Domain: "app.example", Any: true}, api.KindInvalid},
			"a domain, two ports":   {api.MapSpec{Port: 80, Domain: "app.example", Ports: 2}, api.KindInvalid},
			"a domain over udp":     {api.MapSpec{Port: 80, Domain: "app.example", Network: "udp"}, api.KindInvalid},
			"PROXY for requests":    {api.MapSpec{Port: 80, Domain: "app.example", Proxy: true}, api.KindInvalid},
			"no domain's HTTP/2":    {api.MapSpec{Port: 80, H2C: true}, api.KindInvalid},
			"HTTP/2 unopened":       {api.MapSpec{Port: 80, Domain: "app.example", Passthrough: true, H2C: true}, api.KindInvalid},
			"nothing to pass":       {api.MapSpec{Port: 80, Passthrough: true}, api.KindInvalid},
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
		w.close(m.ID)
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

// close is what the owner of a mapping's gateway says.
func (w *world) close(id api.MappingID) {
	w.mu.Lock()
	end := w.held[id]
	w.mu.Unlock()
	wire.NewWriter(end, mapping.MaxFrame).Send(mapping.KindFail, api.ProblemOf(api.Errorf(api.KindWithdrawn, "closed"), false))
	end.Close()
}

// What was closed is forgotten as well when its time is up.
func TestClosedExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b, stop := w.book(t, "gw")
		defer stop()
		m, err := b.Map(t.Context(), api.MapSpec{Port: 80, TTL: api.Duration(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		w.close(m.ID)
		time.Sleep(time.Minute)
		if got := b.Mappings()[0]; got.State != api.MappingClosed {
			t.Errorf("%+v", got)
		}
		time.Sleep(time.Hour)
		if len(b.Mappings()) != 0 || len(w.disk) != 0 {
			t.Errorf("%+v, %v", b.Mappings(), w.disk)
		}
	})
}

// However a mapping ends, its connections end with it.
func TestConnectionsEndWithTheirMapping(t *testing.T) {
	for name, end := range map[string]func(*Book, *world, api.MappingID){
		"removed": func(b *Book, _ *world, id api.MappingID) { b.Unmap(context.Background(), id) },
		"expired": func(*Book, *world, api.MappingID) { time.Sleep(time.Hour) },
		"closed":  func(_ *Book, w *world, id api.MappingID) { w.close(id) },
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			b, stop := w.book(t, "gw")
			defer stop()
			m, err := b.Map(t.Context(), api.MapSpec{Port: 80, On: []string{"web"}, TTL: api.Duration(time.Hour)})
			if err != nil {
				t.Fatal(err)
			}
			near, far := bufpipe.Pair(64 << 10)
			var serve sync.WaitGroup
			serve.Go(func() { b.Serve(context.Background(), api.Caller{Peer: "gw"}, far) })
			wire.NewWriter(near, mapping.MaxBegin).Send(mapping.KindBegin, mapping.Begin{ID: m.ID})
			io.WriteString(near, "ping")
			if got, err := io.ReadFull(near, make([]byte, 4)); err != nil {
				t.Fatalf("%s: %d bytes, %v", name, got, err)
			}
			end(b, w, m.ID)
			synctest.Wait()
			if _, err := near.Write(nil); err == nil {
				t.Errorf("%s: its connection stays", name)
				near.Reset()
			}
			serve.Wait()
		})
	}
}

// Connections are brought by gateways that have mappings, and by nobody else.
func TestWhoMayBringConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, stop := newWorld().book(t, "gw")
		defer stop()
		most := func(want int) {
			t.Helper()
			synctest.Wait()
			if got := []int{b.Most("gw"), b.Most("other")}; got[0] != want || got[1] != 0 {
				t.Errorf("%d and %d, want %d and none", got[0], got[1], want)
			}
		}
		most(0)
		var ids []api.MappingID
		for port := range 2 {
			m, err := b.Map(t.Context(), api.MapSpec{Port: 80 + port, On: []string{"web"}})
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, m.ID)
		}
		for i, id := range ids {
			most(2 * 9)
			if err := b.Unmap(t.Context(), id); err != nil {
				t.Fatal(i, err)
			}
		}
		most(0)
	})
}

// What is taken away stays away, whatever its keeper does at that moment.
func TestUnmapWhileItIsWrittenDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b, stop := w.book(t, "gw")
		defer stop()
		m, err := b.Map(t.Context(), api.MapSpec{Port: 80})
		if err != nil {
			t.Fatal(err)
		}
		w.mu.Lock()
		w.slow = time.Minute
		w.held[m.ID].Reset() // it is asked for again, and written down
		w.mu.Unlock()
		time.Sleep(time.Second)
		if err := b.Unmap(t.Context(), m.ID); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		if len(b.Mappings()) != 0 || len(w.disk) != 0 {
			t.Errorf("%+v, %v", b.Mappings(), w.disk)
		}
	})
}

func TestUnmapBeforeRun(t *testing.T) {
	w := newWorld()
	w.disk["x"] = []byte(`{"id":"x"}`)
	b, err := Open(t.Context(), Config{Store: w})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Unmap(t.Context(), "x"); api.KindOf(err) != api.KindUnavailable || len(w.disk) != 1 {
		t.Errorf("%v, %v", err, w.disk)
	}
}

// Gateways are asked in the order of what is known of them.
func TestOrderOfGateways(t *testing.T) {
	peer := func(id api.PeerID, state api.PeerState, latency int, reach api.Reachability) api.Peer {
		p := api.Peer{State: state, Latency: api.Duration(latency)}
		p.ID, p.Gateway, p.Reach = id, true, reach
		return p
	}
	b := &Book{cfg: Config{Peers: func() []api.Peer {
		return []api.Peer{
			peer("unmeasured", api.PeerAlive, 0, api.ReachPublic), peer("near", api.PeerAlive, 1, api.ReachPublic), peer("far", api.PeerAlive, 9, api.ReachPublic),
			peer("self", api.PeerSelf, 0, api.ReachPublic), peer("private", api.PeerAlive, 1, api.ReachPrivate), peer("last", api.PeerAlive, 0, api.ReachPrivate),
		}
	}}}
	if got, want := b.gateways(&entry{page: page{Gateway: "last"}}), []api.PeerID{"last", "self", "near", "far", "unmeasured", "private"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Networks of clients are compared with addresses of which none is IPv4 in IPv6.
func TestPrefix(t *testing.T) {
	for text, want := range map[string]string{
		"198.51.100.7": "198.51.100.7/32", "198.51.100.7/24": "198.51.100.0/24", "::ffff:198.51.100.7": "198.51.100.7/32",
		"::ffff:198.51.100.0/120": "198.51.100.0/24", "::ffff:0.0.0.0/96": "0.0.0.0/0", "2001:db8::/32": "2001:db8::/32",
		"::ffff:0.0.0.0/95": "", "fe80::1%eth0": "", "198.51.100.0/33": "",
	} {
		got, err := prefix(text)
		if want == "" && err == nil || want != "" && (err != nil || got.String() != want) {
			t.Errorf("%s: %v, %v, want %q", text, got, err, want)
		}
	}
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
	b := &Book{cfg: Config{Own: func(_ string, port int) bool { return port == 4001 }}}
	port := conntest.FreePort(t, 1)
	ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
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
