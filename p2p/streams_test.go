package p2p

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

func TestStreamsBetweenMembers(t *testing.T) {
	nodes := newPool(t, 2)
	a, b := nodes[0], nodes[1]
	b.Handle("/test/echo/1", func(_ context.Context, from api.Caller, s wire.Stream) {
		if from.Peer != a.ID() || from.Role != api.RoleAdmin || from.Owner {
			t.Errorf("the caller is %v", from)
		}
		if _, err := io.Copy(s, s); err != nil {
			t.Error(err)
		}
	})
	st, err := a.OpenStream(t.Context(), b.ID(), "/test/echo/1")
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Repeat([]byte("0123456789"), 50_000)
	sent := make(chan error, 1)
	go func() {
		_, err := st.Write(want)
		sent <- errors.Join(err, st.CloseWrite())
	}()
	got, err := io.ReadAll(st)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes came back, %v", len(got), err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	_, err = a.OpenStream(t.Context(), b.ID(), "/test/nobody/1")
	if api.KindOf(err) != api.KindUnsupported {
		t.Errorf("an unknown protocol: %v", err)
	}
	_, err = a.OpenStream(t.Context(), "12D3KooWNobody", "/test/echo/1")
	kindIs(t, err, api.KindNotFound, "an unknown peer")
	if _, err = a.OpenStream(t.Context(), a.ID(), "/test/echo/1"); api.KindOf(err) != api.KindInvalid {
		t.Errorf("a stream to itself: %v", err)
	}
	b.down()
	a.until("knows that it is gone", func() bool { return a.sees(b, api.PeerDead) })
	_, err = a.OpenStream(t.Context(), b.ID(), "/test/echo/1")
	if k := api.KindOf(err); k != api.KindUnavailable && k != api.KindTimeout {
		t.Errorf("a stopped peer: %v", err)
	}
	_, err = b.OpenStream(t.Context(), a.ID(), "/test/echo/1")
	kindIs(t, err, api.KindUnavailable, "while stopped")
}

func TestHTTPOverStreams(t *testing.T) {
	nodes := newPool(t, 2)
	a, b := nodes[0], nodes[1]
	l := b.Listener("/test/http/1")
	type key struct{}
	srv := &http.Server{
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			caller, ok := CallerOf(c)
			if !ok {
				t.Error("a connection without a caller")
			}
			return context.WithValue(ctx, key{}, caller)
		},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			fmt.Fprintf(w, "%s said %s", r.Context().Value(key{}).(api.Caller).Peer, body)
		}),
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return a.DialConn(ctx, b.ID(), "/test/http/1")
	}}
	client := &http.Client{Transport: tr}
	for i := range 20 {
		res, err := client.Post("http://peer/x", "text/plain", strings.NewReader(fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		if err := errors.Join(err, res.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("%s said %d", a.ID(), i); string(got) != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	tr.CloseIdleConnections()
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
	if _, ok := CallerOf(&net.TCPConn{}); ok {
		t.Error("any connection has a caller")
	}
}

func TestStreamsOfOneMemberAreBounded(t *testing.T) {
	nodes := newPool(t, 2)
	a, b := nodes[0], nodes[1]
	b.Handle("/test/hold/1", func(ctx context.Context, _ api.Caller, s wire.Stream) {
		if _, err := s.Write([]byte("x")); err == nil {
			<-ctx.Done()
		}
	})
	for i := range maxPeerStreams + 50 {
		st, err := a.OpenStream(t.Context(), b.ID(), "/test/hold/1")
		if err == nil {
			if _, err = st.Write([]byte("y")); err == nil {
				_, err = st.Read(make([]byte, 1))
			}
		}
		if over := i >= maxPeerStreams; over != (err != nil) {
			t.Fatalf("stream %d: %v", i, err)
		}
	}
	if got := b.Counters()["refused_streams"]; got != 50 {
		t.Errorf("counted %d", got)
	}
}

// A protocol that bounds its own streams takes nothing from the others, lets nobody
// have more of those, and only whom it means have many.
func TestStreamsOfAProtocolThatBoundsThem(t *testing.T) {
	nodes := newPool(t, 3)
	a, b, c := nodes[0], nodes[1], nodes[2]
	hold := func(ctx context.Context, _ api.Caller, s wire.Stream) {
		if _, err := s.Write([]byte("x")); err == nil {
			<-ctx.Done()
		}
	}
	const many = 2*maxPeerStreams + 50 // more than anybody has on the way
	b.Handle("/test/hold/1", hold)
	b.HandleUpTo("/test/many/1", func(p api.PeerID) int {
		if p == a.ID() {
			return many
		}
		return 0
	}, hold)
	open := func(from *peerNode, protocol string) error {
		st, err := from.OpenStream(t.Context(), b.ID(), protocol)
		if err == nil {
			if _, err = st.Write([]byte("y")); err == nil {
				_, err = st.Read(make([]byte, 1))
			}
		}
		return err
	}
	for i := range many + 1 {
		if err := open(a, "/test/many/1"); (i == many) != (err != nil) {
			t.Fatalf("stream %d: %v", i, err)
		}
	}
	for i := range maxPeerStreams + 1 {
		if err := open(a, "/test/hold/1"); (i == maxPeerStreams) != (err != nil) {
			t.Fatalf("stream %d of the others: %v", i, err)
		}
	}
	if err := open(c, "/test/many/1"); err == nil {
		t.Error("who is not meant was let in")
	}
	if err := open(c, "/test/hold/1"); err != nil {
		t.Error(err)
	}
}

func TestResolve(t *testing.T) {
	nodes := newPool(t, 3)
	a, b := nodes[0], nodes[1]
	hostPort, err := hostPortOf(b)
	if err != nil {
		t.Fatal(err)
	}
	id := string(b.ID())
	for _, word := range []string{"n1", id, id[:len(id)-1], id[len(id)-8:], hostPort, b.Addrs()[0]} {
		if got, err := a.Resolve(word); err != nil || got != b.ID() {
			t.Errorf("%q: %s, %v", word, got, err)
		}
	}
	if got, err := a.Resolve("self"); err != nil || got != a.ID() {
		t.Errorf("self: %s, %v", got, err)
	}
	_, err = a.Resolve("12D3")
	kindIs(t, err, api.KindInvalid, "what every id begins with")
	_, err = a.Resolve("pluto")
	kindIs(t, err, api.KindNotFound, "pluto")
	if _, err := a.Resolve(b.cfg.Name + "x"); api.HintOf(err) != "did you mean "+b.cfg.Name+"?" {
		t.Errorf("a slip: %v, %s", err, api.HintOf(err))
	}
	b.Announce(func(r *api.Record) { r.Name, r.Meta, r.ID, r.Role = "n2", "hello\x1b[31m", "x", api.RoleAdmin })
	a.until("sees the new name", func() bool { p, _ := a.Peer(b.ID()); return p.Name == "n2" })
	if p, _ := a.Peer(b.ID()); p.Meta != "hello[31m" || p.Role != api.RoleMember {
		t.Errorf("meta %q, role %s", p.Meta, p.Role)
	}
	_, err = a.Resolve("n2")
	kindIs(t, err, api.KindInvalid, "a name that two have")
}

// hush keeps its connections open and says nothing any more, to nobody.
func (p *peerNode) hush() {
	p.t.Helper()
	silent := make(chan struct{})
	p.t.Cleanup(func() { close(silent) })
	hush := hushed{silent}
	p.session().host.SetStreamHandler(pingProtocol, hush.handle)
	p.session().host.SetStreamHandler(memberProtocol, hush.handle)
	for _, c := range p.session().host.Network().Conns() {
		for _, st := range c.GetStreams() {
			if st.Protocol() == pingProtocol && st.Stat().Direction == network.DirInbound { // its own ones go on
				if err := st.Reset(); err != nil {
					p.t.Error(err)
				}
			}
		}
	}
}

// A node that is there but does not answer is found out by pings alone.
func TestHungNodeIsFoundDead(t *testing.T) {
	nodes := newPool(t, 4)
	hung := nodes[3]
	for _, p := range nodes {
		p.until("is linked", func() bool { return p.session().linkCount() == 3 })
	}
	hung.hush()
	start := time.Now()
	for _, p := range nodes[:3] {
		p.until("marks the hung one", func() bool { return p.sees(hung, api.PeerDead) })
	}
	t.Logf("marked on all after %v", time.Since(start))
}
