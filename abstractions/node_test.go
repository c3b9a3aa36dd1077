package abstractions_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/abstractions"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/config"
	"github.com/Akilan1999/p2p-rendering-computation/node/apitest"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

// quiet are settings of a node that meets nobody but those it is shown.
func quiet(name string) func(*config.Config) {
	return func(c *config.Config) {
		c.Name, c.MDNS, c.PortMapping, c.Listen.Hosts = name, false, false, []string{"127.0.0.1"}
		c.Lend.Limits.Total = api.Resources{CPU: 4, Memory: 1 << 30}
	}
}

func open(t *testing.T, name string, o abstractions.Options) *abstractions.Node {
	t.Helper()
	dir, err := os.MkdirTemp("", "p2prc") // t.TempDir's path may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	o.Home, o.Agent = dir, []string{} // a runtime that is not needed is not looked at
	if o.Settings == nil {
		o.Settings = quiet(name)
	}
	n, err := abstractions.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return n
}

// join brings a node into another's network.
func join(t *testing.T, n, into *abstractions.Node) {
	t.Helper()
	invite, err := into.CreateInvite(t.Context(), api.InviteRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Join(t.Context(), invite.Token); err != nil {
		t.Fatal(err)
	}
}

func TestAPIOfANode(t *testing.T) {
	apitest.Run(t, func(t *testing.T) *api.Client {
		n := open(t, "anna", lendsHere("anna"))
		waitLending(t, n)
		return n.Client
	})
}

// waitLending waits until a node has looked at its machine.
func waitLending(t *testing.T, n *abstractions.Node) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if s, err := n.Lend(t.Context()); err != nil || s.State == api.LendOpen {
			return
		}
	}
}

func TestRoutesOfOnesOwn(t *testing.T) {
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s says %q, %v", abstractions.CallerOf(r), b, err)
	})
	anna := open(t, "anna", abstractions.Options{Routes: []abstractions.Route{
		{Method: "POST", Path: "/x/echo/{word}", MaxBody: 4, Peers: true, Handler: who},
		{Method: "GET", Path: "/x/mine", Handler: who},
	}})
	bert := open(t, "bert", abstractions.Options{})
	join(t, bert, anna)

	peers := bert.PeersClient()
	ask := func(method, path, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+string(anna.ID())+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := peers.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	if status, got := ask("POST", "/x/echo/a", "hey"); status != 200 || got != fmt.Sprintf("member %s says \"hey\", <nil>", bert.ID()) {
		t.Errorf("a member is told %d %q", status, got)
	}
	if _, got := ask("POST", "/x/echo/a", "too long"); !strings.Contains(got, "too large") {
		t.Errorf("a body over its limit was read: %q", got)
	}
	if status, got := ask("GET", "/x/mine", ""); status != 404 {
		t.Errorf("a member was let to the owner's route: %d %q", status, got)
	}
	resp, err := anna.Do(t.Context(), "GET", "/x/mine", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); string(b) != `owner says "", <nil>` || err != nil {
		t.Errorf("the owner is told %q, %v", b, err)
	}
}

// reversed has one lane, and one task at a time.
type reversed struct {
	mu   sync.Mutex
	most int
}

func (r *reversed) Lanes() int          { return 1 }
func (r *reversed) Lane(api.PeerID) int { return abstractions.AnyLane }
func (r *reversed) Moves() bool         { return false }
func (r *reversed) Quota(l abstractions.Lender, _ abstractions.View) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.most = max(r.most, l.Held)
	return 1
}

// inHere is a runtime that executes nothing: it says what it was told.
type inHere struct{}

func (inHere) Name() api.RuntimeName { return "x-here" }
func (inHere) Probe(context.Context) (api.RuntimeInfo, error) {
	return api.RuntimeInfo{Name: "x-here", Available: true, Isolation: "nothing of a guest's runs", Limits: []string{}, Missing: []string{}}, nil
}
func (inHere) Open(_ context.Context, spec runtime.Spec) (runtime.Sandbox, error) {
	return box{spec.ID}, nil
}
func (inHere) Recover(context.Context) ([]runtime.Sandbox, error) { return nil, nil }
func (inHere) Tidy(context.Context) error                         { return nil }

type box struct{ id api.SandboxID }

func (b box) ID() api.SandboxID { return b.id }
func (b box) Exec(_ context.Context, cmd runtime.Command, io runtime.Streams) (res runtime.Result, err error) {
	if io.Stdout != nil {
		_, err = fmt.Fprint(io.Stdout, strings.Join(cmd.Args, " "))
	}
	return res, err
}
func (box) Usage(context.Context) (runtime.Usage, error) { return runtime.Usage{}, nil }
func (box) Pause(context.Context) error                  { return nil }
func (box) Resume(context.Context) error                 { return nil }
func (box) Close(context.Context) error                  { return nil }

// lendsHere are options of a node that lends inHere.
func lendsHere(name string) abstractions.Options {
	return abstractions.Options{Runtimes: []abstractions.Runtime{inHere{}}, Settings: func(c *config.Config) {
		quiet(name)(c)
		c.Lend.Limits.Runtimes = []api.RuntimeName{"x-here"}
		c.Lend.Policy = []api.Rule{{Subject: "*", Action: api.ActionRun, Resource: "runtime:x-here", Allow: true}}
	}}
}

func TestStrategyAndRuntimeOfOnesOwn(t *testing.T) {
	anna := open(t, "anna", lendsHere("anna"))
	slow := &reversed{}
	bert := open(t, "bert", abstractions.Options{Strategies: map[string]abstractions.NewStrategy{
		"one": func(api.JobSpec) (abstractions.Strategy, error) { return slow, nil },
	}})
	join(t, bert, anna)
	job, err := bert.RunJob(t.Context(), api.JobSpec{
		Runtime: "x-here", Strategy: "one", Command: []string{"say", "{n}"}, Each: []api.Axis{{Name: "n", From: 1, To: 5}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if slow.most > 1 {
		t.Errorf("a lender held %d tasks at once", slow.most)
	}
	var said []string
	for task, err := range bert.Results(t.Context(), job.ID) {
		if err != nil {
			t.Fatal(err)
		}
		if task.Peer != anna.ID() {
			t.Errorf("task %d ran on %s", task.ID, task.Peer)
		}
		said = append(said, string(task.Stdout.Inline))
	}
	slices.Sort(said)
	if fmt.Sprint(said) != "[say 1 say 2 say 3 say 4 say 5]" {
		t.Errorf("got %q", said)
	}
	if _, err := bert.SubmitJob(t.Context(), api.JobSpec{Runtime: "x-here", Command: []string{"x"}, Strategy: "two"}); api.KindOf(err) != api.KindInvalid {
		t.Errorf("a strategy that nobody has: %v", err)
	}
}

func TestExtensionsThatMakeNoSense(t *testing.T) {
	h := http.NotFoundHandler()
	for name, o := range map[string]abstractions.Options{
		"path":        {Routes: []abstractions.Route{{Method: "GET", Path: "/v1/status", Handler: h}}},
		"method":      {Routes: []abstractions.Route{{Path: "/x/a", Handler: h}}},
		"handler":     {Routes: []abstractions.Route{{Method: "GET", Path: "/x/a"}}},
		"pattern":     {Routes: []abstractions.Route{{Method: "GET", Path: "/x/{", Handler: h}}},
		"twice":       {Routes: []abstractions.Route{{Method: "GET", Path: "/x/{a}", Handler: h}, {Method: "GET", Path: "/x/{b}", Handler: h}}},
		"no strategy": {Strategies: map[string]abstractions.NewStrategy{"mine": nil}},
		"spread":      {Strategies: map[string]abstractions.NewStrategy{"spread": func(api.JobSpec) (abstractions.Strategy, error) { return nil, nil }}},
		"runtimes":    {Runtimes: []abstractions.Runtime{inHere{}, inHere{}}},
		"settings":    {Settings: map[string]any{"nmae": 1}},
	} {
		o.Home = filepath.Join(t.TempDir(), "h")
		if n, err := abstractions.Open(t.Context(), o); api.KindOf(err) != api.KindInvalid {
			t.Errorf("%s: %v", name, err)
			if err == nil {
				n.Close()
			}
		}
	}
}

func TestALoopThatIsLeft(t *testing.T) {
	anna := open(t, "anna", abstractions.Options{})
	if err := anna.PauseLending(t.Context(), "lunch"); err != nil {
		t.Fatal(err)
	}
	for e, err := range anna.Events(t.Context(), 0) {
		if err != nil || e.Cursor == 0 {
			t.Fatalf("event %+v, %v", e, err)
		}
		break
	}
	var last error
	for _, err := range anna.Results(t.Context(), "01J00000000000000000000000") {
		last = err
	}
	if api.KindOf(last) != api.KindNotFound {
		t.Errorf("results of no job: %v", last)
	}
	if err := anna.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-anna.Done()
}
