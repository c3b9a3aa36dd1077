package membership

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// span is a time a node was a member, by one certificate.
type span struct {
	from, to int64
	role     api.Role
	st       *statement
}

// standing is what the log says of one node. spans is empty for a node whose
// every admission came too late for its invite.
type standing struct {
	spans  []span
	invite api.InviteID
	by     api.PeerID
}

func (s *standing) expires() int64 {
	e := int64(0)
	for _, sp := range s.spans {
		e = max(e, sp.to)
	}
	return e
}

// role is that of the newest certificate.
func (s *standing) role() api.Role { return s.spans[len(s.spans)-1].role }

// view is the meaning of a set of statements.
type view struct {
	kept           map[hash]bool       // signed by whom it should be
	subjects       map[api.PeerID]bool // of kept certificates
	standings      map[api.PeerID]*standing
	invites        map[api.InviteID]*statement // the first of each
	inviteBy       map[hash]*statement
	used           map[api.InviteID][]api.PeerID // distinct nodes in order; may be longer than Uses
	revoked        map[api.PeerID]int64
	revokedInvites map[api.InviteID]int64
}

// inviteOf is the invite statement that an accepted admission names.
func (v *view) inviteOf(admission *statement) *statement {
	return v.inviteBy[hash(admission.body.(*Admission).Invite)]
}

// pass is one stratum's look at the certificates.
type pass struct {
	network        api.NetworkID
	certs          []*statement // admissions and grants in (time, hash) order
	inviteBy       map[hash]*statement
	revoked        map[api.PeerID]int64
	revokedInvites map[api.InviteID]int64
	allowed        map[hash]bool // nil: all admissions may stand, else only these
	standings      map[api.PeerID]*standing
	accepted       map[hash]bool
}

// work finds out what statements mean; the order of all does not matter.
func work(network api.NetworkID, all []*statement) view {
	slices.SortFunc(all, func(a, b *statement) int {
		if c := cmp.Compare(a.body.at(), b.body.at()); c != 0 {
			return c
		}
		return bytes.Compare(a.hash[:], b.hash[:])
	})
	v := view{kept: map[hash]bool{}, subjects: map[api.PeerID]bool{}, invites: map[api.InviteID]*statement{}, inviteBy: map[hash]*statement{}, used: map[api.InviteID][]api.PeerID{},
		revoked: map[api.PeerID]int64{}, revokedInvites: map[api.InviteID]int64{}}
	var invites, certs, revocations []*statement
	for _, s := range all {
		switch s.body.(type) {
		case *Invite:
			v.inviteBy[s.hash] = s
			invites = append(invites, s)
		case *Admission, *Grant:
			certs = append(certs, s)
		case *Revocation:
			revocations = append(revocations, s)
		}
	}

	// Stratum 1: structure.
	p := &pass{network: network, certs: certs, inviteBy: v.inviteBy, revoked: map[api.PeerID]int64{}, revokedInvites: map[api.InviteID]int64{}}
	for _, s := range revocations {
		if b := s.body.(*Revocation); string(s.signer) == string(network) && b.Node != "" {
			earliest(p.revoked, b.Node, b.Time)
		}
	}
	p.run()
	for _, s := range invites {
		if b := s.body.(*Invite); p.mayInvite(s.signer, b.Created) {
			v.kept[s.hash] = true
			if v.invites[b.ID] == nil {
				v.invites[b.ID] = s
			}
		}
	}
	within := map[hash]bool{}
	for _, s := range certs {
		if !p.accepted[s.hash] {
			continue
		}
		v.kept[s.hash] = true
		v.subjects[s.subject()] = true
		if s.claim == nil {
			continue
		}
		used, inv := v.used[s.claim.Invite], v.inviteOf(s).body.(*Invite)
		at := slices.Index(used, s.claim.Node)
		if at < 0 {
			at = len(used)
			v.used[s.claim.Invite] = append(used, s.claim.Node)
		}
		within[s.hash] = at < inv.Uses
	}

	// Stratum 2: revocations.
	for _, s := range revocations {
		b, byNetwork := s.body.(*Revocation), string(s.signer) == string(network)
		if !byNetwork && !p.memberAt(s.signer, b.Time, true) {
			continue
		}
		if b.Node != "" {
			if byNetwork || !p.everAdmin(b.Node) {
				v.kept[s.hash] = true
				earliest(v.revoked, b.Node, b.Time)
			}
			continue
		}
		v.kept[s.hash] = true
		earliest(v.revokedInvites, b.Invite, b.Time)
		if b.AllAdmitted {
			for _, node := range v.used[b.Invite] {
				if byNetwork || !p.everAdmin(node) {
					earliest(v.revoked, node, b.Time)
				}
			}
		}
	}

	// Stratum 3: membership.
	last := &pass{network: network, certs: certs, inviteBy: v.inviteBy, revoked: v.revoked, revokedInvites: v.revokedInvites, allowed: within}
	last.run()
	v.standings = last.standings
	for _, s := range certs { // remember those who came too late, to tell them so
		if s.claim != nil && p.accepted[s.hash] && !within[s.hash] && v.standings[s.claim.Node] == nil {
			v.standings[s.claim.Node] = &standing{}
		}
	}
	return v
}

// run accepts certificates until no more can be: a signer's own certificate may
// carry a slightly later time than what it signed, because clocks differ.
func (p *pass) run() {
	p.standings, p.accepted = map[api.PeerID]*standing{}, map[hash]bool{}
	for again := true; again; {
		again = false
		for _, s := range p.certs {
			if !p.accepted[s.hash] && p.accept(s) {
				p.accepted[s.hash], again = true, true
			}
		}
	}
	for _, st := range p.standings {
		slices.SortStableFunc(st.spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	}
}

func (p *pass) accept(s *statement) bool {
	switch b := s.body.(type) {
	case *Grant:
		st := p.standings[b.Node]
		if string(s.signer) != string(p.network) {
			// An admin renews; it does not promote, nor itself.
			if s.signer == b.Node || st == nil || st.spans[0].role != b.Role || !p.memberAt(s.signer, b.Time, true) {
				return false
			}
		}
		p.stand(b.Node, "", "", span{b.Time, b.Expires, b.Role, s})
		return true
	case *Admission:
		is := p.inviteBy[hash(b.Invite)]
		if is == nil || is.body.(*Invite).ID != s.claim.Invite || s.signer == s.claim.Node || (p.allowed != nil && !p.allowed[s.hash]) {
			return false
		}
		inv, tol := is.body.(*Invite), Tolerance.Milliseconds()
		if b.Time < inv.Created-tol || b.Time > inv.Expires+tol || (inv.Node != "" && inv.Node != s.claim.Node) {
			return false
		}
		if r := p.revokedInvites[inv.ID]; r != 0 && b.Time > r {
			return false
		}
		if !p.mayInvite(is.signer, inv.Created) || !p.mayInvite(is.signer, b.Time) || !p.memberAt(s.signer, b.Time, false) {
			return false
		}
		p.stand(s.claim.Node, inv.ID, s.signer, span{b.Time, b.Expires, inv.Role, s})
		return true
	}
	return false
}

func (p *pass) stand(node api.PeerID, invite api.InviteID, by api.PeerID, sp span) {
	st := p.standings[node]
	if st == nil {
		st = &standing{invite: invite, by: by}
		p.standings[node] = st
	}
	st.spans = append(st.spans, sp)
}

// mayInvite tells whether signer could make or keep up an invite at t. An invite
// outlives its admin's certificate as long as that is renewed, and ends with a revocation.
func (p *pass) mayInvite(signer api.PeerID, t int64) bool {
	return string(signer) == string(p.network) || p.memberAt(signer, t, true)
}

// memberAt tells whether id was a member (an admin) at t.
func (p *pass) memberAt(id api.PeerID, t int64, admin bool) bool {
	st := p.standings[id]
	if r := p.revoked[id]; st == nil || (r != 0 && t > r) {
		return false
	}
	tol := Tolerance.Milliseconds()
	return slices.ContainsFunc(st.spans, func(s span) bool {
		return s.from-tol <= t && t <= s.to+tol && (!admin || s.role == api.RoleAdmin)
	})
}

func (p *pass) everAdmin(id api.PeerID) bool {
	st := p.standings[id]
	return st != nil && slices.ContainsFunc(st.spans, func(s span) bool { return s.role == api.RoleAdmin })
}

func earliest[K comparable](m map[K]int64, k K, t int64) {
	if old, ok := m[k]; !ok || t < old {
		m[k] = max(t, 1)
	}
}
