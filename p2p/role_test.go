package p2p

import (
	"context"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
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
	// A stream that was let in by a role ends with it; others go on.
	began, ended := make(chan api.PeerID, 2), make(chan api.PeerID, 2)
	founder.Handle("/test/wait/1", func(ctx context.Context, from api.Caller, _ wire.Stream) {
		began <- from.Peer
		<-ctx.Done()
		ended <- from.Peer
	})
	for _, p := range []*peerNode{admin, watcher} {
		if st, err := p.OpenStream(t.Context(), founder.ID(), "/test/wait/1"); err != nil {
			t.Fatal(err)
		} else if _, err := st.Write([]byte("here")); err != nil {
			t.Fatal(err)
		}
		<-began
	}
	set(founder, admin, api.RoleAdmin)
	if who := <-ended; who != admin.ID() || len(ended) != 0 {
		t.Error("the stream of a node whose role did not change has ended")
	}
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
