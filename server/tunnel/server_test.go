package tunnel

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/bufpipe"
	"github.com/Akilan1999/p2p-rendering-computation/internal/conntest"
	"github.com/Akilan1999/p2p-rendering-computation/internal/leak"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/datagrams"
	"github.com/Akilan1999/p2p-rendering-computation/wire/resume"
	"github.com/Akilan1999/p2p-rendering-computation/wire/tunnel"
)

func TestMain(m *testing.M) { leak.Main(m) }

const (
	anna = api.PeerID("12D3KooWAnna")
	bert = api.PeerID("12D3KooWBert")
)

// rig is a server whose owner has some rules.
type rig struct {
	*Server
	t     *testing.T
	mu    sync.Mutex // guards rules
	rules []api.Rule
	own   int
}

func newRig(t *testing.T, resources ...string) *rig {
	r := &rig{t: t}
	r.allow(resources...)
	r.Server = New(Config{
		Rules: func() []api.Rule { r.mu.Lock(); defer r.mu.Unlock(); return r.rules },
		Lends: func(from api.Caller) string {
			if !from.Role.Borrows() {
				return "no member"
			}
			return ""
		},
		Own:     func(_ string, port int) bool { return port == r.own },
		Names:   func(api.PeerID) string { return "name" },
		Refused: func(api.Caller, error) {},
		Log:     slog.New(slog.DiscardHandler),
	})
	return r
}

// allow lets anna, and nobody else, reach resources.
func (r *rig) allow(resources ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rules = nil
	for _, res := range resources {
		r.rules = append(r.rules, api.Rule{Subject: string(anna), Action: api.ActionForward, Resource: res, Allow: true})
	}
}

// ask opens a stream as from, and says what the first answer is.
func (r *rig) ask(from api.Caller, to tunnel.Open) (wire.Stream, error) {
	r.t.Helper()
	near, far := bufpipe.Pair(64 << 10)
	over := make(chan struct{})
	go func() { defer close(over); r.Serve(r.t.Context(), from, far) }()
	r.t.Cleanup(func() { near.Reset(); <-over })
	if err := wire.NewWriter(near, tunnel.MaxOpen).Send(tunnel.KindOpen, to); err != nil {
		r.t.Fatal(err)
	}
	kind, payload, err := wire.ReadOne(near, tunnel.MaxOpen)
	if err != nil {
		return nil, err
	}
	if kind == tunnel.KindReady {
		return near, nil
	}
	var p api.Problem
	if err := wire.Decode(payload, &p); err != nil {
		r.t.Fatal(err)
	}
	return nil, p.Err()
}

func member(id api.PeerID) api.Caller { return api.Caller{Peer: id, Role: api.RoleMember} }

func TestConnection(t *testing.T) {
	port := conntest.Echo(t)
	r := newRig(t, api.PortResource(port))
	st, err := r.ask(member(anna), tunnel.Open{Network: "tcp", Port: port})
	if err != nil {
		t.Fatal(err)
	}
	big := bytes.Repeat([]byte("0123456789abcdef"), 100_000)
	sent := make(chan error, 1)
	go func() {
		_, err := st.Write(big)
		sent <- errors.Join(err, st.CloseWrite())
	}()
	if list := r.List(); len(list) != 1 || list[0].Peer != anna || list[0].Name != "name" {
		t.Errorf("listed %+v", list)
	}
	got, err := io.ReadAll(st) // ends because this side's end went through
	if err := errors.Join(err, <-sent); err != nil || !bytes.Equal(got, big) {
		t.Fatalf("%d bytes of %d came back, %v", len(got), len(big), err)
	}
}

func TestDatagrams(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var server sync.WaitGroup
	server.Go(func() {
		buf := make([]byte, 100)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			pc.WriteTo(bytes.ToUpper(buf[:n]), from)
		}
	})
	defer func() { pc.Close(); server.Wait() }()
	port := pc.LocalAddr().(*net.UDPAddr).Port
	r := newRig(t, api.PortResource(port))
	st, err := r.ask(member(anna), tunnel.Open{Network: "udp", Port: port})
	if err != nil {
		t.Fatal(err)
	}
	w, rd := wire.NewWriter(st, datagrams.Max), wire.NewReader(st, datagrams.Max)
	for _, s := range []string{"one", "", "three"} {
		if err := w.Write(tunnel.KindDatagram, []byte(s)); err != nil {
			t.Fatal(err)
		}
		kind, p, err := rd.Next()
		if err != nil || kind != tunnel.KindDatagram || string(p) != strings.ToUpper(s) {
			t.Fatalf("%q came back as %q, %v", s, p, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	port, free := conntest.Echo(t), conntest.Echo(t)
	r := newRig(t, api.PortResource(port), "host:localhost:*", "host:127.0.0.1:*", "host:[::1]:*", "host:169.254.169.254:80", "port:1")
	r.own = free
	r.allow(append([]string{api.PortResource(free)}, resources(r)...)...)
	for name, c := range map[string]struct {
		from api.Caller
		to   tunnel.Open
		kind api.Kind
	}{
		"another member":       {member(bert), tunnel.Open{Network: "tcp", Port: port}, api.KindDenied},
		"a role that may not":  {api.Caller{Peer: anna, Role: api.RoleLender}, tunnel.Open{Network: "tcp", Port: port}, api.KindDenied},
		"another port":         {member(anna), tunnel.Open{Network: "tcp", Port: port + 1}, api.KindDenied},
		"p2prc's own port":     {member(anna), tunnel.Open{Network: "tcp", Port: free}, api.KindDenied},
		"itself by a name":     {member(anna), tunnel.Open{Network: "tcp", Host: "localhost", Port: port}, api.KindDenied},
		"itself by IPv4":       {member(anna), tunnel.Open{Network: "tcp", Host: "127.0.0.1", Port: port}, api.KindDenied},
		"itself by IPv6":       {member(anna), tunnel.Open{Network: "udp", Host: "::1", Port: port}, api.KindDenied},
		"the metadata service": {member(anna), tunnel.Open{Network: "tcp", Host: "169.254.169.254", Port: 80}, api.KindDenied},
		"nobody listens":       {member(anna), tunnel.Open{Network: "tcp", Port: 1}, api.KindUnavailable},
		"no port":              {member(anna), tunnel.Open{Network: "tcp", Port: 0}, api.KindInvalid},
		"no network":           {member(anna), tunnel.Open{Network: "unix", Port: port}, api.KindInvalid},
		"no host":              {member(anna), tunnel.Open{Network: "tcp", Host: "a/b", Port: port}, api.KindInvalid},
	} {
		if _, err := r.ask(c.from, c.to); api.KindOf(err) != c.kind {
			t.Errorf("%s: %v, want %s", name, err, c.kind)
		}
	}
	if list := r.List(); len(list) != 0 {
		t.Errorf("refused, and yet open: %+v", list)
	}
}

func resources(r *rig) (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rule := range r.rules {
		all = append(all, rule.Resource)
	}
	return all
}

// A lasting connection goes on over another stream of the member whose it is, and
// ends, place and all, when it is taken back.
func TestLasting(t *testing.T) {
	port := conntest.Echo(t)
	r := newRig(t, api.PortResource(port))
	open := func(from api.Caller, kind wire.Kind, what any) (wire.Stream, tunnel.Ready, error) {
		near, far := bufpipe.Pair(64 << 10)
		over := make(chan struct{})
		go func() { defer close(over); r.Serve(t.Context(), from, far) }()
		t.Cleanup(func() { near.Reset(); <-over })
		if err := wire.NewWriter(near, tunnel.MaxOpen).Send(kind, what); err != nil {
			t.Fatal(err)
		}
		answer, payload, err := wire.ReadOne(near, tunnel.MaxOpen)
		var ready tunnel.Ready
		var p api.Problem
		switch {
		case err != nil:
		case answer == tunnel.KindReady:
			err = wire.Decode(payload, &ready)
		default:
			err = errors.Join(wire.Decode(payload, &p), p.Err())
		}
		return near, ready, err
	}
	first, ready, err := open(member(anna), tunnel.KindOpen, tunnel.Open{Network: "tcp", Port: port, Lasting: true})
	if err != nil || ready.Token == "" {
		t.Fatalf("%+v, %v", ready, err)
	}
	broken := false
	conn := resume.Dialed(first, func(_ context.Context, got int64) (wire.Stream, int64, error) {
		if _, _, err := open(member(bert), tunnel.KindResume, tunnel.Resume{Token: ready.Token, Got: got}); api.KindOf(err) != api.KindNotFound {
			t.Errorf("another member takes it up: %v", err)
		}
		broken = true
		st, again, err := open(member(anna), tunnel.KindResume, tunnel.Resume{Token: ready.Token, Got: got})
		return st, again.Got, err
	})
	defer conn.Reset()
	for _, text := range []string{"before", "after"} {
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(text))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != text {
			t.Fatalf("%q came back as %q, %v", text, got, err)
		}
		first.Reset()
	}
	if list := r.List(); !broken || len(list) != 1 {
		t.Errorf("broken %t, listed %+v", broken, list)
	}
	r.allow()
	r.Recheck(map[api.PeerID]api.Role{anna: api.RoleMember})
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("read %v, want that it broke", err)
	}
	eventually(t, func() bool { return len(r.List()) == 0 })
}

// What the owner, or the network, takes back ends at once.
func TestWithdrawn(t *testing.T) {
	port := conntest.Echo(t)
	for name, end := range map[string]func(*rig){
		"policy":     func(r *rig) { r.allow(); r.Recheck(map[api.PeerID]api.Role{anna: api.RoleMember}) },
		"revocation": func(r *rig) { r.Recheck(nil) },
		"close": func(r *rig) {
			if err := r.Close(r.List()[0].ID); err != nil {
				r.t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, api.PortResource(port))
			st, err := r.ask(member(anna), tunnel.Open{Network: "tcp", Port: port})
			if err != nil {
				t.Fatal(err)
			}
			r.Recheck(map[api.PeerID]api.Role{anna: api.RoleMember}) // nothing changed: it stays
			if _, err := st.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			if _, err := st.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			end(r)
			if _, err := st.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
				t.Errorf("read %v, want that it broke", err)
			}
		})
	}
	if err := newRig(t).Close("nobody"); api.KindOf(err) != api.KindNotFound {
		t.Error(err)
	}
}

// A member's connections are bounded, and its place is free again when one ends.
func TestQuota(t *testing.T) {
	port := conntest.Echo(t)
	r := newRig(t, api.PortResource(port))
	r.Server.mu.Lock()
	r.Server.held[anna] = maxPeer - 1
	r.Server.mu.Unlock()
	to := tunnel.Open{Network: "tcp", Port: port}
	st, err := r.ask(member(anna), to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.ask(member(anna), to); api.KindOf(err) != api.KindQuota {
		t.Errorf("one too many: %v", err)
	}
	if err := st.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(st); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return len(r.List()) == 0 })
	if _, err := r.ask(member(anna), to); err != nil {
		t.Error(err)
	}
	r.Server.mu.Lock()
	for range maxAll {
		c := &connection{}
		r.Server.open[c] = struct{}{}
	}
	r.Server.mu.Unlock()
	if _, err := r.ask(member(bert), to); api.KindOf(err) != api.KindQuota {
		t.Errorf("one too many of all: %v", err)
	}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for tick := time.NewTicker(time.Millisecond); !ok(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("not within 10 s")
		}
	}
}

// What a stranger sends first is refused, never a panic.
func FuzzOpen(f *testing.F) {
	f.Add([]byte(`{"network":"tcp","port":1}`))
	f.Add([]byte(`{"network":"udp","host":"x","port":99999}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		var to tunnel.Open
		if wire.Decode(payload, &to) != nil || to.Check() != nil {
			return
		}
		if r := newRig(t); r.allowed(member(anna), to) == nil {
			t.Errorf("%+v is allowed by no rule", to)
		}
	})
}
