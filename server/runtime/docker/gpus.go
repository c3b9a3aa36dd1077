package docker

import (
	"context"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// labelGPUs names the GPUs that are a container's alone, by their UUIDs.
const labelGPUs = "p2prc.gpus"

// withGPUs calls create, which makes a container, with n of this machine's GPUs set
// apart for it. Which ones are taken stands in the labels of the engine's
// containers, stopped ones included, of whichever node: so it is still known after
// a crash. The GPUs are free when the container is removed.
func (e *Engine) withGPUs(ctx context.Context, n int, c *container.Config, h *container.HostConfig, create func() error) error {
	if n == 0 {
		return create()
	}
	e.giving.Lock()
	defer e.giving.Unlock()
	free, err := e.freeGPUs(ctx)
	if err != nil {
		return err
	}
	if len(free) < n {
		return api.Errorf(api.KindQuota, "%d GPUs are asked for, and %d are free", n, len(free))
	}
	c.Labels[labelGPUs] = strings.Join(free[:n], ",")
	h.DeviceRequests = []container.DeviceRequest{{DeviceIDs: free[:n], Capabilities: [][]string{{"gpu"}}}}
	return create()
}

// gpus are the machine's that may be given, free or not.
func (e *Engine) gpus() []string {
	if e.cfg.GPUs == nil {
		return nil
	}
	return e.cfg.GPUs()
}

func (e *Engine) freeGPUs(ctx context.Context) ([]string, error) {
	free := e.gpus()
	found, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("label", labelGPUs)})
	if err != nil {
		return nil, e.explain(err)
	}
	for _, c := range found.Items {
		taken := strings.Split(c.Labels[labelGPUs], ",")
		free = slices.DeleteFunc(free, func(id string) bool { return slices.Contains(taken, id) })
	}
	return free, nil
}

// isNoGPU recognises the engine's refusal to start a container with GPUs.
func isNoGPU(err error) bool {
	return err != nil && strings.Contains(err.Error(), "could not select device driver")
}
