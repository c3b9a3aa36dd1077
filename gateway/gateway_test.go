package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/bufpipe"
	"github.com/Akilan1999/p2p-rendering-computation/internal/conntest"
	"github.com/Akilan1999/p2p-rendering-computation/internal/leak"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/mapping"
	"github.com/Akilan1999/p2p-rendering-computation/wire/resume"
	"github.com/Akilan1999/p2p-rendering-computation/wire/tunnel"
)

func TestMain(m *testing.M) { leak.Main(m) }

var (
	anna = api.Caller{Peer: "12D3KooWAnna", Role: api.RoleMember}
	bert = api.Caller{Peer: "12D3KooWBert", Role: api.RoleMember}
)

// rig is a gateway, and a mapper behind it that echoes.
type rig struct {
	*Gateway
	t      *testing.T
	mute   bool       // the mapper does not echo, nor end anything
	mu     sync.Mutex // guards denied, begun and paths
	denied bool       // the owner changed his mind
	begun  []mapping.Begin
	paths  []wire.Stream // those to the mapper
	work   sync.WaitGroup
	kept   claims
	tunnel.Lasting
}

func newRig(t *testing.T, limits Limits) *rig {
	r := &rig{t: t}
	all := Limits{Connections: 1000, PerMapping: 1000, PerClient: 1000, NewPerSecond: 1000, Idle: time.Hour, Longest: 2 * time.Hour}
	if limits != (Limits{}) {
		all = limits
	}
	var err error
	r.Gateway, err = Open(t.Context(), Config{
		Claims: &r.kept, Front: newFront(t),
		Dial: r, Limits: all, Hosts: []string{"127.0.0.1"}, Names: func(api.PeerID) string { return "name" },
		May: func(from api.Caller, resource string) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.denied || !from.Role.Borrows() || resource == "listen:81" {
				return api.Errorf(api.KindDenied, "no %s", resource)
			}
			return nil
		},
		Ports: func(api.Caller) iter.Seq[int] {
			return slices.Values([]int{conntest.FreePort(t, 2), conntest.FreePort(t, 2), conntest.FreePort(t, 2)})
		},
		Refused: func(api.Caller, error) {}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.work.Wait)
	return r
}

func (r *rig) OpenLane(ctx context.Context, peer api.PeerID, protocol string) (wire.Stream, error) {
	return r.OpenStream(ctx, peer, protocol)
}

func (r *rig) KeepLanes(api.PeerID) {}

// OpenStream is to the mapper, who echoes.
func (r *rig) OpenStream(_ context.Context, peer api.PeerID, protocol string) (wire.Stream, error) {
	if peer != anna.Peer || protocol != mapping.Carry {
		return nil, api.Errorf(api.KindNotFound, "nobody")
	}
	near, far := bufpipe.Pair(1 << 10)
	r.mu.Lock()
	r.paths = append(r.paths, near)
	r.mu.Unlock()
	r.work.Go(func() {
		defer far.Close()
		kind, payload, err := wire.ReadOne(far, mapping.MaxBegin)
		var begin mapping.Begin
		var again tunnel.Resume
		if kind == mapping.KindResume && wire.Decode(payload, &again) == nil {
			r.Resume(peer, far, again)
			return
		}
		if err != nil || wire.Decode(payload, &begin) != nil {
			return
		}
		r.mu.Lock()
		r.begun = append(r.begun, begin)
		r.mu.Unlock()
		if r.mute {
			<-r.t.Context().Done()
			return
		}
		if begin.Token != "" {
			conn := resume.Accepted(far)
			defer r.Keep(peer, begin.Token, conn)()
			io.Copy(conn, conn)
			conn.CloseWrite()
			conn.Close()
			return
		}
		io.Copy(far, far) // of datagrams the frames
	})
	return near, nil
}

// ask asks for a mapping, and gives what holds it and its first port.
func (r *rig) ask(req mapping.Map) (wire.Stream, int, error) {
	r.t.Helper()
	return r.askAs(anna, req)
}

func (r *rig) askAs(from api.Caller, req mapping.Map) (wire.Stream, int, error) {
	r.t.Helper()
	near, far := bufpipe.Pair(64 << 10)
	over := make(chan struct{})
	go func() { defer close(over); r.Serve(r.t.Context(), from, far) }()
	r.t.Cleanup(func() { near.Reset(); <-over })
	req.Ports = max(req.Ports, 1)
	if err := wire.NewWriter(near, mapping.MaxFrame).Send(mapping.KindMap, req); err != nil {
		r.t.Fatal(err)
	}
	kind, payload, err := wire.ReadOne(near, mapping.MaxFrame)
	if err != nil {
		r.t.Fatal(err)
	}
	if kind == mapping.KindFail {
		return nil, 0, problem(r.t, payload)
	}
	var ready mapping.Ready
	if err := wire.Decode(payload, &ready); err != nil {
		r.t.Fatal(err)
	}
	return near, ready.First, nil
}

func problem(t *testing.T, payload []byte) error {
	t.Helper()
	var p api.Problem
	if err := wire.Decode(payload, &p); err != nil {
		t.Fatal(err)
	}
	return p.Err()
}

// open asks for a mapping that must be had.
func (r *rig) open(req mapping.Map) (wire.Stream, int) {
	r.t.Helper()
	st, first, err := r.ask(req)
	if err != nil {
		r.t.Fatal(err)
	}
	return st, first
}

func dial(t *testing.T, network string, port int) net.Conn {
	t.Helper()
	c, err := net.Dial(network, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// echoes tells whether what is said comes back.
func echoes(c net.Conn) bool {
	buf := make([]byte, 4)
	_, err := io.WriteString(c, "ping")
	if err == nil {
		_, err = io.ReadFull(c, buf)
	}
	return err == nil && string(buf) == "ping"
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	tick, late := time.NewTicker(time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("not within 20 s")
		}
	}
}

func TestConnection(t *testing.T) {
	r := newRig(t, Limits{})
	_, first := r.open(mapping.Map{ID: "1", Network: "tcp", Ports: 2, First: conntest.FreePort(t, 2)})
	big := bytes.Repeat([]byte("0123456789abcdef"), 20_000)
	c := dial(t, "tcp", first+1)
	go func() {
		c.Write(big)
		c.(*net.TCPConn).CloseWrite()
	}()
	if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, big) {
		t.Fatalf("%d bytes of %d, %v", len(got), len(big), err)
	}
	eventually(t, func() bool { return r.List()[0].Open == 0 })
	got := r.List()[0]
	if want := int64(len(big)); got.Total != 1 || got.BytesIn != want || got.BytesOut != want || !slices.Equal(got.Ports, []int{first, first + 1}) {
		t.Errorf("the owner sees %+v", got)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if b := r.begun[0]; b.Port != 1 || b.ID != "1" || b.Client.String() != c.LocalAddr().String() {
		t.Errorf("the mapper was told %+v", b)
	}
}

func TestDatagrams(t *testing.T) {
	r := newRig(t, Limits{Connections: 9, PerMapping: 2, PerClient: 9, NewPerSecond: 9, Idle: time.Hour, Longest: time.Hour})
	_, first := r.open(mapping.Map{ID: "1", Network: "udp"})
	for range 2 {
		c := dial(t, "udp", first)
		for _, text := range []string{"one", "", "three"} {
			c.Write([]byte(text))
			buf := make([]byte, 10)
			if n, err := c.Read(buf); err != nil || string(buf[:n]) != text {
				t.Fatalf("%q, %v", buf[:n], err)
			}
		}
	}
	for range 50 { // a flood from one more sender begins nothing
		dial(t, "udp", first).Write([]byte("x"))
	}
	eventually(t, func() bool { return r.List()[0].Refused == 50 })
	if got := r.List()[0]; got.Open != 2 || got.Total != 2 {
		t.Errorf("%+v", got)
	}
}

func TestRefusals(t *testing.T) {
	r := newRig(t, Limits{})
	_, used := r.open(mapping.Map{ID: "1", Network: "tcp"})
	for name, c := range map[string]struct {
		req  mapping.Map
		kind api.Kind
	}{
		"a port in use":        {mapping.Map{ID: "2", Network: "tcp", First: used}, api.KindConflict},
		"one not allowed":      {mapping.Map{ID: "2", Network: "tcp", First: 81}, api.KindDenied},
		"the last not allowed": {mapping.Map{ID: "2", Network: "tcp", First: 80, Ports: 2}, api.KindDenied},
		"no network":           {mapping.Map{ID: "2", Network: "unix"}, api.KindInvalid},
		"no id":                {mapping.Map{Network: "tcp"}, api.KindInvalid},
		"too many ports":       {mapping.Map{ID: "2", Network: "tcp", Ports: 65}, api.KindInvalid},
		"ports beyond the end": {mapping.Map{ID: "2", Network: "tcp", First: 65535, Ports: 2}, api.KindInvalid},
		"a negative port":      {mapping.Map{ID: "2", Network: "tcp", First: -1}, api.KindInvalid},
	} {
		if _, _, err := r.ask(c.req); api.KindOf(err) != c.kind {
			t.Errorf("%s: %v, want %s", name, err, c.kind)
		}
	}
	eventually(t, func() bool { return len(r.List()) == 1 })
	r.denied = true
	if _, _, err := r.ask(mapping.Map{ID: "2", Network: "tcp"}); api.KindOf(err) != api.KindDenied {
		t.Errorf("no port at all: %v", err)
	}
}

func TestTooManyMappings(t *testing.T) {
	r := newRig(t, Limits{})
	r.Gateway.mu.Lock()
	r.held[anna.Peer] = maxPeer
	r.Gateway.mu.Unlock()
	if _, _, err := r.ask(mapping.Map{ID: "1", Network: "tcp"}); api.KindOf(err) != api.KindQuota {
		t.Error(err)
	}
	r.Gateway.mu.Lock()
	for i := range maxAll {
		r.by[key{bert.Peer, api.MappingID(strconv.Itoa(i))}] = &carried{}
	}
	r.held[anna.Peer] = 0
	r.Gateway.mu.Unlock()
	if _, _, err := r.ask(mapping.Map{ID: "1", Network: "tcp"}); api.KindOf(err) != api.KindQuota || !strings.Contains(err.Error(), strconv.Itoa(maxAll)) {
		t.Error(err)
	}
}

// Whatever members call their mappings, their gateway's owner ends the one he means.
func TestClosesTheOneThatIsMeant(t *testing.T) {
	r := newRig(t, Limits{})
	var mappers []wire.Stream
	for _, id := range []api.MappingID{"..", "a/b"} {
		for _, from := range []api.Caller{anna, bert} {
			st, _, err := r.askAs(from, mapping.Map{ID: id, Network: "tcp"})
			if err != nil {
				t.Fatal(err)
			}
			mappers = append(mappers, st)
		}
	}
	for all := r.List(); len(all) > 0; all = all[1:] {
		if _, err := ulid.ParseStrict(string(all[0].ID)); err != nil {
			t.Errorf("%q: %v", all[0].ID, err)
		}
		if err := r.Close(all[0].ID); err != nil {
			t.Error(err)
		}
		st := mappers[len(mappers)-len(all)]
		_ = st.SetReadDeadline(time.Now().Add(20 * time.Second))
		if kind, _, err := wire.ReadOne(st, mapping.MaxFrame); err != nil || kind != mapping.KindFail {
			t.Fatalf("the mapper reads frame %d, %v", kind, err)
		}
		st.Close()
		if left := r.List(); !slices.EqualFunc(left, all[1:], func(x, y api.Carried) bool { return reflect.DeepEqual(x, y) }) {
			t.Fatalf("%+v are left of %+v", left, all)
		}
	}
}

// When a mapping is closed, or is allowed no more and that is waited for, another may have
// its place at once.
func TestEndedIsGone(t *testing.T) {
	for name, end := range map[string]func(r *rig){
		"closed": func(r *rig) {
			for _, m := range r.List() {
				if err := r.Close(m.ID); err != nil {
					t.Error(err)
				}
			}
		},
		"withdrawn": func(r *rig) { r.Recheck(map[api.PeerID]api.Role{bert.Peer: api.RoleMember})() },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Limits{})
			for range 20 {
				_, port := r.open(mapping.Map{ID: "1", Network: "tcp"})
				if c := dial(t, "tcp", port); !echoes(c) {
					t.Fatal("no echo")
				}
				r.open(domain("2", "app.example.org"))
				end(r)
				for _, req := range []mapping.Map{{ID: "1", Network: "tcp", First: port}, domain("2", "app.example.org")} {
					if _, _, err := r.askAs(bert, req); err != nil {
						t.Fatal(err)
					}
				}
				r.Recheck(nil)()
				if left := r.List(); len(left) > 0 {
					t.Fatalf("%+v are left", left)
				}
			}
		})
	}
}

// However many ports a gateway listens on, the ones that are free are found.
func TestFindsTheFreePort(t *testing.T) {
	r := newRig(t, Limits{})
	want, others := conntest.FreePort(t, 2), []int{}
	for port := 1024; len(others) < maxAll-1; port++ {
		if port != want {
			others = append(others, port)
		}
	}
	r.cfg.Ports = func(api.Caller) iter.Seq[int] { return slices.Values(append(others, want)) }
	r.Gateway.mu.Lock()
	for i, port := range others {
		r.by[key{bert.Peer, api.MappingID(strconv.Itoa(i))}] = &carried{first: port, req: mapping.Map{Network: "tcp", Ports: 1}}
	}
	r.Gateway.mu.Unlock()
	if _, first := r.open(mapping.Map{ID: "1", Network: "tcp"}); first != want {
		t.Errorf("port %d, want %d", first, want)
	}
}

// Nor does it matter how many places of a range one port spoils that another
// program holds. Where all is taken, that is what is said.
func TestFindsTheFreeRange(t *testing.T) {
	r := newRig(t, Limits{})
	const size, spoiled = mapping.MaxPorts, 5 // of more places than are tried
	first := 30_000 + rand.IntN(2_300)        // between package freeport's and those that systems give out
	for i := 1; i <= spoiled; i++ {
		if ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(first+i*size-1))); err == nil {
			defer ln.Close()
		}
	}
	last := first + spoiled*size
	r.cfg.Ports = func(api.Caller) iter.Seq[int] {
		return func(yield func(int) bool) {
			for port := first; port <= last && yield(port); port++ {
			}
		}
	}
	if _, got := r.open(mapping.Map{ID: "1", Network: "tcp", Ports: size}); got != last {
		t.Errorf("port %d, want %d", got, last)
	}
	_, _, err := r.ask(mapping.Map{ID: "2", Network: "tcp", Ports: size})
	if api.KindOf(err) != api.KindConflict || !strings.Contains(err.Error(), "no 64 ports side by side free") {
		t.Error(err)
	}
}

func TestListensAt(t *testing.T) {
	r := newRig(t, Limits{})
	secure := r.cfg.Front.Port()
	if r.ListensAt("tcp", secure) {
		t.Error("for domains, of which there are none")
	}
	r.open(domain("1", "app.example.org"))
	_, first := r.open(mapping.Map{ID: "2", Network: "udp", First: conntest.FreePort(t, 2), Ports: 2})
	for at, want := range map[string]bool{"tcp": false, "udp": true} {
		if r.ListensAt(at, first) != want || r.ListensAt(at, first+1) != want || r.ListensAt(at, first+2) || r.ListensAt(at, first-1) {
			t.Errorf("%s: not that it listens is %v", at, want)
		}
	}
	if !r.ListensAt("tcp", secure) || r.ListensAt("udp", secure) {
		t.Error("where it listens for domains")
	}
	r.cfg.Hosts = []string{"192.0.2.1"}
	if r.ListensAt("udp", first) || r.ListensAt("tcp", secure) {
		t.Error("on loopback, and it listens elsewhere")
	}
}

func TestClientsThatMay(t *testing.T) {
	r := newRig(t, Limits{})
	_, closed := r.open(mapping.Map{ID: "1", Network: "tcp", Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	_, open := r.open(mapping.Map{ID: "2", Network: "tcp", Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8")}})
	if c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(closed))); err == nil && echoes(c) {
		t.Error("who may not was let in")
	}
	if !echoes(dial(t, "tcp", open)) {
		t.Error("who may was not let in")
	}
}

// Thousands of clients that say nothing take no more than is allowed, and leave
// nothing behind.
func TestManyClients(t *testing.T) {
	n := ring.Size(300, 10_000)
	r := newRig(t, Limits{Connections: 60, PerMapping: 50, PerClient: 40, NewPerSecond: 1_000_000, Idle: time.Hour, Longest: time.Hour})
	_, first := r.open(mapping.Map{ID: "1", Network: "tcp"})
	for range n {
		if c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(first))); err == nil {
			t.Cleanup(func() { c.Close() })
		}
	}
	eventually(t, func() bool { l := r.List()[0]; return l.Total+l.Refused == int64(n) })
	if l := r.List()[0]; l.Open != 40 {
		t.Errorf("%d of %d are in, want 40", l.Open, n)
	}
}

func TestNewConnectionsASecond(t *testing.T) {
	r := newRig(t, Limits{Connections: 99, PerMapping: 99, PerClient: 99, NewPerSecond: 1, Idle: time.Hour, Longest: time.Hour})
	for i := 0; ; i++ {
		_, first := r.open(mapping.Map{ID: api.MappingID(strconv.Itoa(i)), Network: "tcp"})
		began := time.Now()
		if !echoes(dial(t, "tcp", first)) {
			t.Fatal("the first was turned away")
		}
		c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(first)))
		if err != nil {
			return
		}
		t.Cleanup(func() { c.Close() })
		switch in, took := echoes(c), time.Since(began); {
		case !in:
			return
		case took < time.Second:
			t.Fatal("the second of the same second was let in")
		case i == 20:
			t.Fatal("no second was long enough for two")
		}
	}
}

// A client that has as many as it may takes no turn of others.
func TestFullClientTakesNoTurn(t *testing.T) {
	r := newRig(t, Limits{Connections: 99, PerMapping: 99, PerClient: 1, NewPerSecond: 2, Idle: time.Hour, Longest: time.Hour})
	r.open(mapping.Map{ID: "1", Network: "tcp"})
	m := r.by[key{anna.Peer, "1"}]
	for i, client := range []string{"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"} {
		c, err := m.enter(netip.MustParseAddr(client), func() {})
		if full := i == 1 || i == 2; full != (err != nil) {
			t.Errorf("client %d, %s: %v", i, client, err)
		}
		if err == nil {
			defer m.leave(c)
		}
	}
}

func TestStaleConnections(t *testing.T) {
	for name, after := range map[string]time.Duration{"idle": 61 * time.Minute, "old": 3 * time.Hour} {
		r := newRig(t, Limits{})
		_, first := r.open(mapping.Map{ID: "1", Network: "tcp"})
		c := dial(t, "tcp", first)
		if !echoes(c) {
			t.Fatal("no echo")
		}
		r.endStale(time.Now())
		r.endStale(time.Now().Add(59 * time.Minute))
		if !echoes(c) {
			t.Errorf("%s: ended too early", name)
		}
		if name == "old" {
			r.endStale(time.Now().Add(119 * time.Minute))
		}
		r.endStale(time.Now().Add(59*time.Minute + after))
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: %v, want a reset", name, err)
		}
	}
}

// What the owner or the network takes back ends at once, with its connections, and
// its mapper hears why.
func TestWithdrawn(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*rig)
		kind api.Kind
	}{
		"closed":  {func(r *rig) { _ = r.Close(r.List()[0].ID) }, api.KindWithdrawn},
		"revoked": {func(r *rig) { r.Recheck(nil) }, api.KindDenied},
		"policy": {func(r *rig) {
			r.mu.Lock()
			r.denied = true
			r.mu.Unlock()
			r.Recheck(map[api.PeerID]api.Role{anna.Peer: api.RoleMember})
		}, api.KindDenied},
	} {
		r := newRig(t, Limits{})
		st, first := r.open(mapping.Map{ID: "1", Network: "tcp"})
		r.Recheck(map[api.PeerID]api.Role{anna.Peer: api.RoleMember}) // nothing changed: it stays
		client := dial(t, "tcp", first)
		if !echoes(client) {
			t.Fatal("no echo")
		}
		c.end(r)
		if _, err := client.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: the client reads %v, want a reset", name, err)
		}
		kind, payload, err := wire.ReadOne(st, mapping.MaxFrame)
		if err != nil || kind != mapping.KindFail {
			t.Fatalf("%s: the mapper reads frame %d, %v", name, kind, err)
		}
		if err := problem(t, payload); api.KindOf(err) != c.kind {
			t.Errorf("%s: the mapper hears %v", name, err)
		}
	}
	if err := newRig(t, Limits{}).Close("nobody"); api.KindOf(err) != api.KindNotFound {
		t.Error(err)
	}
}

// A mapper that restarted before the gateway knew gets its port back.
func TestTakesItsOwnPlace(t *testing.T) {
	r := newRig(t, Limits{})
	old, first := r.open(mapping.Map{ID: "1", Network: "tcp"})
	if _, again := r.open(mapping.Map{ID: "1", Network: "tcp", First: first}); again != first {
		t.Errorf("port %d, then %d", first, again)
	}
	if _, err := old.Read(make([]byte, 1)); err == nil {
		t.Error("the first one goes on")
	}
	if l := r.List(); len(l) != 1 {
		t.Errorf("%+v", l)
	}
}

// What a member sends first is refused or served, never a panic.
func FuzzMap(f *testing.F) {
	f.Add([]byte(`{"id":"1","network":"tcp","ports":1,"first":80,"allow":["10.0.0.0/8"]}`))
	f.Add([]byte(`{"id":"1","network":"udp","ports":99999,"allow":["x"]}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		var req mapping.Map
		if wire.Decode(payload, &req) != nil || req.Check() != nil {
			return
		}
		if last := max(req.First, req.Prefer) + req.Ports - 1; last > 65535 || req.Ports > mapping.MaxPorts {
			t.Errorf("%+v is taken", req)
		}
	})
}
