//go:build linux

package nat

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/conntest"
	"github.com/Akilan1999/p2p-rendering-computation/internal/netlab"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
	"github.com/Akilan1999/p2p-rendering-computation/test/lab"
)

const port = 7007

// forward gives at a local address that leads to a port of a peer, for the test's time.
func forward(t *testing.T, at *lab.Machine, peer string, port int, flags ...string) string {
	t.Helper()
	cmd := at.Command(append([]string{"forward", "--json", peer, fmt.Sprintf("%d:0", port)}, flags...)...)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	var first api.ForwardEvent
	if err := json.NewDecoder(out).Decode(&first); err != nil || first.Listening == "" {
		t.Fatalf("%s: forward to %s: %+v, %v", at.Name, peer, first, err)
	}
	return first.Listening
}

// source is a service on b's port: it answers each connection with so many bytes,
// and then with the checksum of what it is sent.
func (n *internet) source(b *lab.Machine, size int64) {
	n.t.Helper()
	b.OK("lend", "policy", "allow", "role:member", fmt.Sprintf("port:%d", port))
	var ln net.Listener
	n.In(b.Name, func() (err error) {
		ln, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		return err
	})
	conntest.Serve(n.t, ln, func(c net.Conn) {
		if _, err := io.CopyN(c, rand.NewChaCha8([32]byte{}), size); err != nil {
			return
		}
		h := sha256.New()
		if _, err := io.Copy(h, c); err == nil {
			_, _ = c.Write(h.Sum(nil)) // the other side sees what is missing
		}
	})
}

// through moves size bytes each way through a forward, and calls broken when a
// part of the first has come.
func (n *internet) through(from *lab.Machine, addr string, size int64, broken func()) time.Duration {
	n.t.Helper()
	var c net.Conn
	n.In(from.Name, func() (err error) {
		c, err = net.Dial("tcp", addr)
		return err
	})
	defer c.Close()
	start := time.Now()
	want, got := sha256.New(), sha256.New()
	io.CopyN(want, rand.NewChaCha8([32]byte{}), size)
	if _, err := io.CopyN(got, c, size/4); err != nil {
		n.t.Fatal(err)
	}
	broken()
	if k, err := io.CopyN(got, c, size-size/4); err != nil || string(got.Sum(nil)) != string(want.Sum(nil)) {
		n.t.Fatalf("%d bytes of %d came, %v", size/4+k, size, err)
	}
	if _, err := io.CopyN(c, rand.NewChaCha8([32]byte{}), size); err != nil {
		n.t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		n.t.Fatal(err)
	}
	if sum, err := io.ReadAll(c); err != nil || string(sum) != string(want.Sum(nil)) {
		n.t.Fatalf("there came %x, %v", sum, err)
	}
	return time.Since(start)
}

// transfer is how much goes each way: more than what is on its way at once.
func transfer() int64 { return int64(ring.Size(64, 1024)) << 20 }

// A transfer through a forward survives the loss of the relay that it goes through.
func TestForwardSurvivesItsRelay(t *testing.T) {
	n := newInternet(t)
	r1, r2 := n.server("relay1"), n.server("relay2")
	a, b := n.home("s", netlab.Symmetric).machine("sven"), n.home("t", netlab.Symmetric).machine("tina")
	r1.Up()
	join(t, r1, r2, a, b)
	places(a, b, 2)
	places(b, a, 2)
	n.source(b, transfer())
	addr := forward(t, a, "tina", port)
	took := n.through(a, addr, transfer(), func() {
		p, err := a.API.Peer(t.Context(), "tina")
		if err != nil || p.Path != api.PathRelayed {
			t.Fatalf("%+v, %v", p, err)
		}
		for _, r := range []*lab.Machine{r1, r2} {
			if st, err := r.API.Status(t.Context()); err == nil && st.ID == p.Via {
				r.Kill()
				return
			}
		}
		t.Fatal("neither relay is the one in use")
	})
	t.Logf("%d MiB each way in %.1f s, the relay killed in between", transfer()>>20, took.Seconds())
}

// A transfer over a direct path survives that the path is blocked, UDP with it, and
// that the router shows another address.
func TestForwardSurvivesItsPath(t *testing.T) {
	n := newInternet(t)
	r1, r2 := n.server("relay1"), n.server("relay2")
	a, b := n.home("h", netlab.EndpointIndependent).machine("anna"), n.home("k", netlab.EndpointIndependent).machine("bert")
	r1.Up()
	join(t, r1, r2, a, b)
	places(a, b, 2)
	places(b, a, 2)
	a.OK("peers", "ping", "bert")
	p, _ := direct(a, "bert")
	n.source(b, transfer())
	addr := forward(t, a, "bert", port)
	took := n.through(a, addr, transfer(), func() {
		n.Iptables("h-r0", "-I FORWARD -d "+outside(p)+" -j DROP")
		n.Iptables("h-r0", "-I FORWARD -s "+outside(p)+" -j DROP")
		n.Iptables("h-r0", "-I FORWARD -p udp -j DROP")
	})
	t.Logf("%d MiB each way in %.1f s, the direct path and UDP blocked in between", transfer()>>20, took.Seconds())
	took = n.through(a, addr, transfer(), func() {
		n.IP("h-r0", "addr flush dev out")
		n.IP("h-r0", "addr add 5.5.5.99/32 dev out")
		n.IP("h-r0", "route add 5.5.5.0/24 dev out")
	})
	t.Logf("%d MiB each way in %.1f s, another address of the router in between", transfer()>>20, took.Seconds())
}
