package p2p

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// laneCount is how many lanes to another node there are, and how many of them spare.
func (p *peerNode) laneCount(q *peerNode) (all, spare int) {
	ls := p.session().lanes
	ls.mu.Lock()
	defer ls.mu.Unlock()
	set := ls.ofLocked(q.pid)
	return len(set.all), len(set.spare)
}

// hasLanes keeps some ready, and waits until they are.
func (p *peerNode) hasLanes(q *peerNode) {
	p.KeepLanes(q.ID())
	p.until("has lanes to "+q.cfg.Name, func() bool { _, spare := p.laneCount(q); return spare == spareLanes })
}

// lanePool is two nodes, each of which answers what the other says, in capitals.
func lanePool(t *testing.T) (nodes []*peerNode) {
	nodes = newPool(t, 2)
	for i, n := range nodes {
		n.Handle("/test/echo/1", func(_ context.Context, from api.Caller, s wire.Stream) {
			if from.Peer != nodes[1-i].ID() || from.Role == "" || from.Owner {
				t.Errorf("the caller is %v", from)
			}
			got, err := io.ReadAll(s)
			if err != nil {
				_ = s.Reset()
				return
			}
			s.Write(bytes.ToUpper(got))
		})
	}
	return nodes
}

// However many lanes a member has had, he gets new ones.
func TestLanesOneAfterAnother(t *testing.T) {
	nodes := lanePool(t)
	for i, near := range nodes {
		far := nodes[1-i]
		for range 4 * maxLanes {
			near.hasLanes(far)
			st, err := near.OpenLane(t.Context(), far.ID(), "/test/echo/1")
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := st.(*lane); !ok {
				t.Fatal("it is no lane")
			}
			if err := st.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// Each of two members has lanes to the other, whichever of them dialed, and what goes over
// them comes whole, the ends of both ways as well. Where there are no more, streams do.
func TestLanes(t *testing.T) {
	nodes := lanePool(t)
	for i, near := range nodes {
		far := nodes[1-i]
		near.hasLanes(far)
		lanes := 0
		var open []wire.Stream
		for range 2 * maxLanes {
			st, err := near.OpenLane(t.Context(), far.ID(), "/test/echo/1")
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := st.(*lane); ok {
				lanes++
			}
			open = append(open, st)
		}
		if lanes < spareLanes || lanes > maxLanes {
			t.Errorf("%d lanes were had", lanes)
		}
		want := bytes.Repeat([]byte("abcdefghij"), 10_000)
		for _, st := range open {
			if _, err := st.Write(want); err != nil {
				t.Error(err)
			}
			if err := st.CloseWrite(); err != nil {
				t.Error(err)
			}
			if got, err := io.ReadAll(st); err != nil || !bytes.Equal(got, bytes.ToUpper(want)) {
				t.Errorf("%d bytes came back, %v", len(got), err)
			}
			if err := st.Close(); err != nil {
				t.Error(err)
			}
		}
		for j, n := range nodes {
			n.until("has only spare lanes left", func() bool { all, spare := n.laneCount(nodes[1-j]); return all <= 2*spareLanes && spare <= spareLanes })
		}
		near.hasLanes(far)
	}
}

// What is reset reads as broken at the other end, and a protocol that nobody serves is reset.
func TestLaneReset(t *testing.T) {
	nodes := lanePool(t)
	a, b := nodes[0], nodes[1]
	read := make(chan error, 1)
	b.Handle("/test/wait/1", func(_ context.Context, _ api.Caller, s wire.Stream) {
		_, err := io.ReadAll(s)
		read <- err
	})
	for protocol, end := range map[string]func(st wire.Stream){
		"/test/wait/1":   func(st wire.Stream) { _ = st.Reset() },
		"/test/nobody/1": func(st wire.Stream) { _, err := st.Read(make([]byte, 1)); read <- err },
	} {
		a.hasLanes(b)
		st, err := a.OpenLane(t.Context(), b.ID(), protocol)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := st.(*lane); !ok {
			t.Fatal("it is no lane")
		}
		end(st)
		if err := <-read; err == nil || err == io.EOF {
			t.Errorf("%s reads as ended: %v", protocol, err)
		}
	}
}

// A lane that is closed is read no more, and what was written to it before comes all the same,
// although something is left in it to be read.
func TestLaneClose(t *testing.T) {
	nodes := lanePool(t)
	a, b := nodes[0], nodes[1]
	const much = 4 << 20
	wrote, came := make(chan struct{}), make(chan int, 1)
	b.Handle("/test/close/1", func(_ context.Context, _ api.Caller, s wire.Stream) {
		s.Write([]byte("never read"))
		close(wrote)
		got, err := io.ReadAll(s)
		if err != nil {
			t.Error(err)
		}
		came <- len(got)
	})
	a.hasLanes(b)
	st, err := a.OpenLane(t.Context(), b.ID(), "/test/close/1")
	if err != nil {
		t.Fatal(err)
	}
	<-wrote
	reads := make(chan error, 1)
	go func() { // until it is closed
		_, err := io.Copy(io.Discard, st)
		reads <- err
	}()
	if _, err := st.Write(make([]byte, much)); err != nil {
		t.Error(err)
	}
	if err := st.Close(); err != nil {
		t.Error(err)
	}
	if err := <-reads; err == nil {
		t.Error("who read was told that the other end has ended")
	}
	if n := <-came; n != much {
		t.Errorf("%d of %d bytes came", n, much)
	}
}

// A member that dials a lane and then says nothing does not hold up the end of the other.
func TestLaneSilentAtTheEnd(t *testing.T) {
	nodes := lanePool(t)
	a, b := nodes[0], nodes[1]
	conns := func() (n int) {
		err := a.session().host.Network().ResourceManager().ViewPeer(b.pid, func(p network.PeerScope) error {
			n = p.Stat().NumConnsInbound
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		return n
	}
	before := conns()
	l, err := dialLane(t, b, b.session().directTCP(a.pid), a.pid)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Reset()
	a.until("knows whose it is", func() bool { return conns() > before })
	start := time.Now()
	a.down()
	if took := time.Since(start); took >= laneWait/2 {
		t.Errorf("it took %s", took)
	}
}

// Lanes end with the connection that they are beside, and with a membership.
func TestLanesEnd(t *testing.T) {
	for name, end := range map[string]func(a, b *peerNode){
		"closed": func(a, b *peerNode) { a.session().directTCP(b.pid).Close() },
		"revoked": func(a, b *peerNode) {
			if err := a.Revoke(t.Context(), api.RevokeRequest{Node: b.ID()}); err != nil {
				t.Error(err)
			}
		},
		"stopped": func(a, _ *peerNode) { a.down() },
	} {
		t.Run(name, func(t *testing.T) {
			nodes := lanePool(t)
			a, b := nodes[0], nodes[1]
			b.hasLanes(a)
			var open []wire.Stream
			for range spareLanes {
				st, err := b.OpenLane(t.Context(), a.ID(), "/test/echo/1")
				if err != nil {
					t.Fatal(err)
				}
				open = append(open, st)
			}
			end(a, b)
			for _, st := range open {
				if _, err := st.Read(make([]byte, 1)); err == nil || err == io.EOF {
					t.Errorf("it reads as ended: %v", err)
				}
			}
		})
	}
}

// A stranger, and a member that is not connected, get no lane; and a member no more than his.
func TestLanesRefused(t *testing.T) {
	nodes := lanePool(t)
	a, b := nodes[0], nodes[1]
	at, err := hostPortOf(a)
	if err != nil {
		t.Fatal(err)
	}
	say := func(key crypto.PrivKey, what func(w io.ReadWriter) error) error {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		tls, err := libp2ptls.New(libp2ptls.ID, key, nil)
		if err != nil {
			t.Fatal(err)
		}
		sc, err := tls.SecureOutbound(t.Context(), c, a.pid)
		if err != nil {
			return err
		}
		return what(sc)
	}
	mine := func(w io.ReadWriter) error {
		if err := wire.NewWriter(w, maxLaneFrame).Send(kindLaneMine, struct{}{}); err != nil {
			return err
		}
		_, _, err := wire.ReadOne(w, maxLaneFrame)
		return err
	}
	if err := say(freshKey(t), mine); err == nil {
		t.Error("a stranger has a lane")
	}
	if err := say(b.key, func(w io.ReadWriter) error {
		if err := wire.NewWriter(w, maxLaneFrame).Send(kindLaneAsk, laneAsk{1}); err != nil {
			return err
		}
		_, _, err := wire.ReadOne(w, maxLaneFrame)
		return err
	}); err == nil {
		t.Error("an unknown word makes a lane")
	}
	for _, words := range []string{"", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x00\x05hello", "\x00\x00\x00\x00"} {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(c, words)
		c.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, c) // the other end closes it
		c.Close()
	}
	c := b.session().directTCP(a.pid)
	had := 0
	for range 2 * maxLanes {
		l, err := dialLane(t, b, c, a.pid)
		if err != nil {
			continue
		}
		defer l.Reset()
		if mine(l) == nil {
			had++
		}
	}
	all, _ := a.laneCount(b)
	if had < maxLanes-spareLanes || all > maxLanes {
		t.Errorf("a member dialed %d lanes, and %d are kept", had, all)
	}
	b.down()
	if err := say(b.key, mine); err == nil {
		t.Error("a member that is not connected has a lane")
	}
}

// dialLane dials one without counting it.
func dialLane(t *testing.T, p *peerNode, c network.Conn, to peer.ID) (*lane, error) {
	t.Helper()
	a, err := manet.ToNetAddr(c.RemoteMultiaddr())
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Dial("tcp", a.String())
	if err != nil {
		t.Fatal(err)
	}
	return p.session().secureLane(t.Context(), tcp, to, func() {})
}
