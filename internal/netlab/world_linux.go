package netlab

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
)

// World is a lender's machine, the namespace "host" with a container engine of
// its own, and all else that there is, in the namespace "outside".
type World struct {
	*Lab
	Engine string // its address
}

// The addresses of a World, each of which greets on port 80, and on 53 where it
// is outside.
var (
	Internet = strings.Fields("5.5.5.5 8.8.8.8 2606:4700::5")
	// Hidden are neighbours of the lender's: its LAN, metadata, its provider's, and
	// what looks like the Internet and is not.
	Hidden = strings.Fields("192.168.1.7 10.1.2.3 100.64.0.9 169.254.169.254 168.63.129.16 fd00:ec2::254 fd00:1::7 64:ff9b::a00:1 2a01:4f8:1:2::9")
	LAN    = "192.168.1.1" // the owner's resolver
	// Machine are the lender's own, its engine's bridge first.
	Machine = strings.Fields("172.17.0.1 2a02:17::1 5.5.5.1 2a01:4f8:9::1 11.0.0.1")
)

// NewWorld makes one. It needs root, iproute2 and dockerd.
func NewWorld(t testing.TB) *World {
	t.Helper()
	ring.Need(t, "netns", ring.Netns())
	ring.Need(t, "docker", dockerd())
	w := &World{Lab: New(t, "host", "outside")}
	w.Pair("host", "wan", "outside", "wan")
	for _, a := range []string{"5.5.5.1/32", "2a01:4f8:9::1/128 nodad", "11.0.0.1/30", "2a03::1/64 nodad"} {
		w.IP("host", "addr add "+a+" dev wan")
	}
	w.IP("outside", "addr add 11.0.0.2/30 dev wan")
	w.IP("outside", "addr add 2a03::2/64 dev wan nodad")
	outside := slices.Concat([]string{LAN}, Internet, Hidden)
	for _, a := range outside {
		w.IP("outside", "addr add "+a+" dev lo")
	}
	w.IP("host", "route add default via 11.0.0.2")
	w.IP("host", "route add default via 2a03::2")
	w.IP("outside", "route add default via 11.0.0.1")
	w.IP("outside", "route add default via 2a03::1")
	w.Forward("host")
	w.Serve("outside", outside, 53, 80)
	w.startEngine()
	w.Serve("host", Machine, 80)
	return w
}

func dockerd() string {
	if _, err := exec.LookPath("dockerd"); err != nil {
		return "there is no dockerd to start"
	}
	return ""
}

// startEngine starts an engine that knows nothing but the host's namespace.
func (w *World) startEngine() {
	w.t.Helper()
	dir, err := os.MkdirTemp("", "p2prc-dk-") // a test's own is too long for containerd's socket
	if err != nil {
		w.t.Fatal(err)
	}
	w.Engine = "unix://" + filepath.Join(dir, "s")
	cmd := exec.Command("dockerd", "--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"--pidfile", filepath.Join(dir, "pid"), "-H", w.Engine, "--bip", "172.17.0.1/16", "--ipv6", "--fixed-cidr-v6", "2a02:17::/64")
	log, err := cmd.StderrPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	w.In("host", cmd.Start)
	w.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()                                                                    // it says "terminated"
		_ = unix.Unmount(filepath.Join(dir, "exec", "netns", "default"), unix.MNT_DETACH) // it may be left
		if err := os.RemoveAll(dir); err != nil {
			w.t.Error(err)
		}
	})
	lines := bufio.NewScanner(log)
	for ready := false; !ready; {
		if !lines.Scan() {
			w.t.Fatalf("the engine ended: %v", lines.Err())
		}
		ready = strings.Contains(lines.Text(), "API listen on")
	}
	go func() { _, _ = io.Copy(io.Discard, log) }() // ends with the engine
}
