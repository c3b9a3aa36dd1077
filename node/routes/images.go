package routes

import (
	"context"
	"io"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/node/door"
)

func (s *Services) images(ctx context.Context, _ *door.None) ([]api.Image, error) {
	all, err := s.Images.ListFor(ctx, door.WhoOf(ctx).Caller)
	return list(all), err
}

func (s *Services) peerImages(ctx context.Context, in *PeerPath) ([]api.Image, error) {
	id, err := s.Pool.Resolve(in.Peer)
	if err != nil {
		return nil, err
	}
	all, err := s.Images.Of(ctx, id)
	return list(all), err
}

func (s *Services) importImage(ctx context.Context, _ *door.None, body io.Reader) (api.Image, error) {
	return s.Images.Import(ctx, body)
}

type sendImageIn struct {
	Body api.SendImage
}

func (s *Services) sendImage(ctx context.Context, in *sendImageIn, out *door.Sink[api.ImageProgress]) error {
	return s.Images.Send(ctx, in.Body, func(p api.ImageProgress) error {
		if err := out.Send(p); err != nil {
			return err
		}
		return out.Flush()
	})
}
