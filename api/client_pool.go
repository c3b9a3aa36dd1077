package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
)

// AddrRequest names a node by an address alone: host:port or a multiaddr.
type AddrRequest struct {
	Addr string `json:"addr" minLength:"1" maxLength:"1000" doc:"host:port, or a multiaddr"`
}

// MetaRequest sets the custom text of a node's record.
type MetaRequest struct {
	Text string `json:"text" maxLength:"4096"`
}

// PingResult is a round trip measured just now.
type PingResult struct {
	Latency Duration `json:"latency"`
}

// SpeedResult is what the path to a peer carried just now.
type SpeedResult struct {
	Path    PathKind   `json:"path"`
	Via     PeerID     `json:"via,omitempty" doc:"the relay of a relayed path"`
	Latency Duration   `json:"latency" doc:"round trip, before anything else was sent"`
	Down    Throughput `json:"down" doc:"from the peer"`
	Up      Throughput `json:"up" doc:"to the peer"`
}

// Throughput is what went one way.
type Throughput struct {
	Bytes int64    `json:"bytes"`
	Time  Duration `json:"time"`
	Mbit  float64  `json:"mbit_per_s"`
}

// Status is the node at a glance.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return get[Status](ctx, c, nil, "status")
}

// Doctor looks at the node's place in the network now.
func (c *Client) Doctor(ctx context.Context) (Diagnosis, error) {
	return get[Diagnosis](ctx, c, nil, "doctor")
}

// PeerStatus is what a node tells its peers; only the peers' door has it.
func (c *Client) PeerStatus(ctx context.Context) (PeerStatus, error) {
	return get[PeerStatus](ctx, c, nil, "peer-status")
}

// Specs is what the node's machine is.
func (c *Client) Specs(ctx context.Context) (Specs, error) { return get[Specs](ctx, c, nil, "specs") }

// OpenAPI is the node's OpenAPI document.
func (c *Client) OpenAPI(ctx context.Context) (json.RawMessage, error) {
	return get[json.RawMessage](ctx, c, nil, "openapi.json")
}

// Shutdown asks the node to stop; it answers before it does.
func (c *Client) Shutdown(ctx context.Context) error { return c.act(ctx, nil, "shutdown") }

// Events calls fn for each event after since. With follow it goes on until ctx
// is done or fn fails; without, it ends with the last event there is. Events
// that the node no longer has are told by one EventGap first.
func (c *Client) Events(ctx context.Context, since Cursor, follow bool, fn func(Event) error) error {
	q := url.Values{"since": {strconv.FormatInt(int64(since), 10)}, "follow": {strconv.FormatBool(follow)}}
	return stream(ctx, c, q, fn, "events")
}

// Peers is the peer table, this node included.
func (c *Client) Peers(ctx context.Context) ([]Peer, error) { return get[[]Peer](ctx, c, nil, "peers") }

// Peer is one row of the peer table.
func (c *Client) Peer(ctx context.Context, peer string) (Peer, error) {
	return get[Peer](ctx, c, nil, "peers", peer)
}

// AddPeer dials an address, learns whose it is and adds it if it is a member.
func (c *Client) AddPeer(ctx context.Context, addr string) (Peer, error) {
	return post[Peer](ctx, c, AddrRequest{Addr: addr}, "peers")
}

// RefreshPeers asks every known peer anew and returns the table.
func (c *Client) RefreshPeers(ctx context.Context) ([]Peer, error) {
	return post[[]Peer](ctx, c, nil, "peers", "refresh")
}

// PingPeer measures the round trip to a peer now.
func (c *Client) PingPeer(ctx context.Context, peer string) (PingResult, error) {
	return post[PingResult](ctx, c, nil, "peers", peer, "ping")
}

// SpeedPeer measures what the path to a peer carries, both ways: at most 64 MiB and
// two seconds each.
func (c *Client) SpeedPeer(ctx context.Context, peer string) (SpeedResult, error) {
	return post[SpeedResult](ctx, c, nil, "peers", peer, "speed")
}

// PeerSpecs asks a peer itself what its machine is.
func (c *Client) PeerSpecs(ctx context.Context, peer string) (Specs, error) {
	return get[Specs](ctx, c, nil, "peers", peer, "specs")
}

// SetLabels replaces the labels of the node's record.
func (c *Client) SetLabels(ctx context.Context, labels map[string]string) error {
	if labels == nil {
		labels = map[string]string{}
	}
	return c.call(ctx, http.MethodPut, "/v1/labels", nil, labels, nil)
}

// SetMeta replaces the custom text of the node's record.
func (c *Client) SetMeta(ctx context.Context, text string) error {
	return c.call(ctx, http.MethodPut, "/v1/meta", nil, MetaRequest{Text: text}, nil)
}

// Invites lists the invites this node made.
func (c *Client) Invites(ctx context.Context) ([]Invite, error) {
	return get[[]Invite](ctx, c, nil, "invites")
}

// CreateInvite makes an invite; the answer holds its token, shown only now.
func (c *Client) CreateInvite(ctx context.Context, req InviteRequest) (InviteToken, error) {
	return post[InviteToken](ctx, c, req, "invites")
}

// RevokeInvite makes an invite admit nobody any more.
func (c *Client) RevokeInvite(ctx context.Context, id InviteID) error {
	return c.call(ctx, http.MethodDelete, join([]string{"invites", string(id)}), nil, nil, nil)
}

// Join takes the node into the network of an invite.
func (c *Client) Join(ctx context.Context, token string) (JoinResult, error) {
	return post[JoinResult](ctx, c, JoinRequest{Token: token}, "join")
}

// Leave takes the node out of its network, into a new one of its own.
func (c *Client) Leave(ctx context.Context) error { return c.act(ctx, nil, "leave") }

// ExportKey encrypts the network's key.
func (c *Client) ExportKey(ctx context.Context, passphrase string) (NetworkKey, error) {
	return post[NetworkKey](ctx, c, KeyRequest{Passphrase: passphrase}, "network", "key", "export")
}

// RemoveKey takes the network's key off the home; the export is the proof that it can come back.
func (c *Client) RemoveKey(ctx context.Context, export, passphrase string) error {
	return c.act(ctx, KeyRequest{Passphrase: passphrase, Export: export}, "network", "key", "remove")
}

// RestoreKey brings an exported key back, and the node into its network.
func (c *Client) RestoreKey(ctx context.Context, export, passphrase string) (JoinResult, error) {
	return post[JoinResult](ctx, c, KeyRequest{Passphrase: passphrase, Export: export}, "network", "key", "restore")
}

// Members lists the admitted nodes, seen or not.
func (c *Client) Members(ctx context.Context) ([]Member, error) {
	return get[[]Member](ctx, c, nil, "members")
}

// SetRole gives a member another role.
func (c *Client) SetRole(ctx context.Context, member string, role Role) error {
	return c.call(ctx, http.MethodPut, join([]string{"members", member, "role"}), nil, RoleRequest{Role: role}, nil)
}

// Revoke ends memberships.
func (c *Client) Revoke(ctx context.Context, req RevokeRequest) error {
	return c.act(ctx, req, "revocations")
}
