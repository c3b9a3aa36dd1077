package guard

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/agent"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/netguard"
)

// Engine is what a guard needs of a container engine's API.
type Engine interface {
	Info(context.Context, client.InfoOptions) (client.SystemInfoResult, error)
	ContainerCreate(context.Context, client.ContainerCreateOptions) (client.ContainerCreateResult, error)
	ContainerAttach(context.Context, string, client.ContainerAttachOptions) (client.ContainerAttachResult, error)
	ContainerStart(context.Context, string, client.ContainerStartOptions) (client.ContainerStartResult, error)
	ContainerKill(context.Context, string, client.ContainerKillOptions) (client.ContainerKillResult, error)
	ContainerRemove(context.Context, string, client.ContainerRemoveOptions) (client.ContainerRemoveResult, error)
}

var _ Engine = (*client.Client)(nil)

// Config says what a holder is made of and what its guest may reach.
type Config struct {
	Name     string            // of the container
	Hostname string            // what its guest finds as the name of its machine
	Labels   map[string]string // whose it is
	Image    string            // any one of the engine's system: its files are not used
	Class    string            // the engine's runtime that its guest runs under; empty: the engine's default
	Agent    mount.Mount       // the volume that holds p2prc
	Argv     []string          // the agent's argv prefix in that volume: {"/.p2prc/agent/p2prc", "agent"}

	Lender    []netip.Prefix // what is the lender's although it looks like the Internet; see Lender
	Resolvers []netip.Addr   // name servers; those in the LAN only if the owner says so
}

// Resolvers are asked where the owner names none.
var Resolvers = []netip.Addr{netip.MustParseAddr("1.1.1.1"), netip.MustParseAddr("9.9.9.9")}

// Holder is the container whose network namespace is guarded.
type Holder struct {
	ID     string // the engine's
	engine Engine
}

// Adopt is the holder that was opened by an earlier process of this node. Guests
// that run in it are guarded; before another is started in it, call Start.
func Adopt(e Engine, id string) *Holder { return &Holder{ID: id, engine: e} }

// Open makes a guarded namespace and answers when it is proven to hold.
// KindUnsupported: this engine cannot; the error says why. KindInvalid: c asks for
// what cannot be. Engine errors are returned as they are. Nothing is left behind
// by an Open that fails.
func Open(ctx context.Context, e Engine, c Config) (*Holder, error) {
	spec, err := c.spec()
	if err != nil {
		return nil, err
	}
	if err := Check(ctx, e, c.Class); err != nil {
		return nil, err
	}
	made, err := e.ContainerCreate(ctx, spec)
	if err != nil {
		return nil, err
	}
	h := Adopt(e, made.ID)
	if err := h.start(ctx); err != nil {
		return nil, errors.Join(err, h.Close(context.WithoutCancel(ctx)))
	}
	return h, nil
}

// NetworkMode is the network of the guest's container.
func (h *Holder) NetworkMode() container.NetworkMode {
	return container.NetworkMode("container:" + h.ID)
}

// Close removes the holder, and the network from what is left in it. It is
// idempotent.
func (h *Holder) Close(ctx context.Context) error {
	_, err := h.engine.ContainerRemove(ctx, h.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	return unless(missing, err)
}

const (
	memory = 64 << 20 // p2prc takes half
	pids   = 64       // threads of the Go runtime
)

func (c Config) spec() (client.ContainerCreateOptions, error) {
	rules := netguard.Config{Refuse: c.Lender, Resolvers: c.Resolvers}
	if err := rules.Check(); err != nil {
		return client.ContainerCreateOptions{}, api.Errorf(api.KindInvalid, "guest network: %w", err)
	}
	arg, err := rules.Argument()
	if err != nil {
		return client.ContainerCreateOptions{}, api.Errorf(api.KindInternal, "guest network: %w", err)
	}
	threads := int64(pids)
	return client.ContainerCreateOptions{
		Name: c.Name,
		Config: &container.Config{
			Image: c.Image, Entrypoint: slices.Concat(c.Argv, []string{agent.ModeGuard, arg}), Cmd: []string{},
			User: "0:0", WorkingDir: "/", Hostname: c.Hostname, Labels: c.Labels, StopSignal: "SIGTERM",
			AttachStdout: true, AttachStderr: true,
			// The image's own check would be a guest's program with the right to open the network.
			Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
		},
		HostConfig: &container.HostConfig{
			// The engine's other networks put a resolver of its own into the namespace,
			// which knows the names of the LAN.
			NetworkMode: "bridge", DNS: resolvers(c.Resolvers), DNSSearch: []string{"."},
			Runtime: c.Class, // under another one than its guest's it would guard another network stack
			CapDrop: []string{"ALL"}, CapAdd: []string{"NET_ADMIN"}, SecurityOpt: []string{"no-new-privileges"},
			ReadonlyRootfs: true, IpcMode: "private", Mounts: []mount.Mount{c.Agent}, LogConfig: container.LogConfig{Type: "none"},
			Resources: container.Resources{Memory: memory, MemorySwap: memory, PidsLimit: &threads},
		},
	}, nil
}

// resolvers is never empty: the engine would take the machine's own, which are
// the LAN's.
func resolvers(named []netip.Addr) []netip.Addr {
	if len(named) == 0 {
		return Resolvers
	}
	return named
}
