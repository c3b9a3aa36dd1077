// Package netlab builds small networks of namespaces for tests that need hosts,
// routers and strangers: real packets, and nothing of the machine's own network.
package netlab

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// Lab is a set of network namespaces that end with a test.
type Lab struct {
	t      testing.TB
	prefix string
	ports  []string // of switches
}

var labs atomic.Int64 // those of tests at the same time differ in their names

// New makes the named namespaces, each with its loopback up.
func New(t testing.TB, names ...string) *Lab {
	l := &Lab{t: t, prefix: fmt.Sprintf("p2prc-%d-%d-", os.Getpid(), labs.Add(1))}
	for _, n := range names {
		l.Add(n)
	}
	return l
}

// Add makes another namespace.
func (l *Lab) Add(name string) {
	l.t.Helper()
	l.ip("netns", "add", l.prefix+name)
	l.t.Cleanup(func() { l.ip("netns", "del", l.prefix+name) })
	// Duplicate address detection would make the first seconds of IPv6 silent.
	l.Set(name, "net/ipv6/conf/all/accept_dad", "0")
	l.Set(name, "net/ipv6/conf/default/accept_dad", "0")
	l.IP(name, "link set lo up")
}

// Command is a program that will run in namespace ns.
func (l *Lab) Command(ns string, args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", l.prefix + ns}, args...)...)
}

// IP runs the ip command with space-separated words in namespace ns.
func (l *Lab) IP(ns, words string) {
	l.t.Helper()
	l.ip(append([]string{"-n", l.prefix + ns}, strings.Fields(words)...)...)
}

func (l *Lab) ip(args ...string) {
	l.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		l.t.Fatalf("ip %v: %v: %s", args, err, out)
	}
}

// Pair connects two namespaces by a pair of interfaces, both up.
func (l *Lab) Pair(nsA, ifA, nsB, ifB string) {
	l.t.Helper()
	l.IP(nsA, fmt.Sprintf("link add %s type veth peer name %s netns %s", ifA, ifB, l.prefix+nsB))
	l.IP(nsA, "link set "+ifA+" up")
	l.IP(nsB, "link set "+ifB+" up")
}

// Forward makes ns a router.
func (l *Lab) Forward(ns string) {
	l.t.Helper()
	l.Set(ns, "net/ipv4/ip_forward", "1")
	l.Set(ns, "net/ipv6/conf/all/forwarding", "1")
}

// Set sets a kernel parameter of ns, named by its path below /proc/sys.
func (l *Lab) Set(ns, name, value string) {
	l.t.Helper()
	l.In(ns, func() error { return os.WriteFile("/proc/sys/"+name, []byte(value), 0) })
}

// In runs f on a thread that lives in ns: sockets that f makes and processes that
// it starts are there, also after f has returned.
func (l *Lab) In(ns string, f func() error) {
	l.t.Helper()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with this goroutine
		done <- enter("/run/netns/"+l.prefix+ns, f)
	}()
	if err := <-done; err != nil {
		l.t.Fatalf("in namespace %s: %v", ns, err)
	}
}

func enter(path string, f func() error) error {
	ns, err := os.Open(path)
	if err != nil {
		return err
	}
	defer ns.Close()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return err
	}
	return f()
}
