package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
)

// Forward listens on a port of this machine and carries what connects there to
// its target, until ctx ends or fn fails. The first event says where it listens.
func (c *Client) Forward(ctx context.Context, spec ForwardSpec, fn func(ForwardEvent) error) error {
	body, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	resp, err := c.do(ctx, http.MethodPost, join([]string{"forward"}), nil, jsonType, bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return eachRow(ctx, c, resp.Body, fn)
}

// Tunnels lists the connections of members to something on or beside this machine.
func (c *Client) Tunnels(ctx context.Context) ([]Tunnel, error) {
	return get[[]Tunnel](ctx, c, nil, "lend", "tunnels")
}

// CloseTunnel ends one of them.
func (c *Client) CloseTunnel(ctx context.Context, id TunnelID) error {
	return c.act(ctx, nil, "lend", "tunnels", string(id), "close")
}
