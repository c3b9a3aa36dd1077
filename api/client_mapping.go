package api

import (
	"context"
	"net/http"
)

// Map opens a port at a gateway, or says why it cannot be had. It stays over
// restarts until Unmap.
func (c *Client) Map(ctx context.Context, spec MapSpec) (Mapping, error) {
	return post[Mapping](ctx, c, spec, "mappings")
}

// Mappings lists this node's.
func (c *Client) Mappings(ctx context.Context) ([]Mapping, error) {
	return get[[]Mapping](ctx, c, nil, "mappings")
}

// Unmap ends one of this node's.
func (c *Client) Unmap(ctx context.Context, id MappingID) error {
	return c.call(ctx, http.MethodDelete, join([]string{"mappings", string(id)}), nil, nil, nil)
}

// Carried lists the mappings that this node carries for members.
func (c *Client) Carried(ctx context.Context) ([]Carried, error) {
	return get[[]Carried](ctx, c, nil, "lend", "mappings")
}

// CloseCarried ends one of them, and all its connections; its member is told not
// to come back with it.
func (c *Client) CloseCarried(ctx context.Context, id CarriedID) error {
	return c.act(ctx, nil, "lend", "mappings", string(id), "close")
}
