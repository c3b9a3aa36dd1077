package routes

import (
	"context"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/node/door"
)

func (s *Services) groups(ctx context.Context, _ *door.None) ([]api.Group, error) {
	return s.Groups.Groups(ctx), nil
}

// GroupPath is the input of routes about a group.
type GroupPath struct {
	Group string `path:"group" maxLength:"100" doc:"a group's name"`
}

func (s *Services) group(ctx context.Context, in *GroupPath) (api.Group, error) {
	return s.Groups.Group(ctx, in.Group)
}

type createGroupIn struct {
	Body api.Group
}

func (s *Services) createGroup(ctx context.Context, in *createGroupIn) (api.Group, error) {
	return s.Groups.CreateGroup(ctx, in.Body)
}

type changeGroupIn struct {
	GroupPath
	Body api.GroupChange
}

func (s *Services) addToGroup(ctx context.Context, in *changeGroupIn) (api.Group, error) {
	return s.Groups.AddToGroup(ctx, in.Group, in.Body.Containers)
}

func (s *Services) removeFromGroup(ctx context.Context, in *changeGroupIn) (api.Group, error) {
	return s.Groups.RemoveFromGroup(ctx, in.Group, in.Body.Containers)
}

func (s *Services) removeGroup(ctx context.Context, in *GroupPath) error {
	return s.Groups.RemoveGroup(ctx, in.Group)
}
