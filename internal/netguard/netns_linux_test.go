package netguard

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"github.com/Akilan1999/p2p-rendering-computation/internal/leak"
	"github.com/Akilan1999/p2p-rendering-computation/internal/netlab"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
)

// TestMain lets the test binary be the guard, and a guest that wants out.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "guard":
			if err := Main(os.Args[2]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		case "lift":
			os.Exit(lift())
		}
	}
	leak.Main(m)
}

// world is a guest and its neighbour behind a lender's machine, and all else that
// there is outside of it.
type world struct {
	*netlab.Lab
	t *testing.T
}

// outside are addresses that answer beyond the lender's machine, whatever they
// stand for.
var outside = strings.Fields(`5.5.5.5 8.8.8.8 10.1.2.3 172.16.9.9 192.168.1.1 192.168.1.7 100.64.0.9 100.100.100.200 168.63.129.16
	169.254.169.254 192.0.0.192 192.0.2.9 192.88.99.1 198.18.0.9 198.51.100.9 203.0.113.9 240.0.0.9 80.1.2.9
	2606:4700::5 2a01:4f8:9::5 fd00:ec2::254 fd00::53 fec0::9 64:ff9b::a00:1 64:ff9b:1::9 2002:a00:1::1 2001::9 2001:db8::9 3fff::9 5f00::9 4000::9 2a01:4f8:1:2::9`)

// The others' addresses.
var (
	own       = []string{"127.0.0.1", "::1", "172.17.0.2", "2a02:17::2"}
	neighbour = []string{"172.17.0.3", "2a02:17::3"}
	lender    = []string{"172.17.0.1", "2a02:17::1", "5.5.5.1", "2a01:4f8:9::1"}
)

func newWorld(t *testing.T) *world {
	ring.Need(t, "netns", ring.Netns())
	w := &world{netlab.New(t, "guest", "neighbour", "host", "outside"), t}
	w.IP("host", "link add br0 type bridge")
	for _, a := range []string{"172.17.0.1/16", "2a02:17::1/64 nodad"} {
		w.IP("host", "addr add "+a+" dev br0")
	}
	w.IP("host", "link set br0 up")
	for i, ns := range []string{"guest", "neighbour"} {
		w.Pair(ns, "eth0", "host", "port"+ns[:1])
		w.IP("host", "link set port"+ns[:1]+" master br0")
		w.IP(ns, fmt.Sprintf("addr add 172.17.0.%d/16 dev eth0", i+2))
		w.IP(ns, fmt.Sprintf("addr add 2a02:17::%d/64 dev eth0 nodad", i+2))
		w.IP(ns, "route add default via 172.17.0.1")
		w.IP(ns, "route add default via 2a02:17::1")
	}
	w.Pair("host", "wan", "outside", "wan")
	for _, a := range []string{"5.5.5.1/32", "2a01:4f8:9::1/128 nodad", "11.0.0.1/30", "2a03::1/64 nodad"} {
		w.IP("host", "addr add "+a+" dev wan")
	}
	w.IP("outside", "addr add 11.0.0.2/30 dev wan")
	w.IP("outside", "addr add 2a03::2/64 dev wan nodad")
	for _, a := range outside {
		w.IP("outside", "addr add "+a+" dev lo")
	}
	w.IP("host", "route add default via 11.0.0.2")
	w.IP("host", "route add default via 2a03::2")
	w.IP("outside", "route add default via 11.0.0.1")
	w.IP("outside", "route add default via 2a03::1")
	w.Forward("host")
	for ns, addrs := range map[string][]string{"guest": own, "neighbour": neighbour, "host": lender, "outside": outside} {
		w.Serve(ns, addrs, 53, 80, 8080)
	}
	return w
}

// patience bounds an attempt that nothing answers.
const patience = 2 * time.Second

// try connects from ns and waits for the answer.
func (w *world) try(ns string, proto Proto, to netip.AddrPort, wait time.Duration) (err error) {
	w.In(ns, func() error {
		err = netlab.Greet(proto.String(), to.String(), wait)
		return nil
	})
	return err
}

// guard starts one in ns and waits until it is ready.
func (w *world) guard(ns string, c Config) *exec.Cmd {
	arg, err := c.Argument()
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", "guard", arg)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	w.In(ns, cmd.Start)
	w.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			w.t.Errorf("the guard ended with %v: %s", err, &stderr)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != Ready+"\n" {
		w.t.Fatalf("the guard says %q, %v: %s", line, err, &stderr)
	}
	return cmd
}

// The kernel decides as the table does, for every kind of address, and all of
// them had answered before there was a guard.
func TestGuardedNamespace(t *testing.T) {
	w := newWorld(t)
	all := slices.Concat(outside, lender, neighbour, own)

	for _, a := range all {
		for _, proto := range []Proto{TCP, UDP} {
			if err := w.try("guest", proto, netip.AddrPortFrom(netip.MustParseAddr(a), 80), patience); err != nil {
				t.Fatalf("without a guard: %v %s: %v", proto, a, err)
			}
		}
	}
	if err := w.try("neighbour", TCP, netip.MustParseAddrPort("172.17.0.2:80"), patience); err != nil {
		t.Fatalf("without a guard: into the guest: %v", err)
	}

	c := Config{Refuse: prefixes("5.5.5.1/32", "2a01:4f8:9::1/128", "80.1.2.0/24", "2a01:4f8:1:2::/64"), Resolvers: example.Resolvers}
	process := w.guard("guest", c)
	hasNoRights(t, process.Process.Pid)

	rows := Rules(c, prefixes("172.17.0.2/16", "2a02:17::2/64")).Output
	for _, a := range all {
		to := netip.MustParseAddr(a)
		for _, proto := range []Proto{TCP, UDP} {
			for _, port := range []uint16{53, 80} {
				want, why := decide(rows, packet{to: to, proto: proto, port: port, local: slices.Contains(own, a)})
				err := w.try("guest", proto, netip.AddrPortFrom(to, port), patience)
				switch {
				case want == Accept && err != nil:
					t.Errorf("%v %s port %d, open by %q: %v", proto, a, port, why, err)
				case want == Refuse && !refused(proto, err):
					t.Errorf("%v %s port %d, refused by %q: %v", proto, a, port, why, err)
				}
			}
		}
	}

	for _, c := range [][2]string{
		{"host", "172.17.0.2:8080"}, {"host", "[2a02:17::2]:8080"}, {"host", "172.17.0.2:80"}, {"neighbour", "172.17.0.2:80"}, {"neighbour", "[2a02:17::2]:80"}, {"outside", "172.17.0.2:53"},
	} {
		for _, proto := range []Proto{TCP, UDP} { // dropped: silence is the answer
			if err := w.try(c[0], proto, netip.MustParseAddrPort(c[1]), 100*time.Millisecond); err == nil {
				t.Errorf("%v from %s to %s is let in", proto, c[0], c[1])
			}
		}
	}

	t.Run("header options", func(t *testing.T) {
		w.In("guest", func() error {
			const noOperation = "\x01\x01\x01\x01"
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			to := &unix.SockaddrInet4{Addr: [4]byte{5, 5, 5, 5}, Port: 80}
			if err := unix.Sendto(fd, nil, 0, to); err != nil {
				t.Errorf("without options: %v", err)
			}
			if err := unix.SetsockoptString(fd, unix.IPPROTO_IP, unix.IP_OPTIONS, noOperation); err != nil {
				return err
			}
			if err := unix.Sendto(fd, nil, 0, to); !errors.Is(err, unix.EPERM) {
				t.Errorf("with options: %v", err)
			}
			return nil
		})
	})

	t.Run("a guest cannot lift it", func(t *testing.T) {
		cmd := exec.Command("/proc/self/exe", "lift")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		w.In("guest", cmd.Start)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %s", err, &out)
		}
		if err := w.try("guest", TCP, netip.MustParseAddrPort("192.168.1.7:80"), patience); !refused(TCP, err) {
			t.Errorf("afterwards: %v", err)
		}
	})

	t.Run("a second guard", func(t *testing.T) {
		if msg := w.fails("guest", `{}`, nil); !strings.Contains(msg, "file exists") {
			t.Errorf("a namespace that has a guard: %q", msg)
		}
	})
}

// refused tells whether the filter said no, at once: a time-out is not a no.
func refused(proto Proto, err error) bool {
	if proto == TCP {
		return errors.Is(err, unix.ECONNREFUSED)
	}
	return errors.Is(err, unix.EPERM)
}

func hasNoRights(t *testing.T, pid int) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapAmb"} {
		if !strings.Contains(string(b), set+":\t0000000000000000\n") {
			t.Errorf("the guard keeps capabilities in %s:\n%s", set, b)
		}
	}
	if !strings.Contains(string(b), "NoNewPrivs:\t1\n") {
		t.Error("the guard could get new privileges")
	}
}

// lift tries what a guest could against its guard, first as it is, then as
// master of a user namespace of its own. Every step must be denied.
func lift() int {
	attempts := []struct {
		name string
		try  func() error
	}{
		{"delete the table", func() error {
			c, err := nftables.New()
			if err != nil {
				return err
			}
			c.DelTable(&nftables.Table{Name: "p2prc_guard", Family: nftables.TableFamilyINet})
			return c.Flush()
		}},
		{"take the interface down", func() error {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
			if err != nil {
				return err
			}
			req, err := unix.NewIfreq("eth0")
			if err != nil {
				return err
			}
			return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req)
		}},
		{"raw packets", func() error { _, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0); return err }},
		{"raw addresses", func() error {
			_, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW)
			return err
		}},
		{"a mark for other rules", func() error {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
			if err != nil {
				return err
			}
			return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, 1)
		}},
	}
	bad := 0
	all := func(as string) {
		for _, a := range attempts {
			if err := a.try(); !errors.Is(err, unix.EPERM) {
				fmt.Printf("%s, %s: %v\n", a.name, as, err)
				bad = 1
			}
		}
	}
	all("as a guest")
	if len(os.Args) == 2 {
		cmd := exec.Command("/proc/self/exe", "lift", "again")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}}
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if cmd.Run() != nil {
			bad = 1
		}
	}
	return bad
}

// fails runs a guard that must say why it is none.
func (w *world) fails(ns, arg string, attr *syscall.SysProcAttr) string {
	cmd := exec.Command("/proc/self/exe", "guard", arg)
	cmd.SysProcAttr = attr
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	w.In(ns, cmd.Start)
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 || strings.Contains(out.String(), Ready) {
		w.t.Errorf("guard %s: %v, %s", arg, err, &out)
	}
	return out.String()
}

func TestNoGuardSaysWhy(t *testing.T) {
	ring.Need(t, "netns", ring.Netns())
	w := &world{netlab.New(t, "bare"), t}
	nobody := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	for _, c := range []struct {
		arg, want string
		attr      *syscall.SysProcAttr
	}{
		{`{"refuse":["x"]}`, "configuration", nil},
		{`{}`, "NET_ADMIN", nobody},
		{`{}`, "no route to try", nil},
	} {
		if got := w.fails("bare", c.arg, c.attr); !strings.Contains(got, c.want) {
			t.Errorf("guard %s: %q does not say %q", c.arg, got, c.want)
		}
	}
}

// A table that was tampered with, and one with a hole, are found out.
func TestVerifyAndProbeFindHoles(t *testing.T) {
	w := newWorld(t)
	full := Rules(fullConfig(), exampleLinks)
	own := []netip.Addr{netip.MustParseAddr("172.17.0.2"), netip.MustParseAddr("2a02:17::2")}
	w.In("guest", func() error {
		conn, err := nftables.New()
		if err != nil {
			return err
		}
		fresh := func(t Table) ([]chain, error) {
			conn.FlushRuleset()
			if err := conn.Flush(); err != nil {
				return nil, err
			}
			all := chains(t)
			return all, load(all)
		}

		all, err := fresh(full)
		if err != nil {
			return err
		}
		if err := errors.Join(verify(all), probe(full, all, own)); err != nil {
			t.Errorf("a whole table: %v", err)
		}
		output := all[len(all)-1]
		for i := 0; i < len(output.rules); i += 20 {
			rules, err := conn.GetRules(output.Table, output.Chain)
			if err != nil {
				return err
			}
			if err := conn.DelRule(rules[i]); err != nil {
				return err
			}
			if err := conn.Flush(); err != nil {
				return err
			}
			if verify(all) == nil {
				t.Errorf("nobody missed row %d", i)
			}
			if all, err = fresh(full); err != nil {
				return err
			}
		}
		accept := nftables.ChainPolicyAccept
		open := *output.Chain
		open.Policy = &accept
		conn.AddChain(&open)
		if err := conn.Flush(); err != nil {
			return err
		}
		if verify(all) == nil {
			t.Error("nobody noticed that the chain accepts")
		}

		for i, r := range full.Output {
			if r.Why != "private" || !r.To.Addr().Is4() {
				continue
			}
			holed := full
			holed.Output = append(append([]Rule{}, full.Output[:i]...), full.Output[i+1:]...)
			if all, err = fresh(holed); err != nil {
				return err
			}
			if err := probe(full, all, own); err == nil || !strings.Contains(err.Error(), "not refused") {
				t.Errorf("without %v: %v", r.To, err)
			}
		}

		// Somebody else's rules deny everything: nothing is known about ours.
		if all, err = fresh(full); err != nil {
			return err
		}
		drop := nftables.ChainPolicyDrop
		other := conn.AddTable(&nftables.Table{Name: "other", Family: nftables.TableFamilyINet})
		conn.AddChain(&nftables.Chain{Name: "output", Table: other, Type: nftables.ChainTypeFilter,
			Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityMangle, Policy: &drop})
		if err := conn.Flush(); err != nil {
			return err
		}
		if err := probe(full, all, own); err == nil || !strings.Contains(err.Error(), "saw 0") {
			t.Errorf("behind somebody else's rules: %v", err)
		}
		return nil
	})
}

// fullConfig has as much of everything as there may be.
func fullConfig() (c Config) {
	a := netip.MustParseAddr("5.0.0.0")
	for range MaxRefuse {
		c.Refuse = append(c.Refuse, netip.PrefixFrom(a, 32))
		a = a.Next()
	}
	for range MaxResolvers {
		c.Resolvers = append(c.Resolvers, a)
		a = a.Next()
	}
	return c
}
