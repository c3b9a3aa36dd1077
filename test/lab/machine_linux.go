// Package lab runs the real program on machines of a network of namespaces, for
// the tests of the ring netns.
package lab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/netlab"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
)

// Program is the program under test, built for a package's tests.
type Program struct{ path string }

// Main is what a package's TestMain does: it builds the program into *p, where the
// ring netns can run at all, and runs the tests.
func Main(m *testing.M, p *Program) int {
	if ring.Netns() != "" {
		return m.Run() // each test says so
	}
	dir, err := os.MkdirTemp("", "p2prc-lab-")
	if err == nil {
		defer os.RemoveAll(dir)
		*p, err = build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func build(dir string) (Program, error) {
	p := Program{filepath.Join(dir, "p2prc")}
	cmd := exec.Command("go", "build", "-o", p.path, "github.com/Akilan1999/p2p-rendering-computation/cmd/p2prc")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return p, fmt.Errorf("%v: %v\n%s", cmd, err, out)
	}
	return p, nil
}

// Machine is a namespace of a lab with one node's home.
type Machine struct {
	Name string
	API  *api.Client

	t    testing.TB
	lab  *netlab.Lab
	prog Program
	home string
	log  *os.File
	proc *exec.Cmd
}

// Machine makes the home of a node that will run in lab's namespace name.
func (p Program) Machine(t testing.TB, l *netlab.Lab, name string) *Machine {
	t.Helper()
	home, err := os.MkdirTemp("", "p2prc-"+name+"-") // short: a socket's path has little room
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(home, "test.log"))
	if err != nil {
		t.Fatal(err)
	}
	m := &Machine{Name: name, API: api.NewClient(filepath.Join(home, "p2prc.sock")), t: t, lab: l, prog: p, home: home, log: log}
	t.Cleanup(func() {
		m.Down()
		m.API.Close()
		log.Close()
		if b, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("log of %s:\n%s", name, b[max(0, len(b)-6000):])
		}
		os.RemoveAll(home)
	})
	m.OK("config", "set", "name", name)
	return m
}

// Command is the program with arguments, on this machine.
func (m *Machine) Command(args ...string) *exec.Cmd {
	cmd := m.lab.Command(m.Name, append([]string{m.prog.path}, args...)...)
	cmd.Env = append(os.Environ(), "P2PRC="+m.home, "NO_COLOR=1")
	return cmd
}

// OK runs the program and returns what it wrote; the test ends if it fails.
func (m *Machine) OK(args ...string) string {
	m.t.Helper()
	cmd := m.Command(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		m.t.Fatalf("%s: p2prc %s: %v\n%s%s", m.Name, strings.Join(args, " "), err, out.String(), errs.String())
	}
	return strings.TrimSpace(out.String())
}

// Start starts the node without waiting for it.
func (m *Machine) Start() {
	m.t.Helper()
	m.proc = m.Command("up", "--log-level", "debug")
	m.proc.Stdout, m.proc.Stderr = m.log, m.log
	if err := m.proc.Start(); err != nil {
		m.t.Fatal(err)
	}
}

// Up starts the node and waits until it listens.
func (m *Machine) Up() {
	m.t.Helper()
	m.Start()
	m.Ready()
}

// Ready waits until a node that was started listens.
func (m *Machine) Ready() {
	m.t.Helper()
	m.Eventually("listen", func(ctx context.Context) bool {
		st, err := m.API.Status(ctx)
		return err == nil && len(st.Addrs) > 0
	})
}

// Down stops the node and waits for its end.
func (m *Machine) Down() { m.end(syscall.SIGTERM) }

// Kill ends the node without a word.
func (m *Machine) Kill() { m.end(syscall.SIGKILL) }

func (m *Machine) end(with syscall.Signal) {
	if m.proc == nil {
		return
	}
	if err := m.proc.Process.Signal(with); err != nil {
		m.t.Error(err)
	}
	_ = m.proc.Wait()
	m.proc = nil
}

// Eventually waits until ok, and returns how long that took.
func (m *Machine) Eventually(what string, ok func(context.Context) bool) time.Duration {
	m.t.Helper()
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second) // far more than it takes
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok(ctx) {
		select {
		case <-ctx.Done():
			m.t.Fatalf("%s did not %s in time", m.Name, what)
		case <-tick.C:
		}
	}
	return time.Since(start)
}

// Sees waits until other is alive here at an address that contains part.
func (m *Machine) Sees(other *Machine, part string) {
	m.t.Helper()
	m.Eventually("see "+other.Name, func(ctx context.Context) bool {
		p, err := m.API.Peer(ctx, other.Name)
		return err == nil && p.State == api.PeerAlive && strings.Contains(strings.Join(p.Addrs, " "), part)
	})
}
