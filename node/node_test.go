package node

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/config"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

// loopback is where nodes of tests listen.
var loopback = []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"}

func testLog(t *testing.T) *slog.Logger {
	if os.Getenv("P2PRC_TEST_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", t.Name())
}

// options are those of a node of a test, in a new home, with fake runtimes.
func options(t *testing.T, name string) Options {
	t.Helper()
	home := filepath.Join(t.TempDir(), name)
	f, err := config.Open(home, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = f.Update(func(c *config.Config) error {
		c.Name, c.MDNS, c.PortMapping = name, false, false
		c.Lend.Limits.Total = api.Resources{CPU: 4, Memory: 1 << 30}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return Options{Home: home, Log: testLog(t).With("name", name), Version: "test", Listen: loopback, runtimes: []runtime.Runtime{fakeRuntime{api.RuntimeWasm}}}
}

// start runs a node until the test ends (or stop is called) and waits until it is ready.
func start(t *testing.T, opts Options) (n *Node, stop func()) {
	t.Helper()
	n, err := New(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("%s: %v", n.home.dir, err)
			}
		case <-time.After(20 * time.Second):
			t.Errorf("%s: does not stop", n.home.dir)
		}
	}
	t.Cleanup(stop)
	select {
	case <-n.Ready():
	case err := <-done:
		stopped = true
		t.Fatalf("the node ended: %v", err)
	case <-time.After(20 * time.Second):
		t.Fatal("the node is not ready")
	}
	return n, stop
}

func client(t *testing.T, n *Node) *api.Client {
	t.Helper()
	c := n.Client()
	t.Cleanup(c.Close)
	return c
}

func TestStartStatusStop(t *testing.T) {
	opts := options(t, "anna")
	began := time.Now()
	n, stop := start(t, opts)
	t.Logf("ready after %s", time.Since(began))
	c := client(t, n)
	s, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.ID != n.ID() || s.Name != "anna" || s.Role != api.RoleAdmin || s.Network == "" || len(s.Addrs) == 0 || s.Version != "test" || len(s.Features) == 0 {
		t.Errorf("status %+v", s)
	}
	if err := c.Shutdown(t.Context()); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	stop()
	if _, err := c.Status(context.Background()); api.KindOf(err) != api.KindNotRunning {
		t.Errorf("after shutdown: %v", err)
	}
	again, _ := start(t, opts)
	if again.ID() != s.ID {
		t.Errorf("another identity after a restart: %s", again.ID())
	}
	if s2, err := client(t, again).Status(t.Context()); err != nil || s2.Network != s.Network {
		t.Errorf("another network after a restart: %v, %v", s2.Network, err)
	}
}

func TestSecondNodeOnOneHome(t *testing.T) {
	opts := options(t, "anna")
	n, _ := start(t, opts)
	_, err := New(t.Context(), opts)
	if api.KindOf(err) != api.KindConflict || api.HintOf(err) == "" {
		t.Errorf("%v", err)
	}
	if _, err := client(t, n).Status(t.Context()); err != nil {
		t.Errorf("the first node suffered: %v", err)
	}
	if _, err := JoinOffline(t.Context(), opts, "token"); api.KindOf(err) != api.KindConflict {
		t.Errorf("join beside a running node: %v", err)
	}
}

func TestSocketOfADeadNodeIsReplaced(t *testing.T) {
	opts := options(t, "anna")
	if err := os.WriteFile(filepath.Join(opts.Home, config.SocketName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	n, _ := start(t, opts)
	if _, err := client(t, n).Status(t.Context()); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(n.Socket())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket's mode is %v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(opts.Home); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the home's mode is %v, %v", info.Mode(), err)
	}
}

func TestHomeOpenToOthers(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "holiday.jpg"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := New(t.Context(), Options{Home: dir, Log: testLog(t)})
	if api.KindOf(err) != api.KindInvalid || !strings.Contains(api.HintOf(err), "chmod 700") {
		t.Errorf("%v", err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o777 {
		t.Errorf("somebody's folder was changed: %v, %v", info.Mode(), err)
	}
}

// waitFor waits for the state that ok wants, looking again at every event of the node.
func waitFor(t *testing.T, n *Node, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r := n.hub.Reader(n.hub.Last())
	for !ok() {
		soon, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		_, err := r.Wait(soon, 100)
		cancel()
		if ctx.Err() != nil {
			t.Fatalf("waited for %s: %v", what, err)
		}
	}
}

// join takes b into a's network.
func join(t *testing.T, a, b *Node, role api.Role) {
	t.Helper()
	req := api.InviteRequest{Role: role}
	if role == api.RoleAdmin {
		req.Node = b.ID()
	}
	token, err := client(t, a).CreateInvite(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client(t, b).Join(t.Context(), token.Token); err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]*Node{{a, b}, {b, a}} {
		waitFor(t, pair[0], "the other's record", func() bool {
			p, ok := pair[0].net.Peer(pair[1].ID())
			return ok && p.State == api.PeerAlive
		})
	}
}

func results(t *testing.T, c *api.Client, id api.JobID) map[api.TaskID]api.Task {
	t.Helper()
	all := map[api.TaskID]api.Task{}
	err := c.Results(t.Context(), id, func(task api.Task) error {
		if _, twice := all[task.ID]; twice {
			t.Errorf("task %d twice", task.ID)
		}
		all[task.ID] = task
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// watch follows a job to its end.
func watch(t *testing.T, c *api.Client, id api.JobID) api.Job {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var last api.Job
	err := c.WatchJob(ctx, id, func(e api.Event) error {
		if e.Job != nil {
			last = *e.Job
		}
		return nil
	})
	if err != nil {
		t.Fatalf("watch: %v; last %+v", err, last)
	}
	return last
}

func module(t *testing.T, c *api.Client) api.BlobID {
	t.Helper()
	info, err := c.PutBlob(t.Context(), strings.NewReader("\x00asm\x01\x00\x00\x00"))
	if err != nil {
		t.Fatal(err)
	}
	return info.ID
}

func TestJobOnOneself(t *testing.T) {
	n, _ := start(t, options(t, "anna"))
	c := client(t, n)
	job, err := c.SubmitJob(t.Context(), api.JobSpec{Runtime: api.RuntimeWasm, Module: module(t, c), Command: []string{"say", "hello {k}"}, Each: []api.Axis{{Name: "k", From: 1, To: 5}}})
	if err != nil {
		t.Fatal(err)
	}
	if end := watch(t, c, job.ID); end.State != api.JobDone || end.Tasks.Done != 5 {
		t.Fatalf("ended as %+v", end)
	}
	for id, task := range results(t, c, job.ID) {
		if want := "hello " + task.Each["k"] + "\n"; task.Stdout == nil || string(task.Stdout.Inline) != want {
			t.Errorf("task %d said %+v", id, task.Stdout)
		}
	}
}

func TestTwoNodesInOneProcess(t *testing.T) {
	a, _ := start(t, options(t, "anna"))
	b, _ := start(t, options(t, "bert"))
	join(t, a, b, api.RoleMember)
	c := client(t, a)
	job, err := c.SubmitJob(t.Context(), api.JobSpec{
		Runtime: api.RuntimeWasm, Module: module(t, c), Command: []string{"file", "out.txt", "made {k}"}, Outputs: []string{"*.txt"},
		Each: []api.Axis{{Name: "k", From: 1, To: 20}}, On: []api.PeerID{"bert"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if end := watch(t, c, job.ID[:10]); end.State != api.JobDone || end.Tasks.Done != 20 {
		t.Fatalf("ended as %+v", end)
	}
	all := results(t, c, job.ID)
	if len(all) != 20 {
		t.Errorf("%d results", len(all))
	}
	for id, task := range all {
		if task.Peer != b.ID() || len(task.Files) != 1 {
			t.Fatalf("task %d: %+v", id, task)
		}
		r, size, err := c.GetBlob(t.Context(), task.Files[0].Blob)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil || string(text) != "made "+task.Each["k"] || size != int64(len(text)) {
			t.Errorf("task %d left %q (%d), %v", id, text, size, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	specs, err := c.PeerSpecs(t.Context(), "bert")
	if err != nil || specs.Cores == 0 {
		t.Errorf("bert's door said %+v, %v", specs, err)
	}
	if p, err := c.PingPeer(t.Context(), "bert"); err != nil || p.Latency <= 0 {
		t.Errorf("ping: %v, %v", p, err)
	}
}
