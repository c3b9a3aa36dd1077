package gateway

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/gateway/web"
	"github.com/Akilan1999/p2p-rendering-computation/internal/conntest"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/mapping"
)

// claims keeps them in memory.
type claims struct {
	mu   sync.Mutex
	docs map[string][]byte
}

func (c *claims) Load(_ context.Context, fn func([]byte) error) error {
	for _, doc := range c.docs {
		if err := fn(doc); err != nil {
			return err
		}
	}
	return nil
}

func (c *claims) Save(_ context.Context, key string, v any) error {
	doc, err := json.Marshal(v)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.docs == nil {
		c.docs = map[string][]byte{}
	}
	c.docs[key] = doc
	return err
}

func (c *claims) Drop(_ context.Context, key string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.docs, key)
	return nil
}

func (c *claims) has() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.docs))
}

// newFront finds neither a CA nor a name server.
func newFront(t *testing.T) *web.Front {
	return web.New(web.Config{
		Hosts: []string{"127.0.0.1"}, HTTPS: conntest.FreePort(t, 1), ACME: web.ACME{Directory: "https://127.0.0.1:1/", Kept: t.TempDir()}, Resolver: "127.0.0.1:1",
		Here: func() string { return "127.0.0.1" }, Clients: 100, PerClient: 100, Requests: 100, Log: slog.New(slog.DiscardHandler),
	})
}

func domain(id api.MappingID, name string) mapping.Map {
	return mapping.Map{ID: id, Network: mapping.TLS, Domain: name}
}

// letGo has a mapper let its domain go, and waits until that is done.
func (r *rig) letGo(st wire.Stream) {
	r.t.Helper()
	if err := wire.NewWriter(st, mapping.MaxFrame).Send(mapping.KindLeave, struct{}{}); err != nil {
		r.t.Fatal(err)
	}
	ended(r.t, st)
}

// ended waits until a gateway ends a mapping.
func ended(t *testing.T, st wire.Stream) {
	t.Helper()
	_ = st.SetReadDeadline(time.Now().Add(20 * time.Second))
	for rd := wire.NewReader(st, mapping.MaxFrame); ; {
		if kind, _, err := rd.Next(); err != nil || kind == mapping.KindFail {
			return
		}
	}
}

func TestDomainIsItsFirstMembers(t *testing.T) {
	r := newRig(t, Limits{})
	if _, _, err := r.ask(mapping.Map{ID: "1", Network: "https", Domain: "App.example.org"}); api.KindOf(err) != api.KindInvalid {
		t.Error(err)
	}
	st, first := r.open(domain("1", "app.example.org"))
	if first != r.cfg.Front.Port() {
		t.Errorf("port %d", first)
	}
	refused := func(from api.Caller, id api.MappingID, words string) {
		t.Helper()
		if _, _, err := r.askAs(from, domain(id, "app.example.org")); api.KindOf(err) != api.KindConflict || !strings.Contains(err.Error(), words) {
			t.Errorf("%v, want %q", err, words)
		}
	}
	refused(bert, "1", "app.example.org is name's")
	refused(anna, "2", "app.example.org is mapped already")
	again, _ := r.open(domain("1", "app.example.org")) // its mapper restarted
	ended(t, st)

	again.Reset() // it is away
	eventually(t, func() bool { return len(r.List()) == 1 && r.List()[0].Away })
	refused(bert, "1", "app.example.org is name's")
	if c := r.List()[0]; c.Peer != anna.Peer || c.Domain != "app.example.org" || c.Network != "tls" {
		t.Errorf("%+v", c)
	}
	st, _ = r.open(domain("3", "app.example.org"))
	r.letGo(st)
	if l := r.List(); len(l) != 0 {
		t.Errorf("it was let go: %+v", l)
	}
	if docs := r.kept.has(); len(docs) != 0 {
		t.Errorf("%q are written down", docs)
	}
	st, _, err := r.askAs(bert, domain("1", "app.example.org"))
	if err != nil {
		t.Fatal(err)
	}
	r.letGo(st)
	lasting := domain("1", "app.example.org")
	lasting.Lasting = true
	st, _ = r.open(lasting)
	st.Reset()
	st, _ = r.open(lasting) // another path lets it go, too
	r.letGo(st)
	if l := r.List(); len(l) != 0 {
		t.Errorf("it was let go: %+v", l)
	}
}

// What a gateway knew of domains it knows after a restart, however it ended.
func TestDomainsOverRestarts(t *testing.T) {
	r := newRig(t, Limits{})
	r.open(domain("1", "app.example.org"))
	next := newRig(t, Limits{})
	next.kept.docs = maps.Clone(r.kept.docs)
	if err := next.loadClaims(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := next.askAs(bert, domain("1", "app.example.org")); api.KindOf(err) != api.KindConflict {
		t.Error(err)
	}
	next.kept.docs["x"] = []byte("{")
	if err := next.loadClaims(t.Context()); api.KindOf(err) != api.KindCorrupt {
		t.Error(err)
	}
}

// A domain is nobody's when its owner closes it, when its member is none, or after
// a month without a mapping.
func TestDomainIsNobodys(t *testing.T) {
	both := map[api.PeerID]api.Role{anna.Peer: api.RoleMember, bert.Peer: api.RoleMember}
	for name, end := range map[string]func(*rig){
		"closed":      func(r *rig) { _ = r.Close(r.List()[0].ID) },
		"closed away": func(r *rig) { r.away(); _ = r.Close(r.List()[0].ID) },
		"revoked":     func(r *rig) { r.Recheck(map[api.PeerID]api.Role{bert.Peer: api.RoleMember}) },
		"gone":        func(r *rig) { r.away(); r.keepClaims(t.Context(), time.Now().Add(keptAway+time.Minute)) },
	} {
		r := newRig(t, Limits{})
		r.open(domain("1", "app.example.org"))
		r.Recheck(both)
		r.keepClaims(t.Context(), time.Now().Add(keptAway+time.Minute)) // it is mapped all the time
		if docs := r.kept.has(); len(docs) != 1 {
			t.Fatalf("%s: %q are written down", name, docs)
		}
		end(r)
		eventually(t, func() bool { return len(r.kept.has()) == 0 })
		eventually(t, func() bool { return len(r.List()) == 0 })
		if _, _, err := r.askAs(bert, domain("1", "app.example.org")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// away ends the mapping of a domain.
func (r *rig) away() {
	r.t.Helper()
	r.withdraw(func(*carried) error { return context.Canceled })
	eventually(r.t, func() bool { return r.List()[0].Away })
}

// A mapping that was not had leaves no claim behind.
func TestDomainThatWasNotHad(t *testing.T) {
	r := newRig(t, Limits{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	cfg := web.Config{Hosts: []string{"127.0.0.1"}, HTTPS: ln.Addr().(*net.TCPAddr).Port, Here: func() string { return "" }}
	r.cfg.Front = web.New(cfg)
	if _, _, err := r.ask(domain("1", "app.example.org")); api.KindOf(err) != api.KindConflict {
		t.Errorf("a port that is taken: %v", err)
	}
	r.mu.Lock()
	r.denied = true
	r.mu.Unlock()
	if _, _, err := r.ask(domain("1", "app.example.org")); api.KindOf(err) != api.KindDenied || !strings.Contains(err.Error(), "domain:app.example.org") {
		t.Errorf("not allowed: %v", err)
	}
	if docs := r.kept.has(); len(docs) != 0 || len(r.List()) != 0 {
		t.Errorf("%q are written down", docs)
	}
}

func TestMostDomains(t *testing.T) {
	r := newRig(t, Limits{})
	for i := range maxPeer {
		name := strings.Repeat("a", i+1) + ".example"
		r.claims[name] = &claim{Domain: name, Peer: anna.Peer, Seen: time.Now()}
	}
	if _, _, err := r.ask(domain("1", "app.example.org")); api.KindOf(err) != api.KindQuota {
		t.Error(err)
	}
	if _, _, err := r.askAs(bert, domain("1", "app.example.org")); err != nil {
		t.Error(err)
	}
}

// A domain's clients are a mapping's: they count, may or may not, and end with it.
func TestDomainsClients(t *testing.T) {
	r := newRig(t, Limits{Connections: 9, PerMapping: 9, PerClient: 1, NewPerSecond: 99, Idle: time.Hour, Longest: time.Hour})
	closed := domain("1", "closed.example")
	closed.Allow = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	r.open(closed)
	st, first := r.open(domain("2", "app.example"))
	said := func(name string) string { return string(helloFor(t, name)) }
	greet := func(name string) (net.Conn, string) {
		c := dial(t, "tcp", first)
		if _, err := io.WriteString(c, said(name)); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(said(name)))
		n, _ := io.ReadFull(c, got)
		return c, string(got[:n])
	}
	if _, got := greet("closed.example"); got != "" {
		t.Errorf("who may not heard %q", got)
	}
	c, got := greet("app.example")
	if len(got) != len(said("app.example")) {
		t.Fatalf("%d bytes came back", len(got))
	}
	if _, got := greet("app.example"); got != "" {
		t.Errorf("one too many heard %q", got)
	}
	r.mu.Lock()
	begin := r.begun[0]
	r.mu.Unlock()
	if begin.ID != "2" || begin.Client != c.LocalAddr().(*net.TCPAddr).AddrPort() || begin.Server != c.RemoteAddr().(*net.TCPAddr).AddrPort() {
		t.Errorf("%+v", begin)
	}
	l := r.List()
	if l[1].Open != 1 || l[1].Refused != 1 || l[1].BytesIn == 0 || l[1].BytesOut == 0 || l[0].Refused != 1 {
		t.Errorf("%+v", l)
	}
	if err := r.Close(l[1].ID); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("the client reads %v, want a reset", err)
	}
	ended(t, st)
}

// They go on when the path to the mapper breaks.
func TestDomainsClientsOutliveThePath(t *testing.T) {
	r := newRig(t, Limits{})
	req := domain("1", "app.example")
	req.Lasting = true
	control, first := r.open(req)
	c := dial(t, "tcp", first)
	hello := helloFor(t, "app.example")
	if _, err := c.Write(hello); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, hello); err != nil {
		t.Fatal(err)
	}
	r.cut(control)
	if !echoes(c) {
		t.Error("no echo when its mapper is expected back")
	}
	r.open(req)
	if !echoes(c) {
		t.Error("no echo afterwards")
	}
}

// helloFor is how a client begins that wants a domain.
func helloFor(t *testing.T, name string) []byte {
	near, far := net.Pipe()
	go func() {
		_ = tls.Client(near, &tls.Config{ServerName: name}).Handshake()
		near.Close()
	}()
	defer far.Close()
	b := make([]byte, 16<<10)
	n, err := far.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

// The mapper hears what its domain waits for.
func TestDomainSaysWhatItWaitsFor(t *testing.T) {
	r := newRig(t, Limits{})
	st, _ := r.open(domain("1", "app.example"))
	_ = st.SetReadDeadline(time.Now().Add(20 * time.Second))
	for rd := wire.NewReader(st, mapping.MaxFrame); ; {
		kind, payload, err := rd.Next()
		if err != nil {
			t.Fatal(err)
		}
		var s mapping.State
		if kind == mapping.KindState && wire.Decode(payload, &s) == nil && strings.Contains(s.Waits, "nobody could say where app.example leads") {
			return
		}
	}
}
