package birthday

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	"github.com/multiformats/go-multiaddr"

	"github.com/Akilan1999/p2p-rendering-computation/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

var loopback = netip.MustParseAddr("127.0.0.1")

// node is a host on this machine, its transport and its address.
func node(t *testing.T) (host.Host, *Transport, netip.AddrPort) {
	t.Helper()
	h, err := libp2p.New(libp2p.Transport(NewTransport), libp2p.ListenAddrStrings("/ip4/127.0.0.1/udp/0/quic-v1"), libp2p.DisableRelay(), libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	a := h.Network().ListenAddresses()[0]
	udp, _, err := quicreuse.FromQuicMultiaddr(a)
	if err != nil {
		t.Fatal(err)
	}
	return h, h.Network().(*swarm.Swarm).TransportForDialing(a).(*Transport), netip.AddrPortFrom(loopback, uint16(udp.Port))
}

func until(ok func() bool) {
	t := time.NewTicker(time.Millisecond)
	defer t.Stop()
	for !ok() {
		<-t.C
	}
}

// Two nodes that know too little of each other's ports meet all the same, and what they
// are connected by is the socket that heard the other, until the connection ends.
func TestMeeting(t *testing.T) {
	hard, quic, _ := node(t)
	easy, probing, at := node(t)
	var socket *net.UDPConn
	for socket == nil { // one of 58 times they do not meet
		sockets, err := Open(at)
		if err != nil {
			t.Fatal(err)
		}
		n := NewNonce()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		done := make(chan error, 1)
		go func() {
			sent, err := probing.Probe(ctx, loopback, n)
			if sent == Tried {
				cancel()
			}
			done <- err
		}()
		if socket, err = sockets.Wait(ctx, n); err != nil && !errors.Is(err, errNotMet) {
			t.Fatal(err)
		}
		cancel()
		if err := errors.Join(<-done, sockets.Close()); err != nil {
			t.Fatal(err)
		}
	}
	from := socket.LocalAddr().(*net.UDPAddr).Port
	dial, back, err := quic.Lend(at, socket)
	if err != nil {
		t.Fatal(err)
	}
	defer back()
	hard.Peerstore().AddAddrs(easy.ID(), []multiaddr.Multiaddr{dial}, time.Minute)
	c, err := hard.Network().DialPeer(network.WithForceDirectDial(t.Context(), "test"), easy.ID())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.RemoteMultiaddr().String(), easy.Network().ListenAddresses()[0].String(); got != want {
		t.Errorf("connected with %s, want %s", got, want)
	}
	until(func() bool { return len(easy.Network().ConnsToPeer(hard.ID())) == 1 })
	seen, _, err := quicreuse.FromQuicMultiaddr(easy.Network().ConnsToPeer(hard.ID())[0].RemoteMultiaddr())
	if err != nil || seen.Port != from {
		t.Errorf("connected from port %v, want %d; %v", seen, from, err)
	}
	if s, err := c.NewStream(t.Context()); err != nil {
		t.Error(err)
	} else if err := s.Reset(); err != nil {
		t.Error(err)
	}
	if err := easy.Network().ClosePeer(hard.ID()); err != nil {
		t.Error(err)
	}
	until(func() bool { // its port is free
		p, err := net.ListenUDP("udp4", &net.UDPAddr{Port: from})
		return err == nil && p.Close() == nil
	})
	if _, err := quic.Dial(t.Context(), dial, easy.ID()); !errors.Is(err, errNotLent) {
		t.Errorf("a socket is lent twice: %v", err)
	}
}

// A socket that was not dialed from is closed.
func TestWhatIsLentComesBack(t *testing.T) {
	_, quic, at := node(t)
	socket, err := net.ListenUDP("udp4", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, back, err := quic.Lend(at, socket)
	if err != nil {
		t.Fatal(err)
	}
	back()
	if err := socket.Close(); err == nil || len(quic.lent) != 0 {
		t.Errorf("it is kept: %v", err)
	}
}

// What comes from somebody else, or is not what was agreed on, is not heard.
func TestOnlyTheOtherIsHeard(t *testing.T) {
	udp := func() *net.UDPConn {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: loopback.AsSlice()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	other, stranger := udp(), udp()
	sockets, err := Open(other.LocalAddr().(*net.UDPAddr).AddrPort())
	if err != nil {
		t.Fatal(err)
	}
	n := NewNonce()
	right := n.packet()
	port := func(i int) *net.UDPAddr {
		return &net.UDPAddr{IP: loopback.AsSlice(), Port: sockets.all[i].LocalAddr().(*net.UDPAddr).Port}
	}
	for i, c := range []struct {
		from   *net.UDPConn
		packet []byte
	}{{stranger, right}, {other, right[:16]}, {other, append(n.packet(), 0)}, {other, NewNonce().packet()}, {other, nil}, {other, right}} {
		if _, err := c.from.WriteToUDP(c.packet, port(i)); err != nil {
			t.Fatal(err)
		}
	}
	want := port(5).Port
	heard, err := sockets.Wait(t.Context(), n)
	if err != nil || heard.LocalAddr().(*net.UDPAddr).Port != want {
		t.Fatalf("heard at %v, %v; want port %d", heard, err, want)
	}
	if err := errors.Join(sockets.Close(), heard.Close()); err != nil {
		t.Error(err)
	}
}
