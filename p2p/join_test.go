package p2p

import (
	"os"
	"strings"
	"testing"
	"time"

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
		p.until("has all in its log", func() bool { return len(p.Members()) == 3 })
	}
	if role := nodes[0].Self().Role; role != api.RoleAdmin {
		t.Errorf("the founder is %s", role)
	}
	if role := nodes[1].Self().Role; role != api.RoleMember {
		t.Errorf("the invited node is %s", role)
	}
	nodes[0].until("has measured both", func() bool {
		for _, p := range nodes[1:] {
			got, _ := nodes[0].Peer(p.ID())
			if got.Path == api.PathDirectQUIC { // TCP has but a start on it: it is dialed anew
				_ = nodes[0].session().host.Network().ClosePeer(p.pid)
			}
			if got.Latency == 0 || got.Path != api.PathDirectTCP {
				return false
			}
		}
		return true
	})
}

// What is asked of a node before it listens waits until it does.
func TestAskedBeforeItListens(t *testing.T) {
	ada, bob := newNode(t, "ada").up(), newNode(t, "bob")
	status := make(chan error, 2)
	go func() {
		_, err := bob.Invite(t.Context(), api.InviteRequest{})
		status <- err
	}()
	go func() {
		_, err := bob.AddAddr(t.Context(), ada.Addrs()[0])
		if api.KindOf(err) == api.KindDenied {
			err = nil // it was reached, and is in another network
		}
		status <- err
	}()
	bob.up()
	for range 2 {
		if err := <-status; err != nil {
			t.Error(err)
		}
	}
}

// The ways in which a token does not admit, each with words and a hint of its own.
func TestJoinRefused(t *testing.T) {
	admin := newNode(t, "admin").up()
	fresh := func() *peerNode { return newNode(t, "joiner") }
	good := admin.invite(api.InviteRequest{Uses: 5})
	refused := func(p *peerNode, token string, kind api.Kind, words string) {
		t.Helper()
		before := p.Network()
		_, err := p.Join(t.Context(), token)
		kindIs(t, err, kind, words)
		if !strings.Contains(err.Error(), words) {
			t.Errorf("%q does not say %q", err, words)
		}
		if p.Network() != before {
			t.Error("the network changed")
		}
		t.Logf("%v (hint: %s)", err, api.HintOf(err))
	}
	refused(fresh(), "nonsense", api.KindInvalid, "garbled")
	letter := "A"
	if good[50] == 'A' {
		letter = "B"
	}
	refused(fresh(), good[:50]+letter+good[51:], api.KindInvalid, "garbled")
	refused(fresh(), good[:len(good)-9], api.KindInvalid, "cut off")
	refused(admin, good, api.KindConflict, "in that network already")

	once := admin.invite(api.InviteRequest{})
	fresh().mustJoin(once)
	refused(fresh(), once, api.KindDenied, "used up")

	tok, err := admin.Invite(t.Context(), api.InviteRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.RevokeInvite(t.Context(), tok.ID); err != nil {
		t.Fatal(err)
	}
	refused(fresh(), tok.Token, api.KindDenied, "invite was revoked")

	named := admin.invite(api.InviteRequest{Role: api.RoleAdmin, Node: fresh().ID()})
	refused(fresh(), named, api.KindDenied, "for another node")

	late := fresh()
	late.clock.Store(int64(2 * time.Hour))
	refused(late, good, api.KindDenied, "expired")
	wrong := fresh()
	wrong.clock.Store(int64(-time.Hour))
	refused(wrong, good, api.KindDenied, "clock")

	// Another network, though at the right address.
	other := newNode(t, "other").up()
	theirs := other.invite(api.InviteRequest{})
	other.down()
	refused(fresh(), theirs, api.KindUnavailable, "cannot reach")

	out := fresh().up()
	out.mustJoin(good)
	refused(out, theirs, api.KindConflict, "with others")
	if err := admin.Revoke(t.Context(), api.RevokeRequest{Node: out.ID()}); err != nil {
		t.Fatal(err)
	}
	out.until("knows that it is out", func() bool { return out.session() == nil || out.session().linkCount() == 0 })
	if err := out.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	refused(out, good, api.KindDenied, "revoked")
	if got := admin.Counters()["joins_refused"]; got == 0 {
		t.Error("no refused join was counted")
	}
}

func TestInviteRequestsThatMakeNoSense(t *testing.T) {
	admin := newNode(t, "admin")
	for name, req := range map[string]api.InviteRequest{
		"a role nobody has":       {Role: "king"},
		"an admin without a node": {Role: api.RoleAdmin},
		"no uses":                 {Uses: -1},
		"too many uses":           {Uses: 5000},
		"too short":               {Expires: 1},
		"no node id":              {Node: "pluto"},
	} {
		if _, err := admin.Invite(t.Context(), req); api.KindOf(err) != api.KindInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	member := newNode(t, "member")
	admin.up()
	member.mustJoin(admin.invite(api.InviteRequest{}))
	_, err := member.Invite(t.Context(), api.InviteRequest{})
	kindIs(t, err, api.KindDenied, "a plain member invites")
	kindIs(t, member.Revoke(t.Context(), api.RevokeRequest{Node: admin.ID()}), api.KindDenied, "a plain member revokes")
}

// A node that was admitted while it did not run comes up in its network, and
// again when the node it joined through is gone.
func TestRejoinWithoutTheFirstNode(t *testing.T) {
	root := newNode(t, "root").up()
	a, b := newNode(t, "a"), newNode(t, "b")
	a.mustJoin(root.invite(api.InviteRequest{}))
	b.mustJoin(root.invite(api.InviteRequest{}))
	a.up()
	b.up()
	allKnowAll(t, []*peerNode{root, a, b})
	b.down()
	root.down()
	a.until("marks both dead", func() bool { return a.sees(b, api.PeerDead) && a.sees(root, api.PeerDead) })
	b.open("b")
	b.up()
	b.until("sees a again", func() bool { return b.sees(a, api.PeerAlive) })
	a.until("sees b again", func() bool { return a.sees(b, api.PeerAlive) })
	if got := len(b.Peers()); got != 3 {
		t.Errorf("b knows %d peers, want 3 (the dead one too)", got)
	}
	// Any member admits, with an invite made by an admin that is gone.
	root.open("root")
	root.up()
	allKnowAll(t, []*peerNode{root, a, b})
	token := root.invite(api.InviteRequest{Uses: 2})
	for _, p := range []*peerNode{a, b} {
		p.until("has the invite", func() bool { return len(p.Invites()) == 3 })
	}
	root.down()
	c := newNode(t, "c").up()
	c.mustJoin(token)
	c.until("sees a and b", func() bool { return c.sees(a, api.PeerAlive) && c.sees(b, api.PeerAlive) })
}

func TestHomeKeepsItsKeysToItself(t *testing.T) {
	p := newNode(t, "p")
	id, network := p.ID(), p.Network()
	for _, name := range []string{identityFile, networkDir + "/" + currentFile, networkDir + "/" + string(network) + ".key"} {
		info, err := os.Stat(p.dir + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	p.open("p")
	if p.ID() != id || p.Network() != network {
		t.Error("the same home is another node")
	}
	if err := os.WriteFile(p.dir+"/"+identityFile, []byte("rubbish"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := New(t.Context(), p.cfg)
	kindIs(t, err, api.KindCorrupt, "a broken identity")
}
