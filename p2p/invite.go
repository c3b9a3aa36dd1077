package p2p

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/p2p/membership"
)

const (
	defaultInvite = time.Hour
	maxInvite     = 365 * 24 * time.Hour
)

// authority is the key with which this node may invite and revoke: the network's
// if the home holds it, else its own if it is an admin (KindDenied otherwise).
func (n *Net) authority(p *pool) (crypto.PrivKey, error) {
	if key := p.networkKey(); key != nil {
		return key, nil
	}
	if role, err := p.log.Check(n.id, n.cfg.now()); err != nil || role != api.RoleAdmin {
		return nil, api.Errorf(api.KindDenied, "only admins may invite and revoke").WithHint("ask an admin: `p2prc members` shows who is")
	}
	return n.key, nil
}

// publish makes statements durable, acts on them, and tells the others if there is a host.
func (n *Net) publish(ctx context.Context, p *pool, statement []byte) error {
	added, err := p.add(ctx, n.cfg.now(), statement)
	if err != nil {
		return err
	}
	if len(added) == 0 {
		return api.Errorf(api.KindDenied, "the network does not let this node do that").WithHint("`p2prc members` shows its role")
	}
	if s := n.session(); s != nil && s.pool == p {
		s.spread(added)
	}
	return nil
}

// Invite makes an invite and its token; the token is not kept.
func (n *Net) Invite(ctx context.Context, req api.InviteRequest) (api.InviteToken, error) {
	role, uses, lasts := cmp.Or(req.Role, api.RoleMember), cmp.Or(req.Uses, 1), cmp.Or(time.Duration(req.Expires), defaultInvite)
	bad := func(msg, hint string) (api.InviteToken, error) {
		return api.InviteToken{}, &api.Error{Op: "invite", Kind: api.KindInvalid, Msg: msg, Hint: hint}
	}
	switch {
	case !role.Valid():
		return bad("there is no role "+string(role), "one of member, lender, borrower, admin")
	case uses < 1 || uses > membership.MaxUses:
		return bad("an invite admits 1 to 1000 nodes", "")
	case lasts < time.Minute || lasts > maxInvite:
		return bad("an invite lasts 1m to 8760h", "")
	case role == api.RoleAdmin && req.Node == "":
		return bad("an invite for an admin must name its node", "get the id there with `p2prc status` and use --node ID")
	case role == api.RoleAdmin && uses != 1:
		return bad("an invite for an admin admits one node", "")
	}
	if req.Node != "" {
		if _, err := peer.Decode(string(req.Node)); err != nil {
			return bad("not a node id: "+string(req.Node), "`p2prc status` on that machine shows it")
		}
	}
	p := n.current()
	key, err := n.authority(p)
	if err != nil {
		return api.InviteToken{}, err
	}
	if _, err := n.connected(ctx); err != nil { // its token names the addresses at which the node can be met
		return api.InviteToken{}, err
	}
	secret, err := membership.NewSecret()
	if err != nil {
		return api.InviteToken{}, err
	}
	now := n.cfg.now()
	t := membership.Token{Network: p.id, Secret: secret, Expires: now.Add(lasts), Members: n.places(p)}
	id, err := t.Invite()
	if err != nil {
		return api.InviteToken{}, err
	}
	raw, err := membership.Sign(&membership.Invite{Network: p.id, ID: id, Role: role, Uses: uses, Node: req.Node, Created: now.UnixMilli(), Expires: t.Expires.UnixMilli()}, key)
	if err != nil {
		return api.InviteToken{}, err
	}
	text, err := t.Encode()
	if err != nil {
		return api.InviteToken{}, err
	}
	if err := n.publish(ctx, p, raw); err != nil {
		return api.InviteToken{}, err
	}
	if s := n.session(); s != nil {
		s.gater.forgive("") // who was refused before may be the one that is invited now
	}
	return api.InviteToken{Token: text, Invite: api.Invite{ID: id, Role: role, Uses: uses, Node: req.Node, Created: now.UTC(), Expires: t.Expires.UTC()}}, nil
}

// maxPlaces is how many members a token names.
const maxPlaces = 3

// places is where a joiner may find members: this node and a few live ones. Those
// with public addresses come first: a joiner tries them in this order, and cannot
// be let in through a relay.
func (n *Net) places(p *pool) []peer.AddrInfo {
	var out []peer.AddrInfo
	add := func(e entry) {
		if info, err := addrInfo(e.rec); err == nil {
			if addrs := forToken(info.Addrs); len(addrs) > 0 {
				out = append(out, peer.AddrInfo{ID: info.ID, Addrs: addrs})
			}
		}
	}
	if e, ok := p.table.get(n.id); ok {
		add(e)
	}
	for _, state := range []api.PeerState{api.PeerAlive, api.PeerSuspect} {
		for _, e := range p.table.list() {
			if e.state == state {
				add(e)
			}
		}
	}
	private := func(m peer.AddrInfo) int {
		if slices.ContainsFunc(m.Addrs, manet.IsPublicAddr) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(out, func(a, b peer.AddrInfo) int { return private(a) - private(b) })
	if self := slices.IndexFunc(out, func(m peer.AddrInfo) bool { return m.ID == n.pid }); self >= maxPlaces {
		out[maxPlaces-1] = out[self] // for who joins on the same network
	}
	return out[:min(len(out), maxPlaces)]
}

// forToken picks addresses for a token: TCP before QUIC, public before private
// before loopback, at most four, so that the token stays one short line.
func forToken(all []multiaddr.Multiaddr) []multiaddr.Multiaddr {
	var ranked [6][]multiaddr.Multiaddr
	for _, a := range all {
		rank := 2
		switch {
		case manet.IsIPLoopback(a):
			rank = 4
		case manet.IsPublicAddr(a):
			rank = 0
		case manet.IsIP6LinkLocal(a) || relayed(a):
			continue // means nothing to a machine that is no member yet
		}
		if _, err := a.ValueForProtocol(multiaddr.P_TCP); err != nil {
			rank++
		}
		ranked[rank] = append(ranked[rank], a)
	}
	var out []multiaddr.Multiaddr
	for _, r := range ranked {
		out = append(out, r...)
	}
	if len(out) > 4 {
		last := out[3]
		for _, a := range ranked[4] { // a pool on one machine needs its loopback
			last = a
			break
		}
		out = append(out[:3:3], last)
	}
	return out
}

// Invites lists the network's invites, oldest first.
func (n *Net) Invites() []api.Invite { return n.current().log.Invites() }

// RevokeInvite ends an invite; nodes that it admitted stay.
func (n *Net) RevokeInvite(ctx context.Context, id api.InviteID) error {
	return n.Revoke(ctx, api.RevokeRequest{Invite: id})
}

// Revoke ends a node's membership, or an invite with or without all it admitted.
// It is durable when it returns, and bites on every member that hears of it,
// which takes well under 5 s among those connected. Errors: KindDenied for who is no admin, or for an
// admin without the network key; KindNotFound for an unknown node or invite.
func (n *Net) Revoke(ctx context.Context, req api.RevokeRequest) error {
	if (req.Node == "") == (req.Invite == "") {
		return api.Errorf(api.KindInvalid, "name either a node or an invite to revoke")
	}
	p := n.current()
	key, err := n.authority(p)
	if err != nil {
		return err
	}
	if req.Node == n.id {
		return api.Errorf(api.KindInvalid, "a node does not revoke itself").WithHint("`p2prc leave` leaves the network")
	}
	known := false
	for _, m := range p.log.Members() {
		if m.ID != req.Node {
			continue
		}
		known = true
		if m.Revoked {
			return api.Errorf(api.KindConflict, "%s is revoked already", m.ID.Short()).WithHint("`p2prc members` shows it")
		}
		if m.Role == api.RoleAdmin && p.networkKey() == nil {
			return api.Errorf(api.KindDenied, "only the network key revokes an admin").WithHint("do it on the home that holds the network's key")
		}
	}
	for _, i := range p.log.Invites() {
		known = known || i.ID == req.Invite
	}
	if !known {
		return api.Errorf(api.KindNotFound, "no such member or invite").WithHint("`p2prc members` and `p2prc invite ls` list them")
	}
	if len(req.Reason) > 200 {
		return api.Errorf(api.KindTooLarge, "the reason is longer than 200 bytes")
	}
	raw, err := membership.Sign(&membership.Revocation{Network: p.id, Node: req.Node, Invite: req.Invite, AllAdmitted: req.AllAdmitted, Time: n.cfg.now().UnixMilli(), Reason: req.Reason}, key)
	if err != nil {
		return err
	}
	return n.publish(ctx, p, raw)
}
