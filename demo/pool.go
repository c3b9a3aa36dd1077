package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/freeport"
)

const (
	upWithin   = 60 * time.Second // a node must answer
	joinWithin = 60 * time.Second // all must know all
	pollEvery  = 25 * time.Millisecond
)

// pool is nodes of this run, all on this machine, in one network.
type pool struct {
	dir   string // holds their homes
	nodes []*member
}

// member is one node.
type member struct {
	name   string
	home   string
	client *api.Client
	id     api.PeerID
	proc   *process
}

// startPool starts the nodes, each lending slots, and joins them. On error nothing is left.
func startPool(ctx context.Context, plan plan, program string) (p *pool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if program == "" {
		return nil, api.Errorf(api.KindInternal, "the demo does not know the program to start nodes with")
	}
	sweep()
	dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-", tempPrefix, os.Getpid()))
	if err != nil {
		return nil, api.Errorf(api.KindInternal, "no room for the nodes' homes: %w", err).WithHint("set TMPDIR to a folder that you may write to")
	}
	p = &pool{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(p.blame(err), p.stop())
		}
	}()
	for i := range plan.nodes { // nodes that start at the same moment would all go for the same port
		port, err := freeport.Find("127.0.0.1", 1)
		if err != nil {
			return p, api.Errorf(api.KindInternal, "%w", err)
		}
		m, err := startMember(dir, fmt.Sprintf("node-%d", i+1), program, port)
		if err != nil {
			return p, err
		}
		p.nodes = append(p.nodes, m)
	}
	if err := p.each(ctx, p.nodes, func(ctx context.Context, m *member) error { return m.ready(ctx, plan) }); err != nil {
		return p, err
	}
	return p, p.join(ctx)
}

// startMember starts a node on the loopback interface that looks for nobody by
// itself. The port is a wish: should it be taken by then, the node finds another.
func startMember(dir, name, program string, port int) (*member, error) {
	home := filepath.Join(dir, name)
	if err := os.Mkdir(home, 0o700); err != nil {
		return nil, api.Errorf(api.KindInternal, "%w", err)
	}
	settings, err := json.Marshal(map[string]any{
		"name": name, "mdns": false, "listen": map[string]any{"hosts": []string{"127.0.0.1"}, "kept_port": port},
	})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(home, "config.json"), settings, 0o600); err != nil {
		return nil, api.Errorf(api.KindInternal, "%w", err)
	}
	proc, err := start(home, program)
	if err != nil {
		return nil, api.Errorf(api.KindInternal, "node %s cannot be started: %w", name, err)
	}
	return &member{name: name, home: home, proc: proc, client: api.NewClient(filepath.Join(home, "p2prc.sock"))}, nil
}

// ready waits until the node answers, and sets what it lends.
func (m *member) ready(ctx context.Context, plan plan) error {
	err := m.until(ctx, upWithin, "answer", func(ctx context.Context) (bool, error) {
		st, err := m.client.Status(ctx)
		if err != nil {
			return false, err
		}
		m.id = st.ID
		return len(st.Addrs) > 0, nil // it answers before it listens
	})
	if err != nil {
		return err
	}
	limits, err := m.client.Limits(ctx)
	if err != nil {
		return err
	}
	limits.Total.CPU = float64(plan.slots)
	return m.client.SetLimits(ctx, limits)
}

// join lets the first node invite the others, and waits until it sees them all
// and what they lend.
func (p *pool) join(ctx context.Context) error {
	first, others := p.nodes[0], p.nodes[1:]
	if len(others) > 0 {
		invite, err := first.client.CreateInvite(ctx, api.InviteRequest{Uses: len(others)})
		if err != nil {
			return err
		}
		err = p.each(ctx, others, func(ctx context.Context, m *member) error {
			_, err := m.client.Join(ctx, invite.Token)
			return err
		})
		if err != nil {
			return err
		}
	}
	return first.until(ctx, joinWithin, "see all the others", func(ctx context.Context) (bool, error) {
		peers, err := first.client.Peers(ctx)
		if err != nil {
			return false, err
		}
		lending := 0
		for _, peer := range peers {
			if (peer.State == api.PeerAlive || peer.State == api.PeerSelf) && peer.Lending == api.LendOpen && lendsWasm(peer) {
				lending++
			}
		}
		return lending == len(p.nodes), nil
	})
}

func lendsWasm(peer api.Peer) bool {
	for _, r := range peer.Runtimes {
		if r.Name == api.RuntimeWasm && r.Available && r.Enabled {
			return true
		}
	}
	return false
}

// until asks again and again. A node that has ended is not waited for.
func (m *member) until(ctx context.Context, within time.Duration, what string, ask func(context.Context) (bool, error)) error {
	waitCtx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		ok, err := ask(waitCtx)
		if ok && err == nil {
			return nil
		}
		select {
		case <-m.proc.done:
			return errors.New("the node has ended") // blame says more
		case <-waitCtx.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return api.Errorf(api.KindTimeout, "%s did not %s within %s: %w", m.name, what, within, errors.Join(err, errors.New(m.proc.lastWords())))
		case <-tick.C:
		}
	}
}

// each does something for several members at once; the first error ends the others.
func (p *pool) each(ctx context.Context, members []*member, do func(context.Context, *member) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for _, m := range members {
		wg.Go(func() {
			if err := do(ctx, m); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// blame is err in better words where a node has ended: that nobody answers is
// only what follows from it.
func (p *pool) blame(err error) error {
	if err == nil || api.KindOf(err) == api.KindCanceled {
		return err
	}
	for _, m := range p.nodes {
		select {
		case <-m.proc.done:
			return api.Errorf(api.KindInternal, "%s ended by itself: %s", m.name, m.proc.lastWords())
		default:
		}
	}
	return err
}

// stop ends all nodes and removes their homes.
func (p *pool) stop() error {
	var wg sync.WaitGroup
	for _, m := range p.nodes {
		wg.Go(func() {
			m.proc.stop()
			m.client.Close()
		})
	}
	wg.Wait()
	return os.RemoveAll(p.dir)
}

// name is what a peer is called in this run.
func (p *pool) name(id api.PeerID) string {
	for _, m := range p.nodes {
		if m.id == id {
			return m.name
		}
	}
	return id.Short()
}
