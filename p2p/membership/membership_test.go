package membership

import (
	"bytes"
	"crypto/rand"
	mathrand "math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// world is a network in a test: its key, its log, and a clock.
type world struct {
	t   *testing.T
	net crypto.PrivKey
	id  api.NetworkID
	log *Log
	now time.Time
}

func key(t testing.TB) (crypto.PrivKey, api.PeerID) {
	t.Helper()
	k, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := IDOf(k)
	if err != nil {
		t.Fatal(err)
	}
	return k, api.PeerID(id)
}

func newWorld(t *testing.T) *world {
	k, id := key(t)
	return &world{t: t, net: k, id: api.NetworkID(id), log: NewLog(api.NetworkID(id)), now: time.UnixMilli(1_800_000_000_000)}
}

func (w *world) sign(b body, k crypto.PrivKey) []byte {
	w.t.Helper()
	raw, err := Sign(b, k)
	if err != nil {
		w.t.Fatal(err)
	}
	return raw
}

func (w *world) ms(d time.Duration) int64 { return w.now.Add(d).UnixMilli() }

// founder is a node with a grant by the network key.
func (w *world) founder(role api.Role) (crypto.PrivKey, api.PeerID) {
	k, id := key(w.t)
	w.add(true, w.sign(&Grant{Network: w.id, Node: id, Role: role, Time: w.ms(0), Expires: w.ms(Lifetime)}, w.net))
	return k, id
}

func (w *world) add(want bool, raws ...[]byte) {
	w.t.Helper()
	added, err := w.log.Add(w.now, raws...)
	if err != nil {
		w.t.Fatal(err)
	}
	if got := len(added) == len(raws); got != want {
		w.t.Fatalf("added %d of %d statements, want all: %v", len(added), len(raws), want)
	}
}

// invite makes an invite statement and its key.
func (w *world) invite(signer crypto.PrivKey, role api.Role, uses int, node api.PeerID) (crypto.PrivKey, *Invite, []byte) {
	k, id := key(w.t)
	inv := &Invite{Network: w.id, ID: api.InviteID(id), Role: role, Uses: uses, Node: node, Created: w.ms(0), Expires: w.ms(time.Hour)}
	return k, inv, w.sign(inv, signer)
}

func (w *world) claim(inviteKey crypto.PrivKey, node api.PeerID) []byte {
	id, err := IDOf(inviteKey)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.sign(&Claim{Network: w.id, Invite: api.InviteID(id), Node: node, Time: w.ms(0)}, inviteKey)
}

// join admits a new node with the invite, countersigned by member.
func (w *world) join(inviteKey, member crypto.PrivKey) (crypto.PrivKey, api.PeerID) {
	w.t.Helper()
	k, id := key(w.t)
	raw, err := w.log.Admit(w.claim(inviteKey, id), id, member, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	w.add(true, raw)
	return k, id
}

func (w *world) is(id api.PeerID, want api.Role) {
	w.t.Helper()
	role, err := w.log.Check(id, w.now)
	if role != want {
		w.t.Fatalf("%s is %q (%v), want %q", id.Short(), role, err, want)
	}
	if want == "" && (api.KindOf(err) != api.KindDenied || api.HintOf(err) == "") {
		w.t.Fatalf("refused with %v, hint %q", err, api.HintOf(err))
	}
}

func (w *world) sameInAnyOrder() {
	w.t.Helper()
	all := w.log.All()
	for range 5 {
		mathrand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		other := NewLog(w.id)
		if err := other.Load(all...); err != nil {
			w.t.Fatal(err)
		}
		if !bytes.Equal(other.Sum(), w.log.Sum()) {
			w.t.Fatal("the same statements in another order keep others")
		}
		if !slices.EqualFunc(other.Members(), w.log.Members(), func(a, b api.Member) bool { return a == b }) {
			w.t.Fatalf("the same statements in another order mean\n%v\n%v", other.Members(), w.log.Members())
		}
	}
}

func TestAdmission(t *testing.T) {
	w := newWorld(t)
	admin, adminID := w.founder(api.RoleAdmin)
	w.is(adminID, api.RoleAdmin)
	ik, _, inv := w.invite(admin, api.RoleLender, 2, "")
	w.add(true, inv)
	member, memberID := w.join(ik, admin)
	w.is(memberID, api.RoleLender)
	_, second := w.join(ik, member) // any member admits
	w.is(second, api.RoleLender)
	_, third := key(t)
	if _, err := w.log.Admit(w.claim(ik, third), third, admin, w.now); api.KindOf(err) != api.KindDenied {
		t.Fatalf("a used up invite: %v", err)
	}
	w.sameInAnyOrder()

	// The proof of one is enough for a member that knows nothing but the network's key.
	other := NewLog(w.id)
	if _, err := other.Add(w.now, w.log.Proof(second)...); err != nil {
		t.Fatal(err)
	}
	if role, err := other.Check(second, w.now); role != api.RoleLender {
		t.Fatalf("by its proof: %v", err)
	}
}

func TestNeitherKeyAloneAdmits(t *testing.T) {
	w := newWorld(t)
	admin, _ := w.founder(api.RoleAdmin)
	ik, _, inv := w.invite(admin, api.RoleMember, 5, "")
	w.add(true, inv)
	member, memberID := w.join(ik, admin)
	strangerKey, stranger := key(t)
	otherInvite, _, unknown := w.invite(strangerKey, api.RoleAdmin, 1, stranger)
	ask := func(claim []byte, invite []byte, signer crypto.PrivKey, at time.Duration) []byte {
		h := sha(invite)
		return w.sign(&Admission{Network: w.id, Invite: h[:], Claim: claim, Time: w.ms(at), Expires: w.ms(at + Lifetime)}, signer)
	}
	for name, raw := range map[string][]byte{
		"the invite key countersigns":     ask(w.claim(ik, stranger), inv, ik, 0),
		"the stranger countersigns":       ask(w.claim(ik, stranger), inv, strangerKey, 0),
		"a member countersigns itself":    ask(w.claim(ik, memberID), inv, member, 0),
		"before the invite was made":      ask(w.claim(ik, stranger), inv, member, -time.Hour),
		"a stranger's invite":             unknown,
		"an invite of a plain member":     w.sign(&Invite{Network: w.id, ID: "x", Role: api.RoleMember, Uses: 1, Created: w.ms(0), Expires: w.ms(time.Hour)}, member),
		"with a stranger's invite":        ask(w.claim(otherInvite, stranger), unknown, member, 0),
		"another invite's statement":      ask(w.claim(otherInvite, stranger), inv, member, 0),
		"a grant by a plain member":       w.sign(&Grant{Network: w.id, Node: stranger, Role: api.RoleMember, Time: w.ms(0), Expires: w.ms(time.Hour)}, member),
		"an admin's grant to a stranger":  w.sign(&Grant{Network: w.id, Node: stranger, Role: api.RoleMember, Time: w.ms(0), Expires: w.ms(time.Hour)}, admin),
		"an admin promotes":               w.sign(&Grant{Network: w.id, Node: memberID, Role: api.RoleAdmin, Time: w.ms(0), Expires: w.ms(time.Hour)}, admin),
		"a revocation by a plain member":  w.sign(&Revocation{Network: w.id, Node: memberID, Time: w.ms(0)}, member),
		"a revocation by a stranger":      w.sign(&Revocation{Network: w.id, Node: memberID, Time: w.ms(0)}, strangerKey),
		"a member's revoking its inviter": w.sign(&Revocation{Network: w.id, Invite: "x", Time: w.ms(0)}, member),
	} {
		before := w.log.Sum()
		added, err := w.log.Add(w.now, raw)
		if err != nil || len(added) != 0 || !bytes.Equal(before, w.log.Sum()) {
			t.Errorf("%s: kept (%v)", name, err)
		}
		w.is(stranger, "")
		w.is(memberID, api.RoleMember)
	}
	for name, raw := range map[string][]byte{
		"from the future":    ask(w.claim(ik, stranger), inv, member, time.Hour),
		"a bare claim":       w.claim(ik, stranger),
		"a role nobody has":  w.sign(&Grant{Network: w.id, Node: stranger, Role: "king", Time: w.ms(0), Expires: w.ms(time.Hour)}, w.net),
		"a hundred years":    w.sign(&Grant{Network: w.id, Node: stranger, Role: api.RoleMember, Time: w.ms(0), Expires: w.ms(100 * 365 * 24 * time.Hour)}, w.net),
		"an unnamed admin":   w.sign(&Invite{Network: w.id, ID: "x", Role: api.RoleAdmin, Uses: 1, Created: w.ms(0), Expires: w.ms(time.Hour)}, w.net),
		"of another network": w.sign(&Grant{Network: "other", Node: stranger, Role: api.RoleMember, Time: w.ms(0), Expires: w.ms(time.Hour)}, w.net),
		"claim by another":   ask(w.sign(&Claim{Network: w.id, Invite: "x", Node: stranger, Time: w.ms(0)}, member), inv, member, 0),
	} {
		if added, err := w.log.Add(w.now, raw); err == nil || len(added) != 0 {
			t.Errorf("%s: accepted", name)
		}
		w.is(stranger, "")
	}
}

// What a stranger makes up costs the same however large the log is.
func TestStrangersStatementsAreNotWorkedThrough(t *testing.T) {
	w := newWorld(t)
	admin, _ := w.founder(api.RoleAdmin)
	ik, _, inv := w.invite(admin, api.RoleMember, MaxUses, "")
	w.add(true, inv)
	k, id := key(t)
	other, otherID := key(t)
	h := sha(inv)
	proof := [][]byte{ // each vouches for the other
		w.sign(&Grant{Network: w.id, Node: id, Role: api.RoleAdmin, Time: w.ms(0), Expires: w.ms(Lifetime)}, other),
		w.sign(&Grant{Network: w.id, Node: otherID, Role: api.RoleAdmin, Time: w.ms(0), Expires: w.ms(Lifetime)}, k),
		w.sign(&Admission{Network: w.id, Invite: h[:], Claim: w.claim(ik, id), Time: w.ms(0), Expires: w.ms(Lifetime)}, k),
	}
	cost := func() float64 {
		return testing.AllocsPerRun(20, func() {
			if added, err := w.log.Add(w.now, proof...); len(added) != 0 || err != nil {
				t.Fatal("a stranger's proof was kept", err)
			}
		})
	}
	small := cost()
	for range 100 {
		w.join(ik, admin)
	}
	if large := cost(); large > small+5 {
		t.Errorf("%v allocations with 100 members more, %v before", large, small)
	}
}

// A proof need not come in order.
func TestAProofInAnyOrder(t *testing.T) {
	w := newWorld(t)
	admin, _ := w.founder(api.RoleAdmin)
	ik, _, inv := w.invite(admin, api.RoleMember, MaxUses, "")
	w.add(true, inv)
	id := api.PeerID("")
	for member := admin; len(w.log.All()) < 12; { // each admitted by the last
		member, id = w.join(ik, member)
	}
	proof := w.log.Proof(id)
	for range 5 {
		mathrand.Shuffle(len(proof), func(i, j int) { proof[i], proof[j] = proof[j], proof[i] })
		l := NewLog(w.id)
		if added, err := l.Add(w.now, proof...); len(added) != len(proof) || err != nil {
			t.Fatalf("%d of %d kept, %v", len(added), len(proof), err)
		}
		if _, err := l.Check(id, w.now); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReplayedClaims(t *testing.T) {
	w := newWorld(t)
	admin, _ := w.founder(api.RoleAdmin)
	ik, _, inv := w.invite(admin, api.RoleMember, 5, "")
	w.add(true, inv)
	_, node := key(t)
	_, thief := key(t)
	claim := w.claim(ik, node)
	if _, err := w.log.Admit(claim, thief, admin, w.now); api.KindOf(err) != api.KindDenied {
		t.Fatalf("another node's claim: %v", err)
	}
	if _, err := w.log.Admit(claim, node, admin, w.now.Add(30*time.Minute)); api.KindOf(err) != api.KindDenied {
		t.Fatalf("an old claim, or a clock half an hour off: %v", err)
	}
	if _, err := w.log.Admit(claim, node, admin, w.now.Add(4*time.Minute)); err != nil {
		t.Fatalf("within the tolerance: %v", err)
	}
}

func TestFirstUsesStand(t *testing.T) {
	w := newWorld(t)
	admin, _ := w.founder(api.RoleAdmin)
	ik, _, inv := w.invite(admin, api.RoleMember, 1, "")
	w.add(true, inv)
	// A network cut in two admits twice with one use.
	_, early := key(t)
	_, late := key(t)
	a, err := w.log.Admit(w.claim(ik, early), early, admin, w.now)
	if err != nil {
		t.Fatal(err)
	}
	b, err := w.log.Admit(w.claim(ik, late), late, admin, w.now.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	w.add(true, b)
	w.is(late, api.RoleMember)
	w.add(true, a)
	w.is(early, api.RoleMember)
	w.is(late, "")
	w.sameInAnyOrder()
	// Who is in already does not use it up again.
	w.now = w.now.Add(2 * time.Minute)
	if _, err := w.log.Admit(w.claim(ik, early), early, admin, w.now); err != nil {
		t.Fatalf("the same node again: %v", err)
	}
}

func TestRevocations(t *testing.T) {
	w := newWorld(t)
	admin, adminID := w.founder(api.RoleAdmin)
	ik, inv, raw := w.invite(admin, api.RoleMember, 10, "")
	w.add(true, raw)
	member, memberID := w.join(ik, admin)
	_, sponsored := w.join(ik, member)
	second, secondID := key(t)
	ak, _, araw := w.invite(admin, api.RoleAdmin, 1, secondID)
	w.add(true, araw)
	adm, err := w.log.Admit(w.claim(ak, secondID), secondID, member, w.now)
	if err != nil {
		t.Fatal(err)
	}
	w.add(true, adm)
	w.is(secondID, api.RoleAdmin)
	revoke := func(r Revocation, k crypto.PrivKey) []byte {
		r.Network, r.Time = w.id, w.ms(0)
		return w.sign(&r, k)
	}
	w.now = w.now.Add(time.Minute)

	// Admins do not revoke admins, in no way.
	w.add(false, revoke(Revocation{Node: adminID}, second))
	w.add(true, revoke(Revocation{Invite: mustInviteOf(t, ak), AllAdmitted: true}, second))
	w.is(adminID, api.RoleAdmin)
	w.is(secondID, api.RoleAdmin)

	// A revoked member is out; what it countersigned before stands, later it cannot.
	w.add(true, revoke(Revocation{Node: memberID}, second))
	w.is(memberID, "")
	w.is(sponsored, api.RoleMember)
	w.now = w.now.Add(time.Minute)
	_, fresh := key(t)
	late, err := w.log.Admit(w.claim(ik, fresh), fresh, member, w.now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.log.Add(w.now, late); err != nil {
		t.Fatal(err)
	}
	w.is(fresh, "")
	if _, err := w.log.InviteState(inv.ID, memberID, w.now); api.KindOf(err) != api.KindDenied {
		t.Fatalf("a revoked node's new invite: %v", err)
	}

	// An invite with all it admitted.
	w.add(true, revoke(Revocation{Invite: inv.ID, AllAdmitted: true}, admin))
	w.is(sponsored, "")
	if _, err := w.log.InviteState(inv.ID, fresh, w.now); api.KindOf(err) != api.KindDenied {
		t.Fatalf("a revoked invite: %v", err)
	}

	// The network key revokes admins, and with them what they do afterwards.
	w.add(true, revoke(Revocation{Node: secondID}, w.net))
	w.is(secondID, "")
	w.now = w.now.Add(time.Minute)
	_, _, lateInvite := w.invite(second, api.RoleMember, 1, "")
	w.add(false, lateInvite)
	w.sameInAnyOrder()
}

func mustInviteOf(t *testing.T, k crypto.PrivKey) api.InviteID {
	id, err := IDOf(k)
	if err != nil {
		t.Fatal(err)
	}
	return api.InviteID(id)
}

func TestExpiryAndRenewal(t *testing.T) {
	w := newWorld(t)
	admin, _ := w.founder(api.RoleAdmin)
	ik, _, inv := w.invite(admin, api.RoleMember, 1, "")
	w.add(true, inv)
	member, id := w.join(ik, admin)
	w.now = w.now.Add(80 * 24 * time.Hour)
	w.add(false, w.sign(&Grant{Network: w.id, Node: id, Role: api.RoleMember, Time: w.ms(0), Expires: w.ms(Lifetime)}, member)) // not itself
	w.add(true, w.sign(&Grant{Network: w.id, Node: id, Role: api.RoleMember, Time: w.ms(0), Expires: w.ms(Lifetime)}, admin))
	w.now = w.now.Add(80 * 24 * time.Hour)
	w.is(id, api.RoleMember)
	w.now = w.now.Add(10*24*time.Hour + Tolerance - time.Minute)
	w.is(id, api.RoleMember) // within the tolerance
	w.now = w.now.Add(2 * time.Minute)
	w.is(id, "")
}

func TestFlippedStatements(t *testing.T) {
	w := newWorld(t)
	admin, adminID := w.founder(api.RoleAdmin)
	ik, _, inv := w.invite(admin, api.RoleMember, 1, "")
	w.add(true, inv)
	_, id := key(t)
	adm, err := w.log.Admit(w.claim(ik, id), id, admin, w.now)
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{"grant": w.log.Proof(adminID)[0], "invite": inv, "admission": adm} {
		for i := range raw {
			for _, bit := range []byte{1, 0x80} {
				bad := bytes.Clone(raw)
				bad[i] ^= bit
				if added, _ := w.log.Add(w.now, bad); len(added) != 0 {
					t.Fatalf("%s with byte %d changed was kept", name, i)
				}
			}
			if added, _ := w.log.Add(w.now, raw[:i]); len(added) != 0 {
				t.Fatalf("%s cut at %d was kept", name, i)
			}
		}
		if added, _ := w.log.Add(w.now, append(bytes.Clone(raw), raw...)); len(added) != 0 {
			t.Fatalf("%s said twice was kept", name)
		}
	}
}

// A second encoding of a statement would count as another one.
func TestSummaries(t *testing.T) {
	w := newWorld(t)
	admin, _ := w.founder(api.RoleAdmin)
	_, _, inv := w.invite(admin, api.RoleMember, 1, "")
	other := NewLog(w.id)
	if err := other.Load(w.log.All()...); err != nil {
		t.Fatal(err)
	}
	w.add(true, inv)
	missing := w.log.Missing(other.Summary())
	if len(missing) != 1 || !bytes.Equal(missing[0], inv) {
		t.Fatalf("missing %d statements, want the invite", len(missing))
	}
	if len(other.Missing(w.log.Summary())) != 0 {
		t.Fatal("the smaller log has something that the larger lacks")
	}
}

func fixedKey(t testing.TB, seed byte) (crypto.PrivKey, api.PeerID) {
	k, err := KeyOf([32]byte{seed})
	if err != nil {
		t.Fatal(err)
	}
	id, err := IDOf(k)
	if err != nil {
		t.Fatal(err)
	}
	return k, api.PeerID(id)
}

func FuzzStatement(f *testing.F) {
	netKey, id := fixedKey(f, 1) // the same in every worker
	node, nodeID := fixedKey(f, 2)
	now := time.UnixMilli(1_800_000_000_000)
	grant, err := Sign(&Grant{Network: api.NetworkID(id), Node: nodeID, Role: api.RoleAdmin, Time: now.UnixMilli(), Expires: now.Add(time.Hour).UnixMilli()}, netKey)
	if err != nil {
		f.Fatal(err)
	}
	invite, err := Sign(&Invite{Network: api.NetworkID(id), ID: api.InviteID(nodeID), Role: api.RoleMember, Uses: 1, Created: now.UnixMilli(), Expires: now.Add(time.Hour).UnixMilli()}, node)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(grant)
	f.Add(invite)
	f.Fuzz(func(t *testing.T, raw []byte) {
		l := NewLog(api.NetworkID(id))
		added, err := l.Add(now, raw)
		if len(added) != 0 && (err != nil || !bytes.Equal(raw, grant)) {
			t.Fatalf("a stranger's statement was kept: %x", raw)
		}
	})
}
