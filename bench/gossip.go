package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/p2p"
)

// gossip starts 25 nodes in one process on loopback, joins them one after
// another, and measures how long after the last join all know all, and how long
// after one dies all have marked it dead.
func gossip(ctx context.Context, b *bench) error {
	const nodes = 25
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	var nets []*p2p.Net
	var stops []context.CancelFunc
	var lastJoin time.Time
	for i := range nodes {
		n, err := p2p.New(ctx, p2p.Config{Dir: filepath.Join(b.dir, fmt.Sprintf("gossip%d", i)), Listen: []string{"/ip4/127.0.0.1/tcp/0"},
			Name: fmt.Sprintf("n%d", i), Store: &p2p.MemoryStore{}, Log: quiet()})
		if err != nil {
			return err
		}
		one, stop := context.WithCancel(ctx)
		running.Go(func() { _ = n.Run(one) }) // ends by cancel
		nets, stops = append(nets, n), append(stops, stop)
		if err := n.WaitReady(ctx); err != nil {
			return err
		}
		if i == 0 {
			continue
		}
		inv, err := nets[0].Invite(ctx, api.InviteRequest{})
		if err != nil {
			return err
		}
		if _, err := n.Join(ctx, inv.Token); err != nil {
			return err
		}
		lastJoin = time.Now()
	}
	if err := until(ctx, func() bool {
		for _, n := range nets {
			if count(n, api.PeerAlive) != nodes-1 {
				return false
			}
		}
		return true
	}); err != nil {
		return err
	}
	b.report(Figure{"gossip", "25 nodes, all know all after the last join", time.Since(lastJoin).Seconds(), "s", "one process"})
	stops[nodes/2]()
	died := time.Now()
	if err := until(ctx, func() bool {
		for i, n := range nets {
			if i != nodes/2 && count(n, api.PeerDead) != 1 {
				return false
			}
		}
		return true
	}); err != nil {
		return err
	}
	b.report(Figure{"gossip", "one stops, all have marked it dead", time.Since(died).Seconds(), "s", "one process"})
	return nil
}

func count(n *p2p.Net, s api.PeerState) (c int) {
	for _, p := range n.Peers() {
		if p.State == s {
			c++
		}
	}
	return c
}

func until(ctx context.Context, ok func() bool) error {
	for start := time.Now(); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Since(start) > time.Minute {
			return errors.New("not within a minute")
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}
