package docker

import (
	"context"
	"errors"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Box says what a container is made from. What it leaves out is closed.
type Box struct {
	Owner
	Image    Image
	Argv     []string // the agent's arguments
	Init     bool     // the engine's init is process 1, not the agent
	Writable bool     // its root file system; else only Mounts and Tmpfs are
	Network  api.GuestNetwork
	Cap      api.Resources // hard caps; a dimension of 0 is not capped
	Pids     int64         // threads at once; 0: maxPids
	Mounts   []mount.Mount // volumes, never folders of the machine
	Tmpfs    map[string]string
}

const (
	hostname = "sandbox"
	// nobody is the user of images that name none: it has no rights anywhere.
	nobody  = "65534:65534"
	maxPids = 4096
	// agentMemory is what a container may use beyond its tasks' cap.
	agentMemory = 64 << 20
	// tasksOOM makes the kernel end what is in a container before anything of the machine.
	tasksOOM = 500
)

// Create makes a container with the agent as its entrypoint, in a network of its
// own, and answers with the engine's id of it. It is not started.
func (e *Engine) Create(ctx context.Context, b Box) (string, error) {
	agent, err := e.agentMount(ctx, b)
	if err != nil {
		return "", err
	}
	net, err := e.network(ctx, b, hostname, agent)
	if err != nil {
		return "", err
	}
	c, h := e.config(b), e.hostConfig(b, agent)
	net.apply(c, h)
	var made client.ContainerCreateResult
	err = e.withGPUs(ctx, b.Cap.GPU, c, h, func() (err error) {
		made, err = e.api.ContainerCreate(ctx, client.ContainerCreateOptions{Name: e.name(b.Sandbox), Config: c, HostConfig: h})
		return err
	})
	if err != nil {
		return "", errors.Join(e.explain(err), net.close(context.WithoutCancel(ctx)))
	}
	return made.ID, nil
}

func (e *Engine) config(b Box) *container.Config {
	user := b.Image.User
	if user == "" {
		user = nobody
	}
	return &container.Config{
		Image: b.Image.ID, Entrypoint: append([]string{AgentPath}, b.Argv...), Cmd: []string{},
		User: user, WorkingDir: "/", Hostname: hostname, Labels: e.labels(b.Owner),
		StopSignal: "SIGKILL", // the agent is deaf to others, and an engine that stops would wait for it
		OpenStdin:  true, StdinOnce: true, AttachStdin: true, AttachStdout: true, AttachStderr: true,
		Healthcheck: &container.HealthConfig{Test: []string{"NONE"}}, // the image's would run beside the agent
	}
}

func (e *Engine) hostConfig(b Box, agent mount.Mount) *container.HostConfig {
	h := &container.HostConfig{
		Runtime: e.cfg.Class, Init: &b.Init, ReadonlyRootfs: !b.Writable, AutoRemove: false,
		CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"}, IpcMode: "private", OomScoreAdj: tasksOOM,
		LogConfig: container.LogConfig{Type: "none"}, // output goes to whom it belongs, not to the machine's disk
		Mounts:    append([]mount.Mount{agent}, b.Mounts...), Tmpfs: b.Tmpfs,
	}
	pids := int64(maxPids)
	if b.Pids > 0 {
		pids = b.Pids
	}
	h.PidsLimit = &pids
	if b.Cap.Memory > 0 {
		h.Memory = b.Cap.Memory + agentMemory
		h.MemorySwap = h.Memory // together: no swap
	}
	h.NanoCPUs = int64(b.Cap.CPU * 1e9)
	return h
}

// remove kills a container, whatever state it is in, and removes it. Where
// somebody else is just removing it, it waits until that is done.
func (e *Engine) remove(ctx context.Context, id string) error {
	// Under gVisor what is paused dies only when it goes on, and the engine waits 10 s
	// for that in vain. One that does not stand still, or is gone, needs no thaw.
	_, _ = e.api.ContainerUnpause(ctx, id, client.ContainerUnpauseOptions{})
	_, err := e.api.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if !cerrdefs.IsConflict(err) {
		return ignoreMissing(err)
	}
	gone := e.api.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionRemoved})
	select {
	case <-gone.Result:
		return nil
	case err := <-gone.Error:
		return ignoreMissing(err)
	}
}
