package guard

import (
	"context"
	"testing"

	"github.com/moby/moby/client"
)

// with is w for a subtest.
func (w *world) with(t *testing.T) *world {
	sub := *w
	sub.t = t
	return &sub
}

func (w *world) count() int {
	w.t.Helper()
	all, err := w.engine.ContainerList(w.t.Context(), client.ContainerListOptions{All: true})
	if err != nil {
		w.t.Fatal(err)
	}
	return len(all.Items)
}

// withoutRight is an engine that does not grant what a holder asks for, as a
// rootless one may not.
type withoutRight struct{ *client.Client }

func (e withoutRight) ContainerCreate(ctx context.Context, o client.ContainerCreateOptions) (client.ContainerCreateResult, error) {
	o.HostConfig.CapAdd = nil
	return e.Client.ContainerCreate(ctx, o)
}
