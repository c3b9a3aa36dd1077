package p2p

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/leak"
)

func TestMain(m *testing.M) {
	leak.Main(m)
}

const inTime = time.Minute // far more than anything takes; machines are busy

// peerNode is a Net under test with what it needs to be stopped and started.
type peerNode struct {
	*Net
	t      testing.TB
	dir    string
	store  *MemoryStore
	events chan struct{} // capacity 1: something happened
	cancel context.CancelFunc
	done   chan error
	clock  atomic.Int64 // a time.Duration added to the real time

	mu       sync.Mutex
	log      []api.Event
	warnings strings.Builder
}

// Write takes what the node logs as a warning.
func (p *peerNode) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.warnings.Write(b)
}

func (p *peerNode) warned(of string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Contains(p.warnings.String(), of)
}

// newNode makes a node of its own private network; up starts it.
func newNode(t testing.TB, name string) *peerNode {
	t.Helper()
	p := &peerNode{t: t, dir: t.TempDir(), store: &MemoryStore{}}
	p.open(name)
	return p
}

func (p *peerNode) open(name string) {
	p.t.Helper()
	log := slog.New(slog.NewTextHandler(p, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if os.Getenv("P2P_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", name)
	}
	p.events = make(chan struct{}, 1)
	n, err := New(p.t.Context(), Config{Dir: p.dir, Listen: []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"}, Name: name, Store: p.store, Log: log, scrypt: 10, Relay: RelayConfig{Circuits: 64},
		OnEvent: func(e api.Event) {
			p.mu.Lock()
			p.log = append(p.log, e)
			p.mu.Unlock()
			nudge(p.events)
		}, now: func() time.Time { return time.Now().Add(time.Duration(p.clock.Load())) }})
	if err != nil {
		p.t.Fatal(err)
	}
	p.Net = n
}

func (p *peerNode) up() *peerNode {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel, p.done = cancel, make(chan error, 1)
	go func() { p.done <- p.Run(ctx) }()
	ready, stop := context.WithTimeout(ctx, inTime)
	defer stop()
	if err := p.WaitReady(ready); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(p.down)
	return p
}

func (p *peerNode) down() {
	if p.cancel == nil {
		return
	}
	p.cancel()
	if err := <-p.done; err != nil {
		p.t.Errorf("Run: %v", err)
	}
	p.cancel = nil
}

// until waits for cond, which is looked at after every event, and now and then.
func (p *peerNode) until(what string, cond func() bool) {
	p.t.Helper()
	deadline := time.NewTimer(inTime)
	defer deadline.Stop()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !cond() {
		select {
		case <-p.events:
		case <-again.C:
		case <-deadline.C:
			for _, q := range p.Peers() {
				p.t.Logf("%s sees %s %s %s", p.cfg.Name, q.Name, q.State, q.Path)
			}
			p.t.Fatalf("%s: not in time: %s", p.cfg.Name, what)
		}
	}
}

func (p *peerNode) sees(q *peerNode, state api.PeerState) bool {
	got, ok := p.Peer(q.ID())
	return ok && got.State == state
}

func (p *peerNode) invite(req api.InviteRequest) string {
	p.t.Helper()
	tok, err := p.Invite(p.t.Context(), req)
	if err != nil {
		p.t.Fatal(err)
	}
	return tok.Token
}

func (p *peerNode) mustJoin(token string) api.JoinResult {
	p.t.Helper()
	res, err := p.Join(p.t.Context(), token)
	if err != nil {
		p.t.Fatalf("join: %v (hint: %s)", err, api.HintOf(err))
	}
	return res
}

// newPool is n running nodes in one network; the first founded it.
func newPool(t testing.TB, n int) []*peerNode {
	t.Helper()
	nodes := []*peerNode{newNode(t, "n0").up()}
	for i := 1; i < n; i++ {
		p := newNode(t, fmt.Sprintf("n%d", i)).up()
		p.mustJoin(nodes[0].invite(api.InviteRequest{}))
		nodes = append(nodes, p)
	}
	allKnowAll(t, nodes)
	return nodes
}

func allKnowAll(t testing.TB, nodes []*peerNode) {
	t.Helper()
	for _, p := range nodes {
		for _, q := range nodes {
			if p != q {
				p.until("sees "+q.cfg.Name+" alive", func() bool { return p.sees(q, api.PeerAlive) })
			}
		}
	}
}

func kindIs(t *testing.T, err error, kind api.Kind, what string) {
	t.Helper()
	if api.KindOf(err) != kind {
		t.Fatalf("%s: got %v (%s), want kind %s", what, err, api.KindOf(err), kind)
	}
	if api.HintOf(err) == "" {
		t.Errorf("%s: no hint with %v", what, err)
	}
}

// hushed is a stream handler that never answers.
type hushed struct{ end chan struct{} }

func (h hushed) handle(st network.Stream) {
	<-h.end
	if err := st.Reset(); err != nil {
		return
	}
}
