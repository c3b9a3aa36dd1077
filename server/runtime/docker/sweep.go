package docker

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/volume"
	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// sweep removes this node's task containers, and their volumes, of which no
// sandbox is open: left by a process that was killed, or by an engine that was
// gone when they were to be removed.
func (r *Runtime) sweep(ctx context.Context) error {
	found, err := r.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: r.mine(KindTask)})
	if err != nil {
		return r.explain(err)
	}
	var errs []error
	calm := time.Now().After(r.calm)
	slices.SortStableFunc(found.Items, func(a, b container.Summary) int { // guests go before what holds their networks
		return cmp.Compare(a.Labels[labelHolder], b.Labels[labelHolder])
	})
	for _, c := range found.Items {
		if !r.isLive(api.SandboxID(c.Labels[LabelSandbox])) {
			errs = append(errs, r.remove(ctx, c.ID))
		}
	}
	volumes, err := r.volumes(ctx, func(labels map[string]string) bool { return labels[LabelKind] == KindTask })
	if err != nil {
		return r.explain(errors.Join(append(errs, err)...))
	}
	for _, v := range volumes {
		if r.isLive(api.SandboxID(v.Labels[LabelSandbox])) {
			continue
		}
		if err := r.removeVolume(ctx, v.Name); cerrdefs.IsConflict(err) {
			calm = false // its container came after the list
		} else {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return r.explain(err)
	}
	r.left.Store(!calm)
	return nil
}

// volumes is this node's, of those the ones whose labels do. An engine is asked for one
// label alone: podman lists what has any of several.
func (e *Engine) volumes(ctx context.Context, do func(labels map[string]string) bool) ([]volume.Volume, error) {
	found, err := e.api.VolumeList(ctx, client.VolumeListOptions{Filters: make(client.Filters).Add("label", LabelNode+"="+string(e.cfg.Node))})
	return slices.DeleteFunc(found.Items, func(v volume.Volume) bool { return !do(v.Labels) }), err
}

func (e *Engine) removeVolume(ctx context.Context, name string) error {
	_, err := e.api.VolumeRemove(ctx, name, client.VolumeRemoveOptions{})
	return ignoreMissing(err)
}
