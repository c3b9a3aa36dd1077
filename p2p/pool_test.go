package p2p

import (
	"fmt"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
)

// Every node of a pool comes to know every other, and a dead one is marked on
// all. The times are printed, not asserted: this machine may be busy.
func TestPoolConverges(t *testing.T) {
	size := ring.Size(12, 25)
	nodes := []*peerNode{newNode(t, "n0").up()}
	token := nodes[0].invite(api.InviteRequest{Uses: size})
	var joined time.Time
	start := time.Now()
	for i := 1; i < size; i++ {
		p := newNode(t, fmt.Sprintf("n%d", i)).up()
		p.mustJoin(token)
		joined = time.Now()
		nodes = append(nodes, p)
	}
	allKnowAll(t, nodes)
	t.Logf("%d nodes: %v to start and join, all know all %v after the last join returned", size, joined.Sub(start), time.Since(joined))
	for _, p := range nodes {
		if c := p.Counters(); c["refused_strangers"]+c["refused_members"]+c["bad_gossip"] != 0 {
			t.Errorf("%s: %v", p.cfg.Name, c)
		}
	}

	dead := nodes[size/2]
	died := time.Now()
	dead.down()
	stopped := time.Now()
	rest := append(append([]*peerNode{}, nodes[:size/2]...), nodes[size/2+1:]...)
	for _, p := range rest {
		p.until("marks the dead one", func() bool { return p.sees(dead, api.PeerDead) })
	}
	t.Logf("the dead one is marked on all %v after it began to stop (%v after it had)", time.Since(died), time.Since(stopped))
	for _, p := range rest {
		for _, q := range rest {
			if p != q {
				p.until("has the others alive", func() bool { return p.sees(q, api.PeerAlive) })
			}
		}
	}
	links := 0
	for _, p := range rest {
		links += p.session().linkCount()
	}
	t.Logf("%.1f links a node", float64(links)/float64(len(rest)))
}
