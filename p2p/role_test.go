package p2p

import (
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func (p *peerNode) holds(q *peerNode, role api.Role) bool {
	got, ok := p.Peer(q.ID())
	return ok && got.Role == role
}

func TestRolesChangeWhileNodesRun(t *testing.T) {
	nodes := newPool(t, 4)
	founder, admin, plain, watcher := nodes[0], nodes[1], nodes[2], nodes[3]
	set := func(by, node *peerNode, role api.Role) {
		t.Helper()
		if err := by.SetRole(t.Context(), node.ID(), role); err != nil {
			t.Fatalf("%s makes %s %s: %v", by.cfg.Name, node.cfg.Name, role, err)
		}
		for _, p := range nodes {
			p.until(node.cfg.Name+" is "+string(role), func() bool { return p.holds(node, role) })
		}
	}
	set(founder, admin, api.RoleAdmin)
	set(admin, plain, api.RoleLender)
	// An admin whose clock is behind has the last word all the same.
	admin.clock.Store(int64(-time.Minute))
	set(admin, plain, api.RoleBorrower)
	admin.clock.Store(0)

	for name, err := range map[string]error{
		"a borrower gives roles":    plain.SetRole(t.Context(), watcher.ID(), api.RoleLender),
		"an admin makes an admin":   admin.SetRole(t.Context(), watcher.ID(), api.RoleAdmin),
		"an admin unmakes an admin": admin.SetRole(t.Context(), founder.ID(), api.RoleMember),
	} {
		kindIs(t, err, api.KindDenied, name)
	}
	kindIs(t, admin.SetRole(t.Context(), admin.ID(), api.RoleMember), api.KindInvalid, "an admin resigns")
	kindIs(t, admin.SetRole(t.Context(), "nobody", api.RoleMember), api.KindNotFound, "a stranger's role")
	kindIs(t, admin.SetRole(t.Context(), plain.ID(), "king"), api.KindInvalid, "a role nobody has")

	set(founder, admin, api.RoleLender)
	_, err := admin.Invite(t.Context(), api.InviteRequest{})
	kindIs(t, err, api.KindDenied, "who was an admin invites")

	if err := founder.Revoke(t.Context(), api.RevokeRequest{Node: plain.ID()}); err != nil {
		t.Fatal(err)
	}
	kindIs(t, founder.SetRole(t.Context(), plain.ID(), api.RoleMember), api.KindConflict, "the role of who is out")

	// It is on disk.
	watcher.down()
	watcher.open("n3")
	for _, m := range watcher.Members() {
		if m.ID == admin.ID() && m.Role != api.RoleLender {
			t.Errorf("after a restart n1 is %s", m.Role)
		}
	}
}
