package p2p

import (
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func TestThreeNodesJoinAndSeeEachOther(t *testing.T) {
	nodes := newPool(t, 3)
	for _, p := range nodes {
		if got := len(p.Peers()); got != 3 {
			t.Errorf("%s knows %d peers, want 3", p.cfg.Name, got)
		}
		if p.Network() != nodes[0].Network() {
			t.Errorf("%s is in network %s", p.cfg.Name, p.Network())
		}
	}
	if role := nodes[0].Self().Role; role != api.RoleAdmin {
		t.Errorf("the founder is %s", role)
	}
	if role := nodes[1].Self().Role; role != api.RoleMember {
		t.Errorf("the invited node is %s", role)
	}
}
