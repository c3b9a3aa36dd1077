package routes

import (
	"context"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/node/door"
)

type forwardIn struct {
	Body api.ForwardSpec
}

func (s *Services) forward(ctx context.Context, in *forwardIn, out *door.Sink[api.ForwardEvent]) error {
	return s.Forwards.Forward(ctx, in.Body, func(e api.ForwardEvent) error {
		if err := out.Send(e); err != nil {
			return err
		}
		return out.Flush()
	})
}

func (s *Services) tunnels(context.Context, *door.None) ([]api.Tunnel, error) {
	return list(s.Tunnels.List()), nil
}

type tunnelPath struct {
	ID api.TunnelID `path:"id" maxLength:"100" doc:"a connection's id"`
}

func (s *Services) closeTunnel(_ context.Context, in *tunnelPath) error {
	return s.Tunnels.Close(in.ID)
}
