package sandbox

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/agent"
	"github.com/Akilan1999/p2p-rendering-computation/agent/task"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

// waits runs until it is killed or told to end.
type waits struct{ began, end chan struct{} }

func (w waits) Inline() bool { return false }

func (w waits) Exec(ctx context.Context, _ *task.Task) (task.End, error) {
	close(w.began)
	select {
	case <-w.end:
		return task.End{}, nil
	case <-ctx.Done():
		return task.End{Code: 137, Signal: "killed"}, nil
	}
}

// talker is a resident that only has its client.
type talker struct {
	Resident
	client *agent.Client
}

func (r talker) Client() *agent.Client        { return r.client }
func (r talker) Command(runtime.Limits) Meter { return unmeasured{} }

// unmeasured is a Meter without instruments.
type unmeasured struct{}

func (unmeasured) Judge() api.Limit             { return api.LimitNone }
func (unmeasured) Refused(bool) api.Limit       { return api.LimitNone }
func (unmeasured) Peak() (time.Duration, int64) { return 0, 0 }

// countedConn counts what the node says to the agent.
type countedConn struct {
	net.Conn
	writes atomic.Int64
}

func (c *countedConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// A command that reaches a limit in the moment it ends is not killed any more,
// and neither is the one that the agent runs next.
func TestLateVerdictDoesNotHitTheNextCommand(t *testing.T) {
	near, far := net.Pipe()
	ex := waits{make(chan struct{}), make(chan struct{})}
	served := make(chan error, 1)
	dir := t.TempDir()
	go func() {
		served <- agent.Serve(context.Background(), far, nil, agent.Dirs{Work: filepath.Join(dir, "work"), Stage: filepath.Join(dir, "stage")}, ex)
	}()
	conn := &countedConn{Conn: near}
	c, err := agent.NewClient(conn)
	if err != nil {
		t.Fatal(err)
	}
	s := &Sandbox{cfg: Config{Log: slog.New(slog.DiscardHandler)}}
	w := newWatch(s, &tenant{Resident: talker{client: c}}, runtime.Limits{})
	if !w.mark(verdict{limit: api.LimitWall}) {
		t.Fatal("the first verdict did not count")
	}
	w.end()
	done := make(chan agent.Report, 1)
	go func() {
		rep, err := c.Exec(agent.Command{Args: []string{"next"}}, agent.Streams{})
		if err != nil {
			t.Error(err)
		}
		done <- rep
	}()
	<-ex.began
	said := conn.writes.Load()
	w.act()
	if now := conn.writes.Load(); now != said {
		t.Error("the agent was told to kill the next command")
	}
	close(ex.end)
	if rep := <-done; !rep.Exit.OK() {
		t.Errorf("the next command ended with %+v", rep.Exit)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}
