package membership

import (
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// grant is a role given now.
func (w *world) grant(node api.PeerID, role api.Role, by crypto.PrivKey) []byte {
	return w.sign(&Grant{Network: w.id, Node: node, Role: role, Time: w.ms(0), Expires: w.ms(Lifetime)}, by)
}

func (w *world) pass(d time.Duration) { w.now = w.now.Add(d) }

func TestAdminsGiveRoles(t *testing.T) {
	w := newWorld(t)
	admin, _ := w.founder(api.RoleAdmin)
	ik, _, inv := w.invite(admin, api.RoleMember, 10, "")
	w.add(true, inv)
	member, id := w.join(ik, admin)
	_, other := w.join(ik, admin)
	for _, role := range []api.Role{api.RoleLender, api.RoleBorrower, api.RoleMember, api.RoleLender} {
		w.pass(time.Minute)
		w.add(true, w.grant(id, role, admin))
		w.is(id, role)
		w.is(other, api.RoleMember)
	}
	// Nobody but an admin, none of them to itself, and nobody becomes an admin.
	w.pass(time.Minute)
	w.add(false, w.grant(other, api.RoleLender, member))
	w.add(false, w.grant(id, api.RoleMember, member))
	w.add(false, w.grant(id, api.RoleAdmin, admin))
	_, stranger := key(t)
	w.add(false, w.grant(stranger, api.RoleMember, admin))
	// An old invite, used again, does not bring the old role back.
	raw, err := w.log.Admit(w.claim(ik, id), id, admin, w.now)
	if err != nil {
		t.Fatal(err)
	}
	w.add(true, raw)
	w.is(id, api.RoleLender)
	// A new one that an admin made since decides again.
	again, _, newer := w.invite(admin, api.RoleBorrower, 1, id)
	w.add(true, newer)
	if raw, err = w.log.Admit(w.claim(again, id), id, admin, w.now); err != nil {
		t.Fatal(err)
	}
	w.add(true, raw)
	w.is(id, api.RoleBorrower)
	w.sameInAnyOrder()

	// Who knows nothing but the network's key learns the role from the proof.
	l := NewLog(w.id)
	if _, err := l.Add(w.now, w.log.Proof(id)...); err != nil {
		t.Fatal(err)
	}
	if role, err := l.Check(id, w.now); role != api.RoleBorrower {
		t.Errorf("by its proof %q, %v", role, err)
	}
}

func TestOnlyTheNetworkKeyUnmakesAdmins(t *testing.T) {
	w := newWorld(t)
	first, _ := w.founder(api.RoleAdmin)
	second, id := key(t)
	ak, _, inv := w.invite(first, api.RoleAdmin, 1, id)
	w.add(true, inv)
	adm, err := w.log.Admit(w.claim(ak, id), id, first, w.now)
	if err != nil {
		t.Fatal(err)
	}
	w.add(true, adm)
	early, _, earlyInvite := w.invite(second, api.RoleMember, 10, "")
	w.add(true, earlyInvite)
	_, admitted := w.join(early, first)

	w.pass(time.Minute)
	if _, err := w.log.Add(w.now, w.grant(id, api.RoleLender, first)); err != nil {
		t.Fatal(err)
	}
	w.is(id, api.RoleAdmin)

	w.pass(time.Minute)
	w.add(true, w.grant(id, api.RoleMember, w.net))
	w.is(id, api.RoleMember)
	w.is(admitted, api.RoleMember) // what it signed before stands
	w.pass(time.Second)
	_, _, late := w.invite(second, api.RoleMember, 1, "")
	w.add(false, late)
	w.add(false, w.grant(admitted, api.RoleLender, second))
	w.add(false, w.grant(id, api.RoleAdmin, first)) // an admin that has not heard of it renews
	w.add(false, w.sign(&Revocation{Network: w.id, Node: admitted, Time: w.ms(0)}, second))
	_, fresh := key(t)
	if raw, err := w.log.Admit(w.claim(early, fresh), fresh, first, w.now); err == nil {
		w.add(false, raw) // its invites end
	}
	// Its own admin invite, used again, does not make it an admin again.
	if adm, err = w.log.Admit(w.claim(ak, id), id, first, w.now); err != nil {
		t.Fatal(err)
	}
	w.add(true, adm)
	w.is(id, api.RoleMember)
	w.add(false, w.grant(admitted, api.RoleBorrower, second))
	w.sameInAnyOrder()

	// Now an admin may revoke it.
	w.add(true, w.sign(&Revocation{Network: w.id, Node: id, Time: w.ms(0)}, first))
	w.is(id, "")
}

func TestTheNetworkKeyMakesAnAdminAgain(t *testing.T) {
	w := newWorld(t)
	node, id := w.founder(api.RoleAdmin)
	for _, role := range []api.Role{api.RoleLender, api.RoleAdmin} {
		w.pass(time.Minute)
		w.add(true, w.grant(id, role, w.net))
		w.is(id, role)
		w.pass(time.Minute)
		_, _, inv := w.invite(node, api.RoleMember, 1, "")
		w.add(role == api.RoleAdmin, inv)
	}
	w.sameInAnyOrder()
}

func TestAFullLogStillTakesTheNetworkKeysWord(t *testing.T) {
	w := newWorld(t)
	admin, id := w.founder(api.RoleAdmin)
	w.log.most = 3
	for range 2 {
		_, _, inv := w.invite(admin, api.RoleMember, 1, "")
		w.add(true, inv)
	}
	_, _, inv := w.invite(admin, api.RoleMember, 1, "")
	if added, err := w.log.Add(w.now, inv); len(added) != 0 || api.KindOf(err) != api.KindQuota {
		t.Fatalf("one too many: %d kept, %v", len(added), err)
	}
	added, err := w.log.Add(w.now, inv, w.sign(&Revocation{Network: w.id, Node: id, Time: w.ms(0)}, w.net))
	if len(added) != 1 || api.KindOf(err) != api.KindQuota {
		t.Fatalf("a revocation by the network key: %d kept, %v", len(added), err)
	}
	w.is(id, "")
}

// A revocation says its own time, so one from before an admin came must not undo it.
func TestBackdatedRevocationsDoNotUndoAdmins(t *testing.T) {
	w := newWorld(t)
	first, _ := w.founder(api.RoleAdmin)
	rogue, _ := w.founder(api.RoleAdmin)
	ik, _, inv := w.invite(first, api.RoleMember, 10, "")
	w.add(true, inv)
	member, memberID := w.join(ik, first)
	_, id := key(t)
	ak, _, ainv := w.invite(first, api.RoleAdmin, 1, id)
	w.add(true, ainv)
	adm, err := w.log.Admit(w.claim(ak, id), id, member, w.now)
	if err != nil {
		t.Fatal(err)
	}
	w.add(true, adm)
	_, plain := w.join(ik, member)
	early := w.ms(-time.Hour)
	w.add(true, w.sign(&Revocation{Network: w.id, Invite: mustInviteOf(t, ak), AllAdmitted: true, Time: w.ms(0) - 1}, rogue))
	w.is(id, api.RoleAdmin)
	w.add(true, w.sign(&Revocation{Network: w.id, Node: memberID, Time: w.ms(0) - 1}, rogue))
	w.is(id, api.RoleAdmin)
	w.is(memberID, "")
	w.is(plain, "") // a member it can revoke anyway
	w.sameInAnyOrder()
	// The network key's word counts from whenever it says.
	w.add(true, w.sign(&Revocation{Network: w.id, Invite: mustInviteOf(t, ak), Time: early}, w.net))
	w.is(id, "")
	w.sameInAnyOrder()
}
