package api

import (
	"context"
	"net/http"
)

// Groups lists the groups with their containers.
func (c *Client) Groups(ctx context.Context) ([]Group, error) {
	return get[[]Group](ctx, c, nil, "groups")
}

// Group is one of them.
func (c *Client) Group(ctx context.Context, name string) (Group, error) {
	return get[Group](ctx, c, nil, "groups", name)
}

// CreateGroup makes a group of containers, or of none.
func (c *Client) CreateGroup(ctx context.Context, g Group) (Group, error) {
	return post[Group](ctx, c, g, "groups")
}

// AddToGroup puts containers into a group; one that is in it stays.
func (c *Client) AddToGroup(ctx context.Context, name string, containers ...string) (Group, error) {
	return post[Group](ctx, c, GroupChange{containers}, "groups", name, "add")
}

// RemoveFromGroup takes containers out of a group; they live on.
func (c *Client) RemoveFromGroup(ctx context.Context, name string, containers ...string) (Group, error) {
	return post[Group](ctx, c, GroupChange{containers}, "groups", name, "remove")
}

// RemoveGroup forgets a group; its containers live on.
func (c *Client) RemoveGroup(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, join([]string{"groups", name}), nil, nil, nil)
}
