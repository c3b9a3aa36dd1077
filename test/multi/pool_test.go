//go:build unix

// Package multi tests pools of real p2prc processes: several homes on one
// machine, killed, stopped and revoked while they work.
package multi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/conntest"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
)

// built by TestMain
var binary, guest string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "p2prc-multi-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary, guest = filepath.Join(dir, "p2prc"), filepath.Join(dir, "guest.wasm")
	for _, build := range []*exec.Cmd{
		goBuild(binary, "github.com/Akilan1999/p2p-rendering-computation/cmd/p2prc", "CGO_ENABLED=0"),
		goBuild(guest, "github.com/Akilan1999/p2p-rendering-computation/test/multi/guest", "GOOS=wasip1", "GOARCH=wasm"),
	} {
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v: %v\n%s", build, err, out)
			return 1
		}
	}
	return m.Run()
}

func goBuild(out, pkg string, env ...string) *exec.Cmd {
	cmd := exec.Command("go", "build", "-o", out, pkg)
	cmd.Env = append(os.Environ(), env...)
	return cmd
}

// node is one home and, while it is up, the process that owns it.
type node struct {
	t    *testing.T
	name string
	home string
	port string // it prefers to listen at
	proc *exec.Cmd
	log  *os.File
	api  *api.Client
}

func newNode(t *testing.T, name string) *node {
	t.Helper()
	ring.Need(t, "multi", ring.Probe()["multi"])
	home, err := os.MkdirTemp("", "p2prc-"+name+"-") // t.TempDir is too long for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(home, "test.log"))
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, name: name, home: home, log: log, api: api.NewClient(filepath.Join(home, "p2prc.sock"))}
	t.Cleanup(func() {
		n.stop()
		log.Close()
		if t.Failed() {
			b, _ := os.ReadFile(log.Name())
			t.Logf("log of %s:\n%s", name, tail(b, 6000))
		}
		os.RemoveAll(home)
	})
	// A port of its own, which is still there after a restart: else all prefer the same one.
	n.port = strconv.Itoa(conntest.FreePort(t, 1))
	for _, kv := range [][2]string{{"name", name}, {"listen.hosts", "127.0.0.1"}, {"listen.kept_port", n.port}, {"mdns", "false"}} {
		n.ok("config", "set", kv[0], kv[1])
	}
	return n
}

func tail(b []byte, n int) []byte {
	if len(b) > n {
		return b[len(b)-n:]
	}
	return b
}

// up starts the node and waits until it listens and knows what it lends.
func (n *node) up() *node {
	n.t.Helper()
	n.proc = exec.Command(binary, "up")
	n.proc.Env, n.proc.Stdout, n.proc.Stderr = n.env(), n.log, n.log
	if err := n.proc.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.eventually(10*time.Second, "listen", func(ctx context.Context) error {
		st, err := n.api.Status(ctx)
		if err == nil && len(st.Addrs) == 0 { // its door opens before
			err = errors.New("it has no address yet")
		}
		return err
	})
	n.eventually(time.Minute, "know what it lends", func(ctx context.Context) error {
		lend, err := n.api.Lend(ctx)
		if err == nil && strings.Contains(lend.Reason, "is being looked at") {
			err = errors.New(lend.Reason)
		}
		return err
	})
	return n
}

// kill ends the process at once, as a power cut would.
func (n *node) kill() {
	n.t.Helper()
	if err := n.proc.Process.Kill(); err != nil {
		n.t.Fatal(err)
	}
	_ = n.proc.Wait() // it says "killed"
	n.proc = nil
}

func (n *node) signal(s syscall.Signal) {
	n.t.Helper()
	if err := n.proc.Process.Signal(s); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) stop() {
	if n.proc == nil {
		return
	}
	_ = n.proc.Process.Signal(syscall.SIGCONT)
	_ = n.proc.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(20*time.Second, func() {
		n.t.Errorf("%s did not stop within 20 s of SIGTERM", n.name)
		_ = n.proc.Process.Kill()
	})
	_ = n.proc.Wait()
	timer.Stop()
	n.proc = nil
}

func (n *node) env() []string {
	return append(os.Environ(), "P2PRC="+n.home, "NO_COLOR=1")
}

// cmd runs p2prc on the node's home and returns stdout, stderr and the exit code.
func (n *node) cmd(args ...string) (string, string, int) {
	n.t.Helper()
	var out bytes.Buffer
	errs, code := n.cmdTo(&out, args...)
	return out.String(), errs, code
}

// cmdTo is cmd with stdout elsewhere; nil throws it away.
func (n *node) cmdTo(stdout io.Writer, args ...string) (string, int) {
	n.t.Helper()
	cmd := exec.Command(binary, args...)
	var errb bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = n.env(), stdout, &errb
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		n.t.Fatal(err)
	}
	return errb.String(), cmd.ProcessState.ExitCode()
}

// ok runs p2prc and fails the test unless it exits 0.
func (n *node) ok(args ...string) string {
	n.t.Helper()
	out, errs, code := n.cmd(args...)
	if code != 0 {
		n.t.Fatalf("%s: p2prc %s: exit %d\n%s%s", n.name, strings.Join(args, " "), code, out, errs)
	}
	return out
}

// eventually asks until f succeeds or the time is up.
func (n *node) eventually(limit time.Duration, what string, f func(context.Context) error) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			n.t.Fatalf("%s did not %s within %v: %v", n.name, what, limit, err)
		case <-tick.C:
		}
	}
}

// pool starts one node a name, the first inviting the others, and waits until
// all are alive on all.
func pool(t *testing.T, names ...string) []*node {
	t.Helper()
	var all []*node
	for i, name := range names {
		n := newNode(t, name)
		if i > 0 {
			token := strings.TrimSpace(all[0].ok("invite"))
			n.ok("join", token)
		}
		all = append(all, n.up())
	}
	for _, n := range all {
		n.seesAlive(10*time.Second, len(all))
	}
	return all
}

// seesAlive waits until the node counts that many nodes alive, itself included.
func (n *node) seesAlive(limit time.Duration, want int) {
	n.t.Helper()
	n.eventually(limit, fmt.Sprintf("see %d nodes", want), func(ctx context.Context) error {
		peers, err := n.api.Peers(ctx)
		if err != nil {
			return err
		}
		alive := 0
		for _, p := range peers {
			if p.State == api.PeerAlive || p.State == api.PeerSelf {
				alive++
			}
		}
		if alive != want {
			return fmt.Errorf("%d alive of %d known", alive, len(peers))
		}
		return nil
	})
}

func (n *node) id() api.PeerID {
	n.t.Helper()
	s, err := n.api.Status(context.Background())
	if err != nil {
		n.t.Fatal(err)
	}
	return s.ID
}
