package forward

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/bufpipe"
	"github.com/Akilan1999/p2p-rendering-computation/internal/leak"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/datagrams"
	"github.com/Akilan1999/p2p-rendering-computation/wire/tunnel"
)

func TestMain(m *testing.M) { leak.Main(m) }

// peers are members that echo, refuse, are silent or are away.
type peers struct {
	mu    sync.Mutex // guards asked
	asked []tunnel.Open
	wg    sync.WaitGroup
}

func (p *peers) Known(name string) error {
	return api.Errorf(api.KindNotFound, "there is no container %q", name)
}
func (p *peers) Session(context.Context, string) (wire.Stream, error) { panic("no containers") }
func (p *peers) OpenLane(ctx context.Context, peer api.PeerID, protocol string) (wire.Stream, error) {
	return p.OpenStream(ctx, peer, protocol)
}

func (p *peers) KeepLanes(api.PeerID) {}

func (p *peers) OpenStream(_ context.Context, peer api.PeerID, _ string) (wire.Stream, error) {
	if peer == "away" {
		return nil, api.Errorf(api.KindUnavailable, "away is not there")
	}
	near, far := bufpipe.Pair(1 << 10)
	p.wg.Go(func() {
		defer far.Close()
		_, payload, err := wire.ReadOne(far, tunnel.MaxOpen)
		var to tunnel.Open
		if err != nil || wire.Decode(payload, &to) != nil {
			return
		}
		p.mu.Lock()
		p.asked = append(p.asked, to)
		p.mu.Unlock()
		w := wire.NewWriter(far, datagrams.Max)
		if peer == "silent" {
			io.Copy(io.Discard, far)
			return
		}
		if peer == "closed" {
			w.Send(tunnel.KindFail, api.ProblemOf(api.Errorf(api.KindDenied, "not you"), false))
			return
		}
		var ready tunnel.Ready
		if peer == "lasting" { // whether or not that was asked for
			ready.Token = "x"
		}
		w.Send(tunnel.KindReady, ready)
		if to.Network == "tcp" {
			io.Copy(far, far)
			return
		}
		for r := wire.NewReader(far, datagrams.Max); ; {
			kind, p, err := r.Next()
			if err != nil || w.Write(kind, p) != nil {
				return
			}
		}
	})
	return near, nil
}

// forwarding runs a forward and returns where it listens and what it tells.
func forwarding(t *testing.T, spec api.ForwardSpec) (at string, told <-chan api.ForwardEvent, p *peers) {
	t.Helper()
	p = &peers{}
	f := New(Config{Dial: p, Containers: p, Log: slog.New(slog.DiscardHandler), Resolve: func(name string) (api.PeerID, error) { return api.PeerID(name), nil }})
	ctx, cancel := context.WithCancel(t.Context())
	events, done := make(chan api.ForwardEvent, 100), make(chan error, 1)
	go func() {
		done <- f.Run(ctx, spec, func(e api.ForwardEvent) error { events <- e; return nil })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		p.wg.Wait()
	})
	return (<-events).Listening, events, p
}

func TestConnections(t *testing.T) {
	at, told, p := forwarding(t, api.ForwardSpec{Peers: []string{"away", "closed", "good"}, Host: "nas", Port: 445})
	big := bytes.Repeat([]byte("0123456789abcdef"), 50_000)
	for range 2 {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			c.Write(big)
			c.(*net.TCPConn).CloseWrite()
		}()
		got, err := io.ReadAll(c)
		if err != nil || !bytes.Equal(got, big) {
			t.Fatalf("%d bytes of %d, %v", len(got), len(big), err)
		}
		c.Close()
	}
	for e := range told {
		if e.Problem != nil {
			t.Fatalf("a connection that another peer took is told as a problem: %+v", e.Problem)
		}
		if e.Total == 2 && e.Open == 0 {
			if want := 2 * int64(len(big)); e.BytesIn != want || e.BytesOut != want {
				t.Errorf("%+v", e)
			}
			break
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.asked) != 4 || p.asked[0] != (tunnel.Open{Network: "tcp", Host: "nas", Port: 445, Lasting: true}) {
		t.Errorf("asked %+v", p.asked)
	}
}

func TestRefusedConnection(t *testing.T) {
	at, told, _ := forwarding(t, api.ForwardSpec{Peers: []string{"closed"}, Port: 80})
	c, err := net.Dial("tcp", at)
	if err == nil { // else the reset came before the connect was over
		defer c.Close()
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("read %v, want a reset", err)
		}
	}
	for e := range told {
		if e.Problem != nil {
			if err := e.Problem.Err(); api.KindOf(err) != api.KindDenied {
				t.Error(err)
			}
			return
		}
	}
}

// A peer that takes a connection and says nothing is given up.
func TestSilentPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &peers{}
		f := New(Config{Dial: p, Log: slog.New(slog.DiscardHandler)})
		began := time.Now()
		if st, err := f.Connect(t.Context(), "silent", tunnel.Open{Network: "tcp", Port: 1}); api.KindOf(err) != api.KindTimeout || time.Since(began) != openWait {
			t.Errorf("%v, %v after %v", st, err, time.Since(began))
		}
		p.wg.Wait()
	})
}

func TestDatagrams(t *testing.T) {
	good, _, _ := forwarding(t, api.ForwardSpec{Peers: []string{"away", "good"}, Network: "udp", Port: 53})
	// A peer that offers more than it was asked for breaks nothing.
	lasting, _, _ := forwarding(t, api.ForwardSpec{Peers: []string{"lasting"}, Network: "udp", Port: 53})
	for text, at := range map[string]string{"one": good, "two": good, "three": lasting} {
		c, err := net.Dial("udp", at)
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(10 * time.Second))
		c.Write([]byte(text))
		buf := make([]byte, 10)
		n, err := c.Read(buf)
		if err != nil || string(buf[:n]) != text {
			t.Errorf("%q, %v", buf[:n], err)
		}
		c.Close()
	}
}

func TestBadSpecs(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	taken := ln.Addr().(*net.TCPAddr).Port
	p := &peers{}
	f := New(Config{Dial: p, Containers: p, Log: slog.New(slog.DiscardHandler), Resolve: func(name string) (api.PeerID, error) {
		if name == "nobody" {
			return "", api.Errorf(api.KindNotFound, "no peer")
		}
		return api.PeerID(name), nil
	}})
	for name, c := range map[string]struct {
		spec api.ForwardSpec
		kind api.Kind
	}{
		"nowhere":         {api.ForwardSpec{Port: 1}, api.KindInvalid},
		"no port":         {api.ForwardSpec{Peers: []string{"good"}}, api.KindInvalid},
		"unknown peer":    {api.ForwardSpec{Peers: []string{"good", "nobody"}, Port: 1}, api.KindNotFound},
		"unknown box":     {api.ForwardSpec{Container: "box", Port: 1}, api.KindNotFound},
		"udp into a box":  {api.ForwardSpec{Container: "box", Network: "udp", Port: 1}, api.KindInvalid},
		"box and peer":    {api.ForwardSpec{Container: "box", Peers: []string{"good"}, Port: 1}, api.KindInvalid},
		"local port used": {api.ForwardSpec{Peers: []string{"good"}, Port: 1, Local: taken}, api.KindConflict},
	} {
		err := f.Run(t.Context(), c.spec, func(api.ForwardEvent) error { return errors.New("it listens") })
		if api.KindOf(err) != c.kind {
			t.Errorf("%s: %v, want %s", name, err, c.kind)
		}
	}
	if _, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(taken))); err != nil {
		t.Error(err)
	}
}
