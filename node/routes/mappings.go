package routes

import (
	"context"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/node/door"
)

type mapIn struct {
	Body api.MapSpec
}

type mappingPath struct {
	ID api.MappingID `path:"id" maxLength:"100" doc:"a mapping's id"`
}

type carriedPath struct {
	ID api.CarriedID `path:"id" maxLength:"100" doc:"a mapping's id, as the gateway gave it"`
}

func (s *Services) mapPort(ctx context.Context, in *mapIn) (api.Mapping, error) {
	return s.Mappings.Map(ctx, in.Body)
}

func (s *Services) mappings(context.Context, *door.None) ([]api.Mapping, error) {
	return list(s.Mappings.Mappings()), nil
}

func (s *Services) unmap(ctx context.Context, in *mappingPath) error {
	return s.Mappings.Unmap(ctx, in.ID)
}

func (s *Services) carried(context.Context, *door.None) ([]api.Carried, error) {
	return list(s.Gateway.List()), nil
}

func (s *Services) closeCarried(_ context.Context, in *carriedPath) error {
	return s.Gateway.Close(in.ID)
}
