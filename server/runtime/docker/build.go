package docker

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func itoa(n int) string { return strconv.Itoa(n) }

// Quiet refuses, as KindUnsupported, to build on an image with triggers: they are
// instructions that nobody has read.
func (l Lasting) Quiet(ctx context.Context, id api.ImageID) error {
	got, err := l.api.ImageInspect(ctx, string(id))
	if err != nil {
		return l.explain(err)
	}
	if c := got.Config; c != nil && len(c.OnBuild) > 0 {
		return api.Errorf(api.KindUnsupported, "image %s cannot be built on: it has instructions of its own for that (ONBUILD)", id.Short())
	}
	return nil
}

// Build makes an image of a folder with a Dockerfile, given as a tar stream, and
// answers with its id. What the build prints goes to progress line by line. A
// build reaches nothing: what it needs is in the folder and in its base image. The
// engine itself fetches what the Dockerfile tells it to: whoever calls has read it.
func (l Lasting) Build(ctx context.Context, folder io.Reader, cap api.Resources, progress func(string)) (string, error) {
	res, err := l.api.ImageBuild(ctx, folder, client.ImageBuildOptions{
		NetworkMode: "none", Remove: true, ForceRemove: true, Memory: cap.Memory, MemorySwap: cap.Memory,
		CPUPeriod: 100_000, CPUQuota: int64(cap.CPU * 100_000), SuppressOutput: false,
		Labels: map[string]string{LabelNode: string(l.cfg.Node), LabelKind: KindContainer},
	})
	if err != nil {
		return "", l.explain(err)
	}
	defer res.Body.Close()
	id := ""
	for d := json.NewDecoder(res.Body); ; {
		var line struct {
			Stream string
			Error  string
			Aux    struct{ ID string }
		}
		err := d.Decode(&line)
		switch {
		case errors.Is(err, io.EOF) && id == "":
			return "", api.Errorf(api.KindInvalid, "the build made no image")
		case errors.Is(err, io.EOF):
			return id, l.nameBuilt(ctx, id)
		case err != nil:
			return "", l.explain(err)
		case line.Error != "":
			return "", api.Errorf(api.KindInvalid, "the build failed: %s", strings.TrimSpace(line.Error))
		case line.Aux.ID != "":
			id = line.Aux.ID
		}
		if text := strings.TrimSpace(line.Stream); text != "" {
			progress(text)
		}
	}
}
