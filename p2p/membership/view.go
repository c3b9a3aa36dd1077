package membership

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// view is the meaning of a set of statements.
type view struct {
	kept           map[hash]bool       // signed by whom it should be
	subjects       map[api.PeerID]bool // of kept certificates
	standings      map[api.PeerID]*standing
	because        map[hash]*item // of the certificates that stand
	invites        map[api.InviteID]*statement
	inviteBy       map[hash]*statement
	used           map[api.InviteID][]api.PeerID // distinct nodes in order; may be longer than Uses
	revoked        map[api.PeerID]int64
	revokedInvites map[api.InviteID]int64
	steps          int
}

// work finds out what statements mean; the order of all does not matter.
func work(network api.NetworkID, all []*statement) view {
	slices.SortFunc(all, func(a, b *statement) int {
		return cmp.Or(cmp.Compare(a.body.at(), b.body.at()), bytes.Compare(a.hash[:], b.hash[:]))
	})
	v := view{kept: map[hash]bool{}, subjects: map[api.PeerID]bool{}, standings: map[api.PeerID]*standing{}, invites: map[api.InviteID]*statement{},
		inviteBy: map[hash]*statement{}, used: map[api.InviteID][]api.PeerID{}, revoked: map[api.PeerID]int64{}, revokedInvites: map[api.InviteID]int64{}}
	p := &pass{network: network, inviteBy: v.inviteBy, revoked: map[api.PeerID]int64{}, revokedInvites: map[api.InviteID]int64{}, demoted: map[api.PeerID][]int64{}}
	var certs []*statement
	for _, s := range all {
		switch b := s.body.(type) {
		case *Invite:
			v.inviteBy[s.hash] = s
		case *Admission:
			certs = append(certs, s)
		case *Grant:
			certs = append(certs, s)
			if p.byNetwork(s) && b.Role != api.RoleAdmin {
				p.demoted[b.Node] = append(p.demoted[b.Node], b.Time)
			}
		case *Revocation:
			switch {
			case !p.byNetwork(s):
			case b.Node != "":
				earliest(p.revoked, b.Node, b.Time)
			default:
				earliest(p.revokedInvites, b.Invite, b.Time)
			}
		}
	}
	p.run(all) // stratum 1
	within := v.structure(p, all)
	v.revocations(p, all) // stratum 2
	last := &pass{network: network, inviteBy: v.inviteBy, revoked: v.revoked, revokedInvites: v.revokedInvites, allowed: within, demoted: p.demoted, settled: map[hash]*item{}}
	for _, s := range certs { // no admin undoes another, by revoking who admitted it neither
		if it := p.accepted[s.hash]; it != nil && (s.claim == nil || within[s.hash]) {
			if sp, _ := p.spanOf(s); sp.role == api.RoleAdmin {
				last.settled[s.hash] = it
			}
		}
	}
	last.run(certs) // stratum 3
	v.because, v.steps = last.accepted, p.steps+last.steps
	for node, spans := range last.spans {
		v.standings[node] = stand(spans)
	}
	for _, s := range certs { // remember those who came too late, to tell them so
		if s.claim != nil && p.accepted[s.hash] != nil && !within[s.hash] && v.standings[s.claim.Node] == nil {
			v.standings[s.claim.Node] = &standing{late: true}
		}
	}
	return v
}

// structure takes over what holds by p, and returns the admissions that are
// within the uses of their invites.
func (v *view) structure(p *pass, all []*statement) (within map[hash]bool) {
	within = map[hash]bool{}
	order := map[api.InviteID]map[api.PeerID]int{}
	for _, s := range all {
		if p.accepted[s.hash] == nil {
			continue
		}
		switch b := s.body.(type) {
		case *Invite:
			v.kept[s.hash] = true
			if v.invites[b.ID] == nil {
				v.invites[b.ID] = s
			}
		case *Grant:
			v.kept[s.hash], v.subjects[b.Node] = true, true
		case *Admission:
			id, node := s.claim.Invite, s.claim.Node
			v.kept[s.hash], v.subjects[node] = true, true
			if order[id] == nil {
				order[id] = map[api.PeerID]int{}
			}
			at, again := order[id][node]
			if !again {
				at = len(v.used[id])
				order[id][node], v.used[id] = at, append(v.used[id], node)
			}
			within[s.hash] = at < p.inviteBy[hash(b.Invite)].body.(*Invite).Uses
		}
	}
	return within
}

// revocations works out who and what is revoked.
func (v *view) revocations(p *pass, all []*statement) {
	admins := map[api.PeerID]bool{}
	protected := func(node api.PeerID) bool { // from admins
		is, known := admins[node]
		if !known {
			is = p.isAdmin(node)
			admins[node] = is
		}
		return is
	}
	wholly := map[bool]map[api.InviteID]int64{true: {}, false: {}} // by the network, by an admin: with all it admitted
	for _, s := range all {
		b, ok := s.body.(*Revocation)
		if !ok || p.accepted[s.hash] == nil || (b.Node != "" && !p.byNetwork(s) && protected(b.Node)) {
			continue
		}
		v.kept[s.hash] = true
		switch {
		case b.Node != "":
			earliest(v.revoked, b.Node, b.Time)
		case b.AllAdmitted:
			earliest(wholly[p.byNetwork(s)], b.Invite, b.Time)
			fallthrough
		default:
			earliest(v.revokedInvites, b.Invite, b.Time)
		}
	}
	for byNetwork, invites := range wholly {
		for id, at := range invites {
			for _, node := range v.used[id] {
				p.steps++
				if byNetwork || !protected(node) {
					earliest(v.revoked, node, at)
				}
			}
		}
	}
}

func earliest[K comparable](m map[K]int64, k K, t int64) {
	if old, ok := m[k]; !ok || t < old {
		m[k] = max(t, 1)
	}
}
