package image

import (
	"context"
	"io"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// NoEngine is the engine of a node that has none: images go through it, none is on it.
type NoEngine struct{}

var _ Engine = NoEngine{}

var errNoEngine = api.Errorf(api.KindUnavailable, "this node has no container engine").WithHint("start docker, or set lend.docker.host to the socket of the engine you run")

// Find implements Engine.
func (NoEngine) Find(context.Context, string) (api.Image, error) { return api.Image{}, errNoEngine }

// List implements Engine.
func (NoEngine) List(context.Context) ([]api.Image, error) { return nil, errNoEngine }

// Save implements Engine.
func (NoEngine) Save(context.Context, api.ImageID) (io.ReadCloser, error) { return nil, errNoEngine }

// Load implements Engine.
func (NoEngine) Load(context.Context, io.Reader) error { return errNoEngine }

// Pull implements Engine.
func (NoEngine) Pull(context.Context, string, int64) error { return errNoEngine }

// Tag implements Engine.
func (NoEngine) Tag(context.Context, api.ImageID, string) error { return errNoEngine }

// Untag implements Engine.
func (NoEngine) Untag(context.Context, string) error { return errNoEngine }

// Platform implements Engine.
func (NoEngine) Platform(context.Context) (string, string, error) { return "", "", errNoEngine }
