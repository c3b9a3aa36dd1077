package docker

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"
)

// Where the agent lies in a container.
const (
	agentDir  = "/.p2prc/agent"
	agentName = "p2prc"
	AgentPath = agentDir + "/" + agentName
)

// fillAgain: while it made other containers, engine 20.10 once said that a folder that
// it had just mounted is not there. The next try begins with a container of its own.
const fillAgain = 2

// agentMount is the volume with the agent, filled if it is not yet. It is a
// volume, not a folder of this machine, because the engine may be on another
// machine; all nodes that run the same program share it.
func (e *Engine) agentMount(ctx context.Context, b Box) (mount.Mount, error) {
	p, err := e.findProgram(ctx)
	if err != nil {
		return mount.Mount{}, err
	}
	if err := p.suits(b.Image); err != nil {
		return mount.Mount{}, err
	}
	m := mount.Mount{Type: mount.TypeVolume, Source: "p2prc-agent-" + p.hash[:16], Target: agentDir, ReadOnly: true, VolumeOptions: &mount.VolumeOptions{NoCopy: true}}
	e.filling.Lock()
	defer e.filling.Unlock()
	_, err = e.api.VolumeInspect(ctx, m.Source, client.VolumeInspectOptions{})
	switch {
	case err == nil && e.filled == m.Source:
		return m, nil
	case err != nil && !cerrdefs.IsNotFound(err):
		return m, e.explain(err)
	}
	err = e.fill(ctx, m, b, p)
	for range fillAgain {
		if !cerrdefs.IsNotFound(err) {
			break
		}
		err = e.fill(ctx, m, b, p)
	}
	if err != nil {
		return m, fmt.Errorf("putting the agent into a volume: %w", e.explain(err))
	}
	e.filled = m.Source
	return m, nil
}

// fill puts the agent into its volume through a container that is never started.
// A volume that another node has filled is left as it is.
func (e *Engine) fill(ctx context.Context, m mount.Mount, b Box, p *program) (err error) {
	m.ReadOnly = false
	_, err = e.api.VolumeCreate(ctx, client.VolumeCreateOptions{Name: m.Source, Labels: map[string]string{labelAgent: p.hash, LabelNode: string(e.cfg.Node)}})
	if err != nil {
		return err
	}
	made, err := e.api.ContainerCreate(ctx, client.ContainerCreateOptions{
		Config:     &container.Config{Image: b.Image.ID, Entrypoint: []string{AgentPath}, Labels: e.labels(b.Owner)},
		HostConfig: &container.HostConfig{NetworkMode: "none", Mounts: []mount.Mount{m}},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.remove(context.WithoutCancel(ctx), made.ID)) }()
	st, err := e.api.ContainerStatPath(ctx, made.ID, client.ContainerStatPathOptions{Path: AgentPath})
	if err == nil && st.Stat.Size == p.size {
		return nil
	}
	if err := ignoreMissing(err); err != nil {
		return err
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(p.pack(w)) }() // ends when r is closed
	_, err = e.api.CopyToContainer(ctx, made.ID, client.CopyToContainerOptions{DestinationPath: agentDir, Content: r})
	return errors.Join(err, r.Close())
}

// pack writes the program as the archive that engines take.
func (p *program) pack(w io.Writer) error {
	f, err := os.Open(p.path)
	if err != nil {
		return err
	}
	defer f.Close()
	t := tar.NewWriter(w)
	if err := t.WriteHeader(&tar.Header{Name: agentName, Typeflag: tar.TypeReg, Mode: 0o555, Size: p.size}); err != nil {
		return err
	}
	if _, err := io.Copy(t, f); err != nil {
		return err
	}
	return t.Close()
}
