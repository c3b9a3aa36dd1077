package p2p

import (
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const aDay = 24 * time.Hour

// days moves the clocks of nodes to that many days after now.
func days(n int, nodes ...*peerNode) {
	for _, p := range nodes {
		p.clock.Store(int64(n) * int64(aDay))
	}
}

func (p *peerNode) renew() {
	p.t.Helper()
	if err := p.session().renew(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peerNode) left() time.Duration { return p.Self().Expires.Sub(p.cfg.now()) }

func TestRenewal(t *testing.T) {
	nodes := newPool(t, 3)
	founder, admin, plain := nodes[0], nodes[1], nodes[2]
	if err := founder.SetRole(t.Context(), admin.ID(), api.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	for _, p := range nodes {
		p.until("knows the admin", func() bool { return p.holds(admin, api.RoleAdmin) || p == admin && p.Self().Role == api.RoleAdmin })
	}
	before := len(founder.current().log.All())

	days(44, nodes...) // more than half is left
	for _, p := range nodes {
		p.renew()
	}
	if got := len(founder.current().log.All()); got != before {
		t.Errorf("%d statements were made before half the time was over", got-before)
	}

	days(61, nodes...)
	plain.renew() // it may not
	if plain.left() > 30*aDay || !plain.warned("membership runs out") {
		t.Errorf("29 days before the end: %s left, warned: %v", plain.left(), plain.warned("membership runs out"))
	}
	if founder.warned("membership runs out") {
		t.Error("the holder of the network key was warned")
	}
	// An admin without the network key renews whom it sees, not itself.
	days(50, admin)
	admin.until("sees both", func() bool { return admin.sees(plain, api.PeerAlive) && admin.sees(founder, api.PeerAlive) })
	days(61, admin)
	admin.until("renews both", func() bool { // it may suspect them for a moment: it saw them 11 days ago
		admin.renew()
		return plain.left() > 89*aDay && plain.Self().Role == api.RoleMember && founder.left() > 89*aDay
	})
	if admin.left() > 30*aDay || !admin.warned("membership runs out") {
		t.Errorf("the admin has %s left, warned: %v", admin.left(), admin.warned("membership runs out"))
	}
	// Another one renews it as the admin that it is, also without the network key.
	if err := founder.RemoveKey(t.Context(), founder.export(), phrase); err != nil {
		t.Fatal(err)
	}
	founder.until("renews the admin", func() bool {
		founder.renew()
		return admin.left() > 89*aDay && admin.Self().Role == api.RoleAdmin
	})

	// It is a certificate like the first: of 90 days, kept on disk.
	days(61+89, plain)
	if _, err := plain.current().log.Check(plain.ID(), plain.cfg.now()); err != nil {
		t.Errorf("on its last day: %v", err)
	}
	days(61+91, plain)
	if _, err := plain.current().log.Check(plain.ID(), plain.cfg.now()); api.KindOf(err) != api.KindDenied {
		t.Errorf("after its last day: %v", err)
	}
	days(61, plain)
	plain.down()
	plain.open("n2")
	if plain.left() < 89*aDay {
		t.Errorf("after a restart %s is left", plain.left())
	}
}

// Nobody says that a membership has expired; those who talk with it end it.
func TestExpiredMembersAreLetGo(t *testing.T) {
	nodes := newPool(t, 2)
	founder, plain := nodes[0], nodes[1]
	days(60, founder)
	if err := founder.RemoveKey(t.Context(), founder.export(), phrase); err != nil { // renews the founder
		t.Fatal(err)
	}
	days(91, founder)
	founder.until("closes the connection", func() bool { return !founder.proven(plain) })
	days(91, plain)
	plain.until("closes it too", func() bool { return plain.session().linkCount() == 0 })
}

func (p *peerNode) proven(q *peerNode) bool { return p.session().proven(q.pid) }
