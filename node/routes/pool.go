package routes

import (
	"context"
	"slices"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/node/door"
)

// PeerPath is the input of routes about a peer.
type PeerPath struct {
	Peer string `path:"peer" maxLength:"200" doc:"a name, a unique part of an id, an address, or self"`
}

type peersIn struct {
	Where string `query:"where" maxLength:"1000" doc:"CEL over the peer record: those for which it is true"`
}

func (s *Services) peers(_ context.Context, in *peersIn) ([]api.Peer, error) {
	match, err := s.Pool.Where(in.Where)
	if err != nil {
		return nil, err
	}
	return list(slices.DeleteFunc(s.Pool.Peers(), func(p api.Peer) bool { return !match(&p) })), nil
}

func (s *Services) peer(_ context.Context, in *PeerPath) (api.Peer, error) {
	id, err := s.Pool.Resolve(in.Peer)
	if err != nil {
		return api.Peer{}, err
	}
	p, ok := s.Pool.Peer(id)
	if !ok {
		return api.Peer{}, api.Errorf(api.KindNotFound, "no peer %q is known", in.Peer).WithHint("see: p2prc peers")
	}
	return p, nil
}

type addPeerIn struct {
	Body api.AddrRequest
}

func (s *Services) addPeer(ctx context.Context, in *addPeerIn) (api.Peer, error) {
	return s.Pool.AddAddr(ctx, in.Body.Addr)
}

func (s *Services) refreshPeers(ctx context.Context, _ *door.None) ([]api.Peer, error) {
	if err := s.Pool.Refresh(ctx); err != nil {
		return nil, err
	}
	return list(s.Pool.Peers()), nil
}

func (s *Services) pingPeer(ctx context.Context, in *PeerPath) (api.PingResult, error) {
	id, err := s.Pool.Resolve(in.Peer)
	if err != nil {
		return api.PingResult{}, err
	}
	d, err := s.Pool.Ping(ctx, id)
	return api.PingResult{Latency: api.Duration(d)}, err
}

func (s *Services) speedPeer(ctx context.Context, in *PeerPath) (api.SpeedResult, error) {
	id, err := s.Pool.Resolve(in.Peer)
	if err != nil {
		return api.SpeedResult{}, err
	}
	return s.Pool.Speed(ctx, id)
}

func (s *Services) peerSpecs(ctx context.Context, in *PeerPath) (api.Specs, error) {
	id, err := s.Pool.Resolve(in.Peer)
	if err != nil {
		return api.Specs{}, err
	}
	return s.Pool.PeerSpecs(ctx, id)
}

func (s *Services) invites(context.Context, *door.None) ([]api.Invite, error) {
	return list(s.Members.Invites()), nil
}

type inviteIn struct {
	Body api.InviteRequest
}

func (s *Services) createInvite(ctx context.Context, in *inviteIn) (api.InviteToken, error) {
	return s.Members.Invite(ctx, in.Body)
}

type inviteIDIn struct {
	ID string `path:"id" maxLength:"200" doc:"an invite's id, or a unique part of it"`
}

func (s *Services) revokeInvite(ctx context.Context, in *inviteIDIn) error {
	var ids []string
	for _, i := range s.Members.Invites() {
		ids = append(ids, string(i.ID))
	}
	id, err := unique("invite", "p2prc invite ls", in.ID, ids)
	if err != nil {
		return err
	}
	return s.Members.RevokeInvite(ctx, api.InviteID(id))
}

type joinIn struct {
	Body api.JoinRequest
}

func (s *Services) join(ctx context.Context, in *joinIn) (api.JoinResult, error) {
	return s.Members.Join(ctx, in.Body.Token)
}

func (s *Services) leave(ctx context.Context, _ *door.None) error { return s.Members.Leave(ctx) }

type keyIn struct {
	Body api.KeyRequest
}

func (s *Services) exportKey(_ context.Context, in *keyIn) (api.NetworkKey, error) {
	return s.Members.ExportKey(in.Body.Passphrase)
}

func (s *Services) removeKey(ctx context.Context, in *keyIn) error {
	return s.Members.RemoveKey(ctx, in.Body.Export, in.Body.Passphrase)
}

func (s *Services) restoreKey(ctx context.Context, in *keyIn) (api.JoinResult, error) {
	return s.Members.RestoreKey(ctx, in.Body.Export, in.Body.Passphrase)
}

func (s *Services) members(context.Context, *door.None) ([]api.Member, error) {
	return list(s.Members.Members()), nil
}

type roleIn struct {
	Peer string `path:"peer" maxLength:"200" doc:"a name, or a unique part of an id"`
	Body api.RoleRequest
}

func (s *Services) setRole(ctx context.Context, in *roleIn) error {
	id, err := s.member(in.Peer)
	if err != nil {
		return err
	}
	return s.Members.SetRole(ctx, id, in.Body.Role)
}

type revokeIn struct {
	Body api.RevokeRequest
}

func (s *Services) revoke(ctx context.Context, in *revokeIn) error {
	req := in.Body
	if (req.Node == "") == (req.Invite == "") {
		return api.Errorf(api.KindInvalid, "name a node or an invite, one of them")
	}
	if req.Node != "" {
		id, err := s.member(string(req.Node))
		if err != nil {
			return err
		}
		req.Node = id
	}
	return s.Members.Revoke(ctx, req)
}

// member finds a node by what a person calls it. Members that were never seen
// here are not in the peer table, so the membership log is asked first.
func (s *Services) member(name string) (api.PeerID, error) {
	var found []api.PeerID
	for _, m := range s.Members.Members() {
		if string(m.ID) == name {
			return m.ID, nil
		}
		if m.Name == name {
			found = append(found, m.ID)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	return s.Pool.Resolve(name)
}

// list makes an empty listing an empty array, not null.
func list[T any](rows []T) []T {
	if rows == nil {
		return []T{}
	}
	return rows
}
