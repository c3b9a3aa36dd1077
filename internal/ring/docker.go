package ring

import (
	"context"
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
