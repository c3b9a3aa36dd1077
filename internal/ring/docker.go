package ring

import (
	"context"
	"os/exec"
	"time"

	"github.com/moby/moby/client"
)

// Docker says why no container engine answers at DOCKER_HOST or the usual socket.
func Docker() string {
	c, err := client.New(client.FromEnv)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := c.Ping(ctx, client.PingOptions{}); err != nil {
		return err.Error()
	}
	return ""
}

// RenderImage has POV-Ray; `examples/image povray` makes it.
const RenderImage = "p2prc/povray"

// Render says why the rendering examples cannot be run: they need an engine, its
// client and an image that takes minutes to make.
func Render() string {
	if _, err := exec.LookPath("docker"); err != nil {
		return "there is no docker client"
	}
	c, err := client.New(client.FromEnv)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := c.ImageInspect(ctx, RenderImage); err != nil {
		return err.Error() + "; examples/image povray makes it"
	}
	return ""
}
