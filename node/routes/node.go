package routes

import (
	"context"
	"net/http"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/node/door"
)

func (s *Services) status(ctx context.Context, _ *door.None) (api.Status, error) {
	return s.Node.Status(ctx)
}

func (s *Services) doctor(ctx context.Context, _ *door.None) (api.Diagnosis, error) {
	return s.Node.Doctor(ctx)
}

func (s *Services) peerStatus(context.Context, *door.None) (api.PeerStatus, error) {
	return s.Node.PeerStatus(), nil
}

func (s *Services) specs(ctx context.Context, _ *door.None) (api.Specs, error) {
	return s.Node.Specs(ctx)
}

func (s *Services) openapi(w http.ResponseWriter, _ *http.Request, _ *door.None) error {
	w.Header().Set("Content-Type", "application/json")
	_, err := w.Write(s.OpenAPI)
	return err
}

func (s *Services) shutdown(context.Context, *door.None) error {
	s.Node.Shutdown()
	return nil
}

type labelsIn struct {
	Body map[string]string
}

func (s *Services) setLabels(ctx context.Context, in *labelsIn) error {
	return s.Node.SetLabels(ctx, in.Body)
}

type metaIn struct {
	Body api.MetaRequest
}

func (s *Services) setMeta(ctx context.Context, in *metaIn) error {
	return s.Node.SetMeta(ctx, in.Body.Text)
}

type eventsIn struct {
	Since  int64 `query:"since" doc:"cursor of the last event seen; 0: from the oldest there is"`
	Follow bool  `query:"follow" doc:"wait for more"`
}

// batch is how many events a reader takes at a time.
const batch = 64

func (s *Services) events(ctx context.Context, in *eventsIn, out *door.Sink[api.Event]) error {
	if in.Since < 0 {
		return api.Errorf(api.KindInvalid, "a cursor is not negative")
	}
	reader := s.Events.Reader(api.Cursor(in.Since))
	if err := out.Open(); err != nil {
		return err
	}
	for {
		events, err := reader.Ready(batch)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			if !in.Follow {
				return nil
			}
			if err := out.Flush(); err != nil {
				return err
			}
			if events, err = reader.Wait(ctx, batch); err != nil {
				return err
			}
		}
		for _, e := range events {
			if err := out.Send(e); err != nil {
				return err
			}
		}
	}
}
