//go:build linux

// Package lan tests real nodes on a local network of their own: network
// namespaces on one bridge. It needs root and iproute2 (ring netns).
package lan

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
)

var binary string // built by TestMain

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if ring.Netns() != "" {
		return m.Run() // each test says so
	}
	dir, err := os.MkdirTemp("", "p2prc-lan-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "p2prc")
	build := exec.Command("go", "build", "-o", binary, "github.com/Akilan1999/p2p-rendering-computation/cmd/p2prc")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v: %v\n%s", build, err, out)
		return 1
	}
	return m.Run()
}

// lan is a bridge in a namespace of its own.
type lan struct {
	t  *testing.T
	ns string
}

var made atomic.Int32 // namespaces

func (l *lan) namespace() string {
	l.t.Helper()
	name := fmt.Sprintf("p2prc-%d-lan%d", os.Getpid(), made.Add(1))
	ip(l.t, "netns", "add", name)
	l.t.Cleanup(func() { ip(l.t, "netns", "del", name) })
	// An address is of use at once, not after it was looked for elsewhere.
	if out, err := exec.Command("ip", "netns", "exec", name, "sh", "-c", "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad").CombinedOutput(); err != nil {
		l.t.Fatalf("%v: %s", err, out)
	}
	return name
}

func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

func newLan(t *testing.T) *lan {
	t.Helper()
	ring.Need(t, "netns", ring.Netns())
	l := &lan{t: t}
	l.ns = l.namespace()
	ip(t, "-n", l.ns, "link", "add", "bridge", "type", "bridge", "mcast_snooping", "0")
	ip(t, "-n", l.ns, "link", "set", "bridge", "up")
	return l
}

// machine is a namespace on the bridge with one node's home.
type machine struct {
	t    *testing.T
	name string
	ns   string
	home string
	log  *os.File
	proc *exec.Cmd
	api  *api.Client
}

// machine puts one on the bridge; addr is with its prefix length.
func (l *lan) machine(name, addr string) *machine {
	l.t.Helper()
	home, err := os.MkdirTemp("", "p2prc-"+name+"-") // short: a socket's path has little room
	if err != nil {
		l.t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(home, "test.log"))
	if err != nil {
		l.t.Fatal(err)
	}
	m := &machine{t: l.t, name: name, ns: l.namespace(), home: home, log: log, api: api.NewClient(filepath.Join(home, "p2prc.sock"))}
	l.t.Cleanup(func() {
		m.down()
		m.api.Close()
		log.Close()
		if b, err := os.ReadFile(log.Name()); err == nil && l.t.Failed() {
			l.t.Logf("log of %s:\n%s", name, b[max(0, len(b)-6000):])
		}
		os.RemoveAll(home)
	})
	ip(l.t, "-n", m.ns, "link", "set", "lo", "up")
	ip(l.t, "-n", m.ns, "link", "add", "eth0", "type", "veth", "peer", "name", "to-"+name, "netns", l.ns)
	ip(l.t, "-n", l.ns, "link", "set", "dev", "to-"+name, "master", "bridge", "up")
	ip(l.t, "-n", m.ns, "link", "set", "eth0", "up")
	m.address(addr)
	m.ok("config", "set", "name", name)
	return m
}

// address gives the machine this address and no other.
func (m *machine) address(addr string) {
	m.t.Helper()
	ip(m.t, "-n", m.ns, "addr", "flush", "dev", "eth0", "scope", "global")
	ip(m.t, "-n", m.ns, "addr", "add", addr, "dev", "eth0")
}

func (m *machine) command(args ...string) *exec.Cmd {
	cmd := exec.Command("ip", append([]string{"netns", "exec", m.ns, binary}, args...)...)
	cmd.Env = append(os.Environ(), "P2PRC="+m.home, "NO_COLOR=1")
	return cmd
}

func (m *machine) ok(args ...string) string {
	m.t.Helper()
	cmd := m.command(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		m.t.Fatalf("%s: p2prc %s: %v\n%s%s", m.name, strings.Join(args, " "), err, out.String(), errs.String())
	}
	return strings.TrimSpace(out.String())
}

// up starts the node and waits until it listens.
func (m *machine) up() {
	m.t.Helper()
	m.proc = m.command("up", "--log-level", "debug")
	m.proc.Stdout, m.proc.Stderr = m.log, m.log
	if err := m.proc.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.eventually("listen", func(ctx context.Context) bool {
		st, err := m.api.Status(ctx)
		return err == nil && len(st.Addrs) > 0
	})
}

func (m *machine) down() {
	if m.proc == nil {
		return
	}
	if err := m.proc.Process.Signal(syscall.SIGTERM); err != nil {
		m.t.Error(err)
	}
	_ = m.proc.Wait()
	m.proc = nil
}

func (m *machine) eventually(what string, ok func(context.Context) bool) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second) // far more than it takes
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok(ctx) {
		select {
		case <-ctx.Done():
			m.t.Fatalf("%s did not %s in time", m.name, what)
		case <-tick.C:
		}
	}
}

// sees waits until other is alive here at an address that begins with prefix.
func (m *machine) sees(other *machine, prefix string) {
	m.t.Helper()
	m.eventually("see "+other.name, func(ctx context.Context) bool {
		p, err := m.api.Peer(ctx, other.name)
		return err == nil && p.State == api.PeerAlive && strings.Contains(strings.Join(p.Addrs, " "), prefix)
	})
}

var families = map[string]struct{ a, b, a2, b2 string }{
	"ip4": {"10.71.0.1/24", "10.71.0.2/24", "10.71.0.101/24", "10.71.0.102/24"},
	"ip6": {"fd71::1/64", "fd71::2/64", "fd71::101/64", "fd71::102/64"},
}

// Two members who know only addresses that nobody has any more find each other
// by multicast; the pair that has IPv6 alone also joins and works over it.
func TestMembersFindEachOtherOnTheLocalNetwork(t *testing.T) {
	for family, addr := range families {
		t.Run(family, func(t *testing.T) {
			l := newLan(t)
			a, b := l.machine("a", addr.a), l.machine("b", addr.b)
			a.up()
			b.ok("join", a.ok("invite"))
			b.up()
			first := "/" + family + "/" + strings.TrimSuffix(strings.TrimSuffix(addr.a, "1/24"), "1/64")
			a.sees(b, first+"2/")
			b.sees(a, first+"1/")
			if out := a.ok("peers", "ping", "b"); !strings.Contains(out, "ms") {
				t.Errorf("ping: %s", out)
			}
			a.down()
			b.down()
			a.address(addr.a2)
			b.address(addr.b2)
			a.up()
			b.up()
			a.sees(b, first+"102/")
			b.sees(a, first+"101/")
		})
	}
}
