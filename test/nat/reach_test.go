//go:build linux

package nat

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/netlab"
	"github.com/Akilan1999/p2p-rendering-computation/test/lab"
)

// join lets machines join by an invite of the first, and starts them.
func join(t *testing.T, first *lab.Machine, others ...*lab.Machine) {
	t.Helper()
	token := first.OK("invite", "--uses", strconv.Itoa(len(others)))
	together(t, len(others), func(i int) {
		others[i].OK("join", token)
		others[i].Up()
	})
}

// together does n things, some at a time: most of each is waiting.
func together(t *testing.T, n int, do func(i int)) {
	t.Helper()
	var all errgroup.Group
	all.SetLimit(4)
	for i := range n {
		all.Go(func() error { do(i); return nil })
	}
	_ = all.Wait() // what fails ended its goroutine alone
	if t.Failed() {
		t.FailNow()
	}
}

// places waits until a machine can be reached through n relays, as seen by another.
func places(at, of *lab.Machine, n int) {
	at.Eventually("see "+of.Name+" through relays", func(ctx context.Context) bool {
		p, err := at.API.Peer(ctx, of.Name)
		return err == nil && strings.Count(strings.Join(p.Addrs, " "), "p2p-circuit") == n
	})
}

// direct waits until a machine is connected with another, and then until it is so directly.
// It returns how long the second took after the first.
func direct(at *lab.Machine, peer string) (api.Peer, time.Duration) {
	var p api.Peer
	at.Eventually("reach "+peer, func(ctx context.Context) bool {
		var err error
		p, err = at.API.Peer(ctx, peer)
		return err == nil && p.Path != api.PathNone
	})
	start := time.Now()
	at.Eventually("reach "+peer+" directly", func(ctx context.Context) bool {
		var err error
		p, err = at.API.Peer(ctx, peer)
		return err == nil && (p.Path == api.PathDirectTCP || p.Path == api.PathDirectQUIC)
	})
	return p, time.Since(start)
}

func TestThroughTwoRouters(t *testing.T) {
	n := newInternet(t)
	r1, r2 := n.server("relay1"), n.server("relay2")
	a, b := n.home("homea", netlab.EndpointIndependent).machine("anna"), n.home("homeb", netlab.EndpointIndependent).machine("bert")
	r1.Up()
	join(t, r1, r2, a)
	places(r1, a, 2)
	// Who cannot be called invites as well: the token names those who can.
	r1.OK("members", "role", "anna", "admin")
	a.Eventually("be an admin", func(ctx context.Context) bool {
		st, err := a.API.Status(ctx)
		return err == nil && st.Role == api.RoleAdmin
	})
	join(t, a, b)
	places(a, b, 2)
	places(b, a, 2)
	p, took := direct(a, "bert")
	t.Logf("%s %.2f s after the test looked", p.Path, took.Seconds())
	a.Down()
	b.Eventually("lose anna", func(ctx context.Context) bool {
		p, err := b.API.Peer(ctx, "anna")
		return err == nil && p.State == api.PeerDead
	})
	a.Up()
	p, took = direct(a, "bert")
	t.Logf("%s %.2f s after the first contact", p.Path, took.Seconds())
	// In the middle of a job what opened the way is no longer let through: the job goes on over the relay.
	job := a.Command("run", "--on", "bert", "--each", "n=1-3000", module(t))
	var said strings.Builder
	job.Stdout, job.Stderr = &said, &said
	if err := job.Start(); err != nil {
		t.Fatal(err)
	}
	a.Eventually("be in the middle of the job", func(ctx context.Context) bool {
		jobs, err := a.API.Jobs(ctx)
		return err == nil && len(jobs) == 1 && jobs[0].Tasks.Done > 0
	})
	n.Iptables("homea-r0", "-I FORWARD -d "+outside(p)+" -j DROP")
	n.Iptables("homea-r0", "-I FORWARD -s "+outside(p)+" -j DROP")
	jobs, err := a.API.Jobs(t.Context())
	if err != nil || jobs[0].Tasks.Done >= jobs[0].Tasks.Total {
		t.Errorf("the job was over before the path broke, which tells nothing: %+v, %v", jobs, err)
	}
	took = a.Eventually("reach bert through a relay", func(ctx context.Context) bool {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if _, err := a.API.PingPeer(ctx, "bert"); err != nil {
			return false
		}
		p, err := a.API.Peer(ctx, "bert")
		return err == nil && p.Path == api.PathRelayed
	})
	t.Logf("relayed again %.1f s after the direct path broke", took.Seconds())
	if err := job.Wait(); err != nil {
		t.Errorf("the job: %v: %s", err, said.String())
	}
}

// outside is the IP address at which a peer is connected directly.
func outside(p api.Peer) string { return strings.Split(p.Addr, "/")[2] }
