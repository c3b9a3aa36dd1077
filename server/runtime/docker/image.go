package docker

import (
	"context"
	"regexp"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Image is what has to be known of an image to run it.
type Image struct {
	ID   string   // its content's hash
	OS   string   // linux
	Arch string   // amd64, ...
	Env  []string // KEY=value
	User string   // as the image names it; empty: it names none
	Dir  string   // its working directory; empty: it names none
	// What it starts by itself: Entrypoint always, Cmd unless there is another command.
	Entrypoint, Cmd []string
}

// imageID is a whole or cut hash, as engines print it.
var imageID = regexp.MustCompile(`^(sha256:)?[0-9a-f]{12,64}$`)

// CheckImage refuses what cannot be an image's name.
func CheckImage(name string) error {
	if imageID.MatchString(name) {
		return nil
	}
	if _, err := reference.ParseNormalizedNamed(name); err != nil || strings.HasPrefix(name, "-") {
		return api.Errorf(api.KindInvalid, "%.100q is not an image's name", name).WithHint("an image is named like busybox, debian:12 or registry.example/team/tool:1.0")
	}
	return nil
}

// Image looks an image up on the engine; nothing is pulled. KindInvalid: the name
// is none; KindUnsupported: it is not there.
func (e *Engine) Image(ctx context.Context, name string) (Image, error) {
	if err := CheckImage(name); err != nil {
		return Image{}, err
	}
	got, err := e.api.ImageInspect(ctx, name)
	if cerrdefs.IsNotFound(err) {
		return Image{}, api.Errorf(api.KindUnsupported, "image %s is not on this machine", name).WithHint("load it into your own engine, which gives it to lenders that lack it, or have its owner load it there (docker pull, docker load); p2prc pulls nothing by itself")
	}
	if err != nil {
		return Image{}, e.explain(err)
	}
	img := Image{ID: got.ID, OS: got.Os, Arch: got.Architecture}
	if c := got.Config; c != nil {
		img.Env, img.User, img.Dir, img.Entrypoint, img.Cmd = c.Env, c.User, c.WorkingDir, c.Entrypoint, c.Cmd
	}
	return img, nil
}
