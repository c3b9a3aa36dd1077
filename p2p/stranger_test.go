package p2p

import (
	"context"
	"strings"
	"testing"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
	"github.com/multiformats/go-multiaddr"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/p2p/membership"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// bareHost is a libp2p host with a key of its own and none of our gates.
func bareHost(t *testing.T) host.Host {
	t.Helper()
	key, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	h, err := newHost(key, newGater(time.Now, ""), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func infoOf(t *testing.T, p *peerNode) peer.AddrInfo {
	t.Helper()
	info, err := peer.AddrInfoFromP2pAddr(multiaddr.StringCast(p.Addrs()[0]))
	if err != nil {
		t.Fatal(err)
	}
	return *info
}

const leaseProtocol = "/p2prc/lease/1"

// A stranger that speaks anything but the member protocol is cut off, and no
// handler ever sees it.
func TestStrangerSpeaksNothingElse(t *testing.T) {
	for _, name := range append(pubsub.GossipSubDefaultProtocols, pingProtocol, reachProtocol, speedProtocol, proto.ProtoIDv2Hop, proto.ProtoIDv2Stop, leaseProtocol, "/ipfs/ping/1.0.0", "/ipfs/id/push/1.0.0") {
		t.Run(string(name), func(t *testing.T) {
			t.Parallel()
			p := newNode(t, "p")
			served := make(chan struct{}, 10)
			p.Handle(leaseProtocol, func(context.Context, api.Caller, wire.Stream) { served <- struct{}{} })
			p.up()
			h := bareHost(t)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			h.Peerstore().AddAddrs(infoOf(t, p).ID, infoOf(t, p).Addrs, time.Hour)
			c, err := h.Network().DialPeer(ctx, infoOf(t, p).ID)
			if err != nil {
				t.Fatal(err)
			}
			st, err := h.NewStream(ctx, c.RemotePeer(), protocol.ID(name))
			if err == nil {
				if _, err = st.Write([]byte("12345678")); err == nil {
					_, err = st.Read(make([]byte, 1))
				}
			}
			if err == nil {
				t.Error("it was answered")
			}
			p.until("counted and cut off", func() bool {
				return p.Counters()["refused_strangers"] > 0 && len(p.session().host.Network().ConnsToPeer(h.ID())) == 0
			})
			if len(served) != 0 {
				t.Error("a handler saw a stranger")
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			told := false
			for _, e := range p.log {
				told = told || e.Type == api.EventRefused && strings.Contains(e.Msg, h.ID().String())
			}
			if !told {
				t.Error("no event tells the owner")
			}
		})
	}
}

// hello by a stranger, with what it likes to claim.
func sayAs(t *testing.T, h host.Host, p *peerNode, v any) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	info := infoOf(t, p)
	h.Peerstore().AddAddrs(info.ID, info.Addrs, time.Hour)
	c, err := h.Network().DialPeer(ctx, info.ID)
	if err != nil {
		return err
	}
	m, err := openMember(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = m.st.Reset() }() // nodes hang up when they were refused
	if err := m.w.Send(frameHello, v); err != nil {
		return err
	}
	return m.next(frameHello, &hello{})
}

func TestStrangersHellos(t *testing.T) {
	nodes := newPool(t, 2)
	p := nodes[0]
	proof := p.pool.log.Proof(nodes[1].ID())
	for name, say := range map[string]any{
		"with nothing":              hello{Network: p.Network(), Time: time.Now().UnixMilli()},
		"with another's proof":      hello{Network: p.Network(), Time: time.Now().UnixMilli(), Proof: proof},
		"of another network":        hello{Network: "other", Time: time.Now().UnixMilli()},
		"with rubbish for a proof":  hello{Network: p.Network(), Proof: [][]byte{[]byte("rubbish"), nil}},
		"with no JSON":              "what?",
		"with a proof without end":  hello{Network: p.Network(), Proof: make([][]byte, 10*membership.MaxProof)},
		"with a frame beyond bound": strings.Repeat("x", maxHello+1),
	} {
		err := sayAs(t, bareHost(t), p, say)
		if err == nil {
			t.Errorf("%s: answered", name)
		} else if name != "with a frame beyond bound" && api.KindOf(err) == api.KindInternal {
			t.Errorf("%s: not told why: %v", name, err)
		}
	}
	if n := len(p.Members()); n != 2 {
		t.Errorf("%d members", n)
	}
	if n := p.session().linkCount(); n != 1 {
		t.Errorf("%d links", n)
	}
}

// After three refusals in a minute a stranger is not answered any more; a new
// invite gives it another chance.
func TestStrangerIsRemembered(t *testing.T) {
	p := newNode(t, "p").up()
	h := bareHost(t)
	say := func() error {
		return sayAs(t, h, p, hello{Network: p.Network(), Time: time.Now().UnixMilli()})
	}
	for i := range strikes {
		if err := say(); api.KindOf(err) != api.KindDenied {
			t.Fatalf("hello %d: %v", i, err)
		}
		p.until("cut off", func() bool { return len(p.session().host.Network().ConnsToPeer(h.ID())) == 0 })
		if err := h.Network().ClosePeer(p.pid); err != nil {
			t.Fatal(err)
		}
	}
	if err := say(); err == nil || api.KindOf(err) == api.KindDenied {
		t.Fatalf("still answered: %v", err)
	}
	p.invite(api.InviteRequest{})
	forgetBackoff(h, p.pid)
	if err := h.Network().ClosePeer(p.pid); err != nil {
		t.Fatal(err)
	}
	if err := say(); api.KindOf(err) != api.KindDenied {
		t.Fatalf("after a new invite: %v", err)
	}
}

// A node that is told a member's address but has no invite gets a refusal, in
// words, and nothing else; with an invite it is let in at once.
func TestUninvitedNode(t *testing.T) {
	nodes := newPool(t, 2)
	fourth := newNode(t, "fourth").up()
	hostPort, err := hostPortOf(nodes[0])
	if err != nil {
		t.Fatal(err)
	}
	_, err = fourth.AddAddr(t.Context(), hostPort)
	kindIs(t, err, api.KindDenied, "adding a node of another network")
	if got := len(fourth.Peers()); got != 1 {
		t.Errorf("the fourth node knows %d peers", got)
	}
	refused := func() int64 { return nodes[0].Counters()["refused_strangers"] }
	nodes[0].until("counted and cut off", func() bool {
		return refused() > 0 && len(nodes[0].session().host.Network().ConnsToPeer(fourth.pid)) == 0
	})
	if n := refused(); n != 1 {
		t.Errorf("%d refusals of one stranger", n)
	}
	fourth.mustJoin(nodes[0].invite(api.InviteRequest{}))
	allKnowAll(t, append(nodes, fourth))
	got, err := fourth.AddAddr(t.Context(), hostPort)
	if err != nil || got.ID != nodes[0].ID() {
		t.Errorf("adding a member: %s, %v", got.ID, err)
	}
	for _, bad := range []string{"", "host", "1.2.3.4:x", ":80", "/ip4/x"} {
		_, err := fourth.AddAddr(t.Context(), bad)
		kindIs(t, err, api.KindInvalid, bad)
	}
	_, err = fourth.AddAddr(t.Context(), "127.0.0.1:1")
	kindIs(t, err, api.KindUnavailable, "a closed port")
}

func hostPortOf(p *peerNode) (string, error) {
	a, err := multiaddr.NewMultiaddr(p.Addrs()[0])
	if err != nil {
		return "", err
	}
	ip, err := a.ValueForProtocol(multiaddr.P_IP4)
	if err != nil {
		return "", err
	}
	port, err := a.ValueForProtocol(multiaddr.P_TCP)
	return ip + ":" + port, err
}

// A former member is out everywhere: streams are reset, connections closed, it
// gets no new ones.
func TestRevokedMemberIsOut(t *testing.T) {
	nodes := newPool(t, 4)
	out := nodes[3]
	started, ended := make(chan struct{}, len(nodes)), make(chan error, len(nodes))
	for _, p := range nodes[:3] {
		p.Handle(leaseProtocol, func(ctx context.Context, _ api.Caller, s wire.Stream) {
			_, err := s.Read(make([]byte, 1))
			started <- struct{}{}
			if err == nil {
				_, err = s.Read(make([]byte, 1))
			}
			<-ctx.Done()
			ended <- err
		})
	}
	for _, p := range nodes[:3] {
		st, err := out.OpenStream(t.Context(), p.ID(), leaseProtocol)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		<-started
	}
	start := time.Now()
	if err := nodes[0].Revoke(t.Context(), api.RevokeRequest{Node: out.ID(), Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	for _, p := range nodes[:3] {
		p.until("has it out", func() bool {
			return p.sees(out, api.PeerRevoked) && len(p.session().host.Network().ConnsToPeer(out.pid)) == 0
		})
	}
	for range 3 {
		if err := <-ended; err == nil {
			t.Error("a handler's stream went on")
		}
	}
	t.Logf("out on all, its handlers too, after %v", time.Since(start))
	for _, p := range nodes[:3] {
		st, err := out.OpenStream(t.Context(), p.ID(), leaseProtocol)
		if err == nil { // on a connection whose end it has not seen yet
			if _, err = st.Write([]byte("x")); err == nil {
				_, err = st.Read(make([]byte, 1))
			}
		}
		if err == nil {
			t.Errorf("%s still talks to it", p.cfg.Name)
		}
		_, err = p.OpenStream(t.Context(), out.ID(), leaseProtocol)
		kindIs(t, err, api.KindDenied, "a stream to a revoked member")
	}
	kindIs(t, nodes[0].Revoke(t.Context(), api.RevokeRequest{Node: out.ID()}), api.KindConflict, "revoking twice")
	kindIs(t, nodes[0].Revoke(t.Context(), api.RevokeRequest{Node: "QmNobody"}), api.KindNotFound, "revoking nobody")
}
