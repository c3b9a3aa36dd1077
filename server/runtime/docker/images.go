package docker

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Find looks an image up by name or id; KindNotFound when it is not there.
func (e *Engine) Find(ctx context.Context, name string) (api.Image, error) {
	if err := CheckImage(name); err != nil {
		return api.Image{}, err
	}
	got, err := e.api.ImageInspect(ctx, name)
	if cerrdefs.IsNotFound(err) {
		return api.Image{}, api.Errorf(api.KindNotFound, "there is no image %s on this node's container engine", name).WithHint("p2prc image ls lists those there are")
	}
	if err != nil {
		return api.Image{}, e.explain(err)
	}
	return api.Image{ID: api.ImageID(got.ID), Tags: notNil(got.RepoTags), Size: got.Size, OS: got.Os, Arch: got.Architecture}, nil
}

// List is every image that has a name of its own, and not only that of a build.
func (e *Engine) List(ctx context.Context) ([]api.Image, error) {
	got, err := e.api.ImageList(ctx, client.ImageListOptions{})
	if err != nil {
		return nil, e.explain(err)
	}
	out := []api.Image{}
	for _, i := range got.Items {
		tags := slices.DeleteFunc(notNil(i.RepoTags), func(t string) bool { return t == "<none>:<none>" || strings.HasPrefix(t, e.built()+":") })
		if len(tags) > 0 {
			out = append(out, api.Image{ID: api.ImageID(i.ID), Tags: tags, Size: i.Size})
		}
	}
	return out, nil
}

func notNil(tags []string) []string {
	if tags == nil {
		return []string{}
	}
	return tags
}

// Save reads an image's archive.
func (e *Engine) Save(ctx context.Context, id api.ImageID) (io.ReadCloser, error) {
	r, err := e.api.ImageSave(ctx, []string{string(id)})
	if err != nil {
		return nil, e.explain(err)
	}
	return r, nil
}

// Load takes an archive; it is over when the engine has it or refused it.
func (e *Engine) Load(ctx context.Context, r io.Reader) error {
	out, err := e.api.ImageLoad(ctx, r, client.ImageLoadWithQuiet(true))
	if err != nil {
		return e.explain(err)
	}
	defer out.Close()
	for d := json.NewDecoder(io.LimitReader(out, maxLoadOutput)); ; {
		var line struct {
			Error string `json:"error"`
		}
		err := d.Decode(&line)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return e.explain(err)
		case line.Error != "":
			return api.Errorf(api.KindInternal, "the container engine cannot load the image: %.300s", line.Error)
		}
	}
}

// maxLoadOutput bounds what an engine may say about a load.
const maxLoadOutput = 16 << 20

// Pull takes an image from its registry, as its name is written for people: what an
// owner's rules speak of has no second name. KindUnsupported: the registry does not give
// it; KindQuota: its layers have more than most bytes.
func (e *Engine) Pull(ctx context.Context, name string, most int64) error {
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil || reference.FamiliarString(ref) != name {
		return api.Errorf(api.KindInvalid, "an image of a registry is named like debian:12 or registry.example/team/tool:1.0, not %.100q", name)
	}
	asked, stop := context.WithCancel(ctx) // its end is the pull's
	defer stop()
	out, err := e.api.ImagePull(asked, name, client.ImagePullOptions{})
	if err == nil {
		defer out.Close()
		err = watchPull(out.JSONMessages(asked), name, most)
	}
	if err != nil && ctx.Err() == nil && api.KindOf(err) != api.KindQuota {
		return api.Errorf(api.KindUnsupported, "image %s cannot be pulled: %w", name, err)
	}
	return err
}

// watchPull reads to its end how a pull goes. Layers travel packed, so an image that
// has too much may still come through, but none that is large to begin with.
func watchPull(said iter.Seq2[jsonstream.Message, error], name string, most int64) error {
	layers := map[string]int64{}
	var total int64
	for m, err := range said {
		switch {
		case err != nil:
			return err
		case m.Error != nil:
			return m.Error
		case m.Progress == nil || m.ID == "":
			continue
		}
		if n := max(m.Progress.Total, m.Progress.Current); n > layers[m.ID] {
			total += n - layers[m.ID]
			layers[m.ID] = n
		}
		if total > most {
			return api.Errorf(api.KindQuota, "image %s has more than the %d bytes that are kept for borrowers here", name, most).
				WithHint("the lender's owner can raise it: p2prc lend limits --images")
		}
	}
	return nil
}

// Tag gives an image another name.
func (e *Engine) Tag(ctx context.Context, id api.ImageID, name string) error {
	_, err := e.api.ImageTag(ctx, client.ImageTagOptions{Source: string(id), Target: name})
	return e.explain(err)
}

// Untag takes a name away, and the image with its last one. KindConflict: a
// container uses it. A name that is not there is no error.
func (e *Engine) Untag(ctx context.Context, tag string) error {
	_, err := e.api.ImageRemove(ctx, tag, client.ImageRemoveOptions{PruneChildren: true})
	if cerrdefs.IsConflict(err) {
		return api.Errorf(api.KindConflict, "the container engine: %w", err)
	}
	return e.explain(ignoreMissing(err))
}

// Platform is what the engine's containers run on.
func (e *Engine) Platform(ctx context.Context) (os, arch string, err error) {
	v, err := e.api.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return "", "", e.explain(err)
	}
	return v.Os, v.Arch, nil
}
