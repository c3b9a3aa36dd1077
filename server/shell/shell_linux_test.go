package shell

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"

	agent "github.com/Akilan1999/p2p-rendering-computation/agent/session"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/bufpipe"
	"github.com/Akilan1999/p2p-rendering-computation/internal/leak"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/wire/container"
	"github.com/Akilan1999/p2p-rendering-computation/wire/session"
)

// The test binary is the agent too: what a session runs is this program's child.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "agent" {
		code, err := agent.Main(os.Args[2], os.Args[3:])
		if err != nil {
			fmt.Fprintln(os.Stderr, "agent:", err)
			code = 1
		}
		os.Exit(code)
	}
	leak.Main(m)
}

// world is the lending side: a runtime whose sandboxes are this process, and room for all.
type world struct {
	mu     sync.Mutex // guards the rest
	opened int
	live   map[api.SandboxID]bool
	denied error
	slow   chan struct{} // where there is one, sandboxes wait for it before they close
}

func (w *world) Open(_ context.Context, spec runtime.Spec) (runtime.Sandbox, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.opened++
	w.live[spec.ID] = true
	return sandbox{w: w, id: spec.ID}, nil
}

func (w *world) ReserveShell(context.Context, api.Caller, api.SandboxID) (api.Resources, error) {
	return api.Resources{}, w.ShellPermitted(api.Caller{})
}

func (w *world) ShellPermitted(api.Caller) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.denied
}

func (w *world) Release(api.SandboxID)                          {}
func (w *world) Over([]api.SandboxID) []api.SandboxID           { return nil }
func (w *world) Paused() bool                                   { return false }
func (w *world) Limits() api.Limits                             { return api.Limits{} }
func (w *world) Charge(api.PeerID, api.SandboxID, api.UsageRow) {}

// sandbox executes the agent in this process, whatever it is told to.
type sandbox struct {
	runtime.Sandbox
	w  *world
	id api.SandboxID
}

func (s sandbox) Exec(ctx context.Context, _ runtime.Command, std runtime.Streams) (runtime.Result, error) {
	conn := std.Stdin.(io.ReadWriteCloser)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	err := agent.Serve(agent.Conn{ReadCloser: conn, WriteCloser: conn}, agent.Config{User: strconv.Itoa(os.Getuid())})
	return runtime.Result{}, err
}

func (s sandbox) Usage(context.Context) (runtime.Usage, error) { return runtime.Usage{}, nil }
func (s sandbox) Pause(context.Context) error                  { return nil }
func (s sandbox) Resume(context.Context) error                 { return nil }
func (s sandbox) Close(context.Context) error {
	if s.w.slow != nil {
		<-s.w.slow
	}
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	delete(s.w.live, s.id)
	return nil
}

// rig is a running Keeper.
type rig struct {
	*Keeper
	*world
	t *testing.T
}

func newRig(t *testing.T) *rig {
	t.Helper()
	w := &world{live: map[api.SandboxID]bool{}}
	k := New(Config{Runtime: w, Room: w, Names: func(id api.PeerID) string { return string(id) }, Log: slog.New(slog.DiscardHandler),
		Roles: func() map[api.PeerID]api.Role { return nil }})
	ctx, stop := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- k.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-over; err != nil {
			t.Error(err)
		}
	})
	return &rig{k, w, t}
}

// open is a member's session, and what is closed when the Keeper is done with it.
func (r *rig) open(who api.PeerID) (*session.Client, <-chan struct{}, error) {
	near, far := bufpipe.Pair(64 << 10)
	served := make(chan struct{})
	go func() {
		defer close(served)
		r.Serve(r.t.Context(), api.Caller{Peer: who, Role: api.RoleMember}, far)
	}()
	if err := container.OpenSession(near, ""); err != nil {
		<-served
		return nil, served, err
	}
	return session.NewClient(near), served, nil
}

func (r *rig) must(who api.PeerID) (*session.Client, <-chan struct{}) {
	r.t.Helper()
	s, served, err := r.open(who)
	if err != nil {
		r.t.Fatal(err)
	}
	return s, served
}

// Sessions of one member share a sandbox, another's has its own, and each goes
// with its last session.
func TestOneSandboxForEachMember(t *testing.T) {
	r := newRig(t)
	first, over1 := r.must("alice")
	second, over2 := r.must("alice")
	other, over3 := r.must("bob")
	if r.opened != 2 || len(r.Sandboxes()) != 2 {
		t.Errorf("%d were opened, %+v live", r.opened, r.Sandboxes())
	}
	var out bytes.Buffer
	if exit, err := second.Exec(t.Context(), session.Request{Kind: session.KindShell, Args: []string{"echo hi; exit 3"}}, session.Streams{Stdout: &out}); err != nil || exit.Code != 3 || out.String() != "hi\n" {
		t.Errorf("%q, %+v, %v", out.String(), exit, err)
	}
	boxes := r.all()
	second.Close()
	<-over2
	if !r.Has(boxes[0].id) {
		t.Error("it went with the second session")
	}
	first.Close()
	other.Close()
	for _, over := range []<-chan struct{}{over1, over3, boxes[0].over, boxes[1].over} {
		<-over
	}
	if len(r.world.live) > 0 || len(r.Sandboxes()) > 0 {
		t.Errorf("%v are left", r.world.live)
	}
}

// A session that comes while its member's sandbox is closing waits for what that holds:
// there may be no room for two.
func TestSessionAfterTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.slow = make(chan struct{})
		first, over := r.must("alice")
		first.Close()
		<-over
		var second *session.Client
		go func() { second, over = r.must("alice") }()
		synctest.Wait()
		if r.opened != 1 || second != nil {
			t.Errorf("%d were opened", r.opened)
		}
		close(r.slow)
		synctest.Wait()
		if r.opened != 2 || second == nil {
			t.Errorf("%d were opened in the end", r.opened)
		}
		second.Close()
		<-over
	})
}

// The owner refuses, holds, kills, and changes his mind.
func TestOwner(t *testing.T) {
	r := newRig(t)
	s, over := r.must("alice")
	id := r.Sandboxes()[0].ID
	if err := r.Hold(t.Context(), id, true); err != nil || r.Sandboxes()[0].State != "paused" {
		t.Errorf("%v, %+v", err, r.Sandboxes())
	}
	if _, _, err := r.open("alice"); api.KindOf(err) != api.KindConflict {
		t.Errorf("into one that is held: %v", err)
	}
	if err := r.Hold(t.Context(), id, false); err != nil {
		t.Error(err)
	}
	if err := r.Kill(t.Context(), id, "enough"); err != nil {
		t.Error(err)
	}
	s.Close() // as a client does that reads the end
	<-over
	if err := r.Kill(t.Context(), id, ""); api.KindOf(err) != api.KindNotFound {
		t.Errorf("twice: %v", err)
	}

	again, over := r.must("alice")
	r.world.mu.Lock()
	r.denied = api.Errorf(api.KindDenied, "not you")
	r.world.mu.Unlock()
	box := r.all()[0]
	r.Enforce()
	<-box.over
	again.Close()
	<-over
	if _, _, err := r.open("alice"); api.KindOf(err) != api.KindDenied {
		t.Errorf("without the right: %v", err)
	}
}

// Who asks for something else gets no answer.
func TestOtherRequests(t *testing.T) {
	r := newRig(t)
	near, far := bufpipe.Pair(64 << 10)
	go container.Ask(near, container.Request{Op: container.OpList}, nil)
	r.Serve(t.Context(), api.Caller{Peer: "alice", Role: api.RoleMember}, far)
	if r.opened != 0 {
		t.Error("a sandbox was opened")
	}
}
