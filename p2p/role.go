package p2p

import (
	"context"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/p2p/membership"
)

// SetRole gives a member another role. It is durable when it returns, and bites
// like a revocation, within seconds. Errors: KindDenied for who is no admin, and where only the
// network key may (to make an admin, or to make something else of one);
// KindNotFound for who was never admitted; KindConflict for who is out; KindInvalid
// for oneself.
func (n *Net) SetRole(ctx context.Context, node api.PeerID, role api.Role) error {
	if !role.Valid() {
		return api.Errorf(api.KindInvalid, "there is no role %q", role).WithHint("one of member, lender, borrower, admin")
	}
	p := n.current()
	key, err := n.authority(p)
	if err != nil {
		return err
	}
	if node == n.id {
		return api.Errorf(api.KindInvalid, "a node does not change its own role").WithHint("another admin can; what this machine lends is `p2prc lend`'s")
	}
	m, err := p.member(node)
	if err != nil {
		return err
	}
	now := n.cfg.now()
	switch {
	case m.Revoked || now.Add(-membership.Tolerance).After(m.Expires):
		return api.Errorf(api.KindConflict, "%s is no member any more", node.Short()).WithHint("`p2prc members` shows it")
	case m.Role == role:
		return nil
	case p.networkKey() == nil && (role == api.RoleAdmin || m.Role == api.RoleAdmin):
		return api.Errorf(api.KindDenied, "only the network key makes and unmakes admins").WithHint("do it on the home that holds the network's key, or invite the node: p2prc invite --role admin --node %s", node)
	}
	at := max(now.UnixMilli(), p.log.Decided(node)+1) // the last word counts, also after that of an admin whose clock is ahead
	raw, err := membership.Sign(&membership.Grant{Network: p.id, Node: node, Role: role, Time: at, Expires: at + membership.Lifetime.Milliseconds()}, key)
	if err != nil {
		return err
	}
	return n.publish(ctx, p, raw)
}

// member is what the log says of one node.
func (p *pool) member(id api.PeerID) (api.Member, error) {
	for _, m := range p.log.Members() {
		if m.ID == id {
			return m, nil
		}
	}
	return api.Member{}, api.Errorf(api.KindNotFound, "no such member").WithHint("`p2prc members` lists them")
}
