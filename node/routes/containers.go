package routes

import (
	"context"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/splice"
	"github.com/Akilan1999/p2p-rendering-computation/node/door"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

type createContainerIn struct {
	PeerPath
	Body api.ContainerSpec
}

func (s *Services) createContainer(ctx context.Context, in *createContainerIn, out *door.Sink[api.ContainerEvent]) error {
	peer, err := s.Pool.Resolve(in.Peer)
	if err != nil {
		return err
	}
	made, err := s.Containers.Create(ctx, peer, in.Body, func(e api.ContainerEvent) error {
		if err := out.Send(e); err != nil {
			return err
		}
		return out.Flush()
	})
	if err != nil {
		return err
	}
	return out.Send(api.ContainerEvent{Container: &made})
}

func (s *Services) templates(ctx context.Context, in *PeerPath) ([]api.Template, error) {
	peer, err := s.Pool.Resolve(in.Peer)
	if err != nil {
		return nil, err
	}
	return s.Containers.Templates(ctx, peer)
}

func (s *Services) containers(ctx context.Context, _ *door.None) ([]api.Container, error) {
	return list(s.Containers.List(ctx)), nil
}

// ContainerPath is the input of routes about a container.
type ContainerPath struct {
	Container string `path:"container" maxLength:"100" doc:"a container's name or id"`
}

type removeContainerIn struct {
	ContainerPath
	Force bool `query:"force" doc:"forget it although its lender does not answer"`
}

func (s *Services) removeContainer(ctx context.Context, in *removeContainerIn) error {
	return s.Containers.Remove(ctx, in.Container, in.Force)
}

func (s *Services) startContainer(ctx context.Context, in *ContainerPath) (api.Container, error) {
	return s.Containers.Start(ctx, in.Container)
}

func (s *Services) stopContainer(ctx context.Context, in *ContainerPath) (api.Container, error) {
	return s.Containers.Stop(ctx, in.Container)
}

type containerLogsIn struct {
	ContainerPath
	Follow bool `query:"follow" doc:"wait for more until the container stops"`
	Tail   int  `query:"tail" minimum:"0" doc:"the last so many lines; 0: all that the lender kept"`
}

func (s *Services) containerLogs(ctx context.Context, in *containerLogsIn, out *door.Sink[api.ContainerLog]) error {
	if in.Follow { // it may be long before anything is printed
		if err := s.Containers.Known(in.Container); err != nil {
			return err
		}
		if err := out.Open(); err != nil {
			return err
		}
	}
	return s.Containers.Logs(ctx, in.Container, in.Follow, in.Tail, func(l api.ContainerLog) error {
		if err := out.Send(l); err != nil || !in.Follow {
			return err
		}
		return out.Flush()
	})
}

type containerStatsIn struct {
	ContainerPath
	Follow bool `query:"follow" doc:"again every second"`
}

func (s *Services) containerStats(ctx context.Context, in *containerStatsIn, out *door.Sink[api.Container]) error {
	return s.Containers.Stats(ctx, in.Container, in.Follow, func(c api.Container) error {
		if err := out.Send(c); err != nil {
			return err
		}
		return out.Flush()
	})
}

func (s *Services) containerSession(ctx context.Context, in *ContainerPath) (func(context.Context, wire.Stream), error) {
	far, err := s.Containers.Session(ctx, in.Container)
	return func(ctx context.Context, near wire.Stream) {
		stop := context.AfterFunc(ctx, func() { _ = far.Reset() }) // the node ends
		defer stop()
		splice.Both(near, far)
	}, err
}

func (s *Services) containerSSH(_ context.Context, in *ContainerPath) (func(context.Context, wire.Stream), error) {
	return s.SSH.SSH(in.Container)
}
