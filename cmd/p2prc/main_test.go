package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/config"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/runtimetest"
)

// TestMain lets this test binary be p2prc: the stories, the nodes that they
// start, and the agents that those start, are all this file.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"p2prc": main})
}

// patience is how long a story waits for what happens elsewhere.
const patience = 30 * time.Second

func TestStories(t *testing.T) { testscript.Run(t, stories(t, "testdata")) }

// stories are those of a folder.
func stories(t *testing.T, dir string) testscript.Params {
	return testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("P2PRC_MDNS", "off")        // other pools of this network are none of our business
			e.Setenv("P2PRC_HOSTS", "127.0.0.1") // nor are we of theirs
			e.Setenv("GORACE", os.Getenv("GORACE"))
			e.Defer(func() { stopAll(t, e.WorkDir) })
			for name, module := range map[string][]byte{"echo.wasm": runtimetest.EchoModule(), "spin.wasm": runtimetest.SpinModule(), "trap.wasm": runtimetest.TrapModule()} {
				if err := os.WriteFile(filepath.Join(e.WorkDir, name), module, 0o600); err != nil {
					return err
				}
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":     exits,
			"saves":     saves,
			"see-peers": seePeers,
			"counts":    counts,
			"hold-port": holdPort,
			"address":   address,
			"cut-file":  cutFile,
			"kill-task": killTask,

			"kill-guest": killGuest,

			"revoke-invites": revokeInvites,
		},
	}
}

// stopAll stops every node that a story left running.
func stopAll(t *testing.T, dir string) {
	sockets, err := filepath.Glob(filepath.Join(dir, "*", config.SocketName))
	if err != nil {
		t.Error(err)
	}
	for _, s := range sockets {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		c := api.NewClient(s)
		if err := c.Shutdown(ctx); err != nil && api.KindOf(err) != api.KindNotRunning {
			t.Errorf("%s: %v", s, err)
		}
		c.Close()
		if err := poll(ctx, func() bool { _, err := c.Status(ctx); return api.KindOf(err) == api.KindNotRunning }); err != nil {
			t.Errorf("%s: the node does not stop: %v", s, err)
		}
		cancel()
	}
}

func poll(ctx context.Context, done func() bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// exits CODE PROGRAM ARGUMENT...: the program ends with that code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGUMENT...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		if exit.ExitCode() != want {
			ts.Fatalf("%v: exit code %d, want %d", args[1:], exit.ExitCode(), want)
		}
	case err != nil:
		ts.Fatalf("%v: %v", args[1:], err)
	case want != 0:
		ts.Fatalf("%v: exit code 0, want %d", args[1:], want)
	}
}

// saves NAME: the last command's stdout, without the end of line, becomes $NAME.
func saves(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: saves NAME")
	}
	out := ts.ReadFile("stdout")
	for len(out) > 0 && out[len(out)-1] == '\n' {
		out = out[:len(out)-1]
	}
	ts.Setenv(args[0], out)
}

// see-peers N HOME...: each of the homes' nodes sees N nodes alive, itself included.
func seePeers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: see-peers N HOME...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, home := range args[1:] {
		c := api.NewClient(filepath.Join(ts.MkAbs(home), config.SocketName))
		defer c.Close()
		var last string
		err := poll(ctx, func() bool {
			peers, err := c.Peers(ctx)
			n := 0
			last = fmt.Sprint(err)
			for _, p := range peers {
				last += fmt.Sprintf(" %s:%s", p.Name, p.State)
				if p.State == api.PeerAlive || p.State == api.PeerSelf {
					n++
				}
			}
			return n == want
		})
		if err != nil {
			ts.Fatalf("%s does not see %d nodes: %s", home, want, last)
		}
	}
}

// counts NAME HOME: the home's node has counted something under that name.
func counts(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: counts NAME HOME")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := api.NewClient(filepath.Join(ts.MkAbs(args[1]), config.SocketName))
	defer c.Close()
	var st api.Status
	err := poll(ctx, func() bool {
		var err error
		st, err = c.Status(ctx)
		return err == nil && st.Counters[args[0]] > 0
	})
	if err != nil {
		ts.Fatalf("%s counts no %s: %v", args[1], args[0], st.Counters)
	}
}

// hold-port NAME: a port that is taken until the story ends, as $NAME.
func holdPort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hold-port NAME")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { ts.Check(ln.Close()) })
	ts.Setenv(args[0], strconv.Itoa(ln.Addr().(*net.TCPAddr).Port))
}

// address NAME HOME: where that home's node listens, as host:port, as $NAME.
func address(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: address NAME HOME")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := api.NewClient(filepath.Join(ts.MkAbs(args[1]), config.SocketName))
	defer c.Close()
	st, err := c.Status(ctx)
	ts.Check(err)
	for _, a := range st.Addrs {
		if parts := strings.Split(a, "/"); len(parts) > 4 && parts[1] == "ip4" && parts[3] == "tcp" {
			ts.Setenv(args[0], net.JoinHostPort(parts[2], parts[4]))
			return
		}
	}
	ts.Fatalf("%s listens on no TCP address: %v", args[1], st.Addrs)
}

// cut-file FROM TO BYTES: the beginning of a file.
func cutFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: cut-file FROM TO BYTES")
	}
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(ts.ReadFile(args[0]))[:n], 0o600))
}

// revoke-invites HOME: all that this home's node made.
func revokeInvites(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: revoke-invites HOME")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := api.NewClient(filepath.Join(ts.MkAbs(args[0]), config.SocketName))
	defer c.Close()
	invites, err := c.Invites(ctx)
	ts.Check(err)
	for _, i := range invites {
		ts.Check(c.RevokeInvite(ctx, i.ID))
	}
}

// kill-task HOME...: waits until one of these homes runs a task, and kills its sandbox.
func killTask(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: kill-task HOME...")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var nodes []*api.Client
	for _, home := range args {
		c := api.NewClient(filepath.Join(ts.MkAbs(home), config.SocketName))
		defer c.Close()
		nodes = append(nodes, c)
	}
	err := poll(ctx, func() bool {
		for _, c := range nodes {
			boxes, err := c.Sandboxes(ctx)
			ts.Check(err)
			for _, b := range boxes {
				if b.Task >= 0 && b.CPUTime > 0 { // it runs: its borrower has been told
					ts.Check(c.KillSandbox(ctx, b.ID, "mine"))
					return true
				}
			}
		}
		return false
	})
	if err != nil {
		ts.Fatalf("nothing runs in %v", args)
	}
}

// killGuest has the owner of a home kill the only guest that it has.
func killGuest(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: kill-guest HOME")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := api.NewClient(filepath.Join(ts.MkAbs(args[0]), config.SocketName))
	defer c.Close()
	boxes, err := c.Sandboxes(ctx)
	ts.Check(err)
	if len(boxes) != 1 {
		ts.Fatalf("%d guests in %s", len(boxes), args[0])
	}
	ts.Check(c.KillSandbox(ctx, boxes[0].ID, "mine"))
}
