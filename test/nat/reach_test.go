//go:build linux

package nat

import (
	"context"
	"strings"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/netlab"
	"github.com/Akilan1999/p2p-rendering-computation/test/lab"
)

// join lets machines join by an invite of the first, and starts them all.
func join(first *lab.Machine, others ...*lab.Machine) {
	first.Up()
	for _, m := range others {
		m.OK("join", first.OK("invite"))
		m.Up()
	}
}

// places waits until a machine can be reached through n relays, as seen by another.
func places(at, of *lab.Machine, n int) {
	at.Eventually("see "+of.Name+" through relays", func(ctx context.Context) bool {
		p, err := at.API.Peer(ctx, of.Name)
		return err == nil && strings.Count(strings.Join(p.Addrs, " "), "p2p-circuit") == n
	})
}

func TestThroughTwoRouters(t *testing.T) {
	n := newInternet(t)
	r1, r2 := n.server("relay1"), n.server("relay2")
	a, b := n.home("homea", netlab.EndpointIndependent).machine("anna"), n.home("homeb", netlab.EndpointIndependent).machine("bert")
	join(r1, r2, a, b)
	places(a, b, 2)
	places(b, a, 2)
	t.Logf("\n%s", a.OK("peers"))
	t.Logf("%s", a.OK("peers", "ping", "bert"))
	took := a.Eventually("reach bert directly", func(ctx context.Context) bool {
		p, err := a.API.Peer(ctx, "bert")
		return err == nil && p.Path == api.PathDirectTCP
	})
	t.Logf("direct after %s\n%s", took, a.OK("peers"))
}
