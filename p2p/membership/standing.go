package membership

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// span is a time a node was a member, by one certificate.
type span struct {
	from, to  int64
	decided   int64 // when its role was; using an old invite again decides nothing anew
	role      api.Role
	byNetwork bool // a grant by the network key
	invite    api.InviteID
	st        *statement
}

// spanOf is what a certificate says; ok is false for other statements.
func (p *pass) spanOf(s *statement) (sp span, ok bool) {
	switch b := s.body.(type) {
	case *Grant:
		return span{from: b.Time, to: b.Expires, decided: b.Time, role: b.Role, byNetwork: p.byNetwork(s), st: s}, true
	case *Admission:
		inv := p.inviteBy[hash(b.Invite)].body.(*Invite)
		return span{from: b.Time, to: b.Expires, decided: inv.Created, role: inv.Role, invite: inv.ID, st: s}, true
	}
	return span{}, false
}

// standing is what the log says of one node.
type standing struct {
	late     bool // its every admission came too late for its invite; the rest is empty
	admitted int64
	expires  int64
	role     api.Role
	decided  int64 // when role was
	invite   api.InviteID
	by       api.PeerID
	decides  *statement // where role is from
	last     *statement // where expires is from
}

// stand sums up a node's spans, of which there is one at least.
func stand(spans []span) *standing {
	slices.SortFunc(spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.from, b.from), bytes.Compare(a.st.hash[:], b.st.hash[:]))
	})
	first := spans[0]
	st := &standing{admitted: first.from, invite: first.invite}
	if first.st.claim != nil {
		st.by = first.st.signer
	}
	slices.SortStableFunc(spans, func(a, b span) int { return cmp.Compare(a.decided, b.decided) })
	adminTo := int64(0)
	for _, sp := range spans {
		if sp.to > st.expires {
			st.expires, st.last = sp.to, sp.st
		}
		switch {
		case sp.role == api.RoleAdmin:
			adminTo = max(adminTo, sp.to)
		case sp.byNetwork:
			adminTo = 0
		case sp.decided <= adminTo:
			continue // only the network key unmakes an admin
		}
		st.role, st.decided, st.decides = sp.role, sp.decided, sp.st
	}
	return st
}
