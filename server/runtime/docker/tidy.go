package docker

import (
	"context"
	"errors"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// builtKept is how long an image that was built for a container is kept after the
// last container was made of it: the next one of its template needs no new build.
const builtKept = 24 * time.Hour

// built is the name of the images that this node builds. The engine remembers
// when an image was last given it, which is when it was last needed.
func (e *Engine) built() string { return e.name("build") }

// nameBuilt gives a built image its name.
func (e *Engine) nameBuilt(ctx context.Context, id string) error {
	return e.Tag(ctx, api.ImageID(id), e.built()+":"+strings.TrimPrefix(id, "sha256:"))
}

// Tidy removes what was made for containers and is not needed any more: built
// images that no container uses and none was made of for a day, and the agent's
// volumes of programs that this node was before.
func (l Lasting) Tidy(ctx context.Context, now time.Time) error {
	return errors.Join(l.tidyImages(ctx, now), l.tidyAgents(ctx))
}

func (l Lasting) tidyImages(ctx context.Context, now time.Time) error {
	found, err := l.api.ImageList(ctx, client.ImageListOptions{Filters: make(client.Filters).Add("reference", l.built())})
	if err != nil {
		return l.explain(err)
	}
	var errs []error
	for _, img := range found.Items {
		got, err := l.api.ImageInspect(ctx, img.ID)
		if err != nil {
			errs = append(errs, l.explain(ignoreMissing(err)))
			continue
		}
		if now.Sub(got.Metadata.LastTagTime) < builtKept {
			continue
		}
		for _, tag := range img.RepoTags {
			if !strings.HasPrefix(tag, l.built()+":") {
				continue
			}
			if err := l.Untag(ctx, tag); api.KindOf(err) != api.KindConflict { // a container uses it
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// tidyAgents leaves other nodes' volumes to them.
func (l Lasting) tidyAgents(ctx context.Context) error {
	p, err := l.findProgram(ctx)
	if err != nil {
		return err
	}
	found, err := l.volumes(ctx, func(labels map[string]string) bool { return labels[labelAgent] != "" })
	if err != nil {
		return l.explain(err)
	}
	var errs []error
	for _, v := range found {
		if v.Labels[labelAgent] == p.hash {
			continue
		}
		if err := l.removeVolume(ctx, v.Name); !cerrdefs.IsConflict(err) { // a container uses it
			errs = append(errs, l.explain(err))
		}
	}
	return errors.Join(errs...)
}
