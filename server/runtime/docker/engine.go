package docker

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Config is what is needed to use an engine.
type Config struct {
	Host   string     // the engine's socket, as DOCKER_HOST has it; empty: DOCKER_HOST, else the system's usual socket
	Class  string     // the engine's runtime (runsc, kata, ...) that containers run under; empty: the engine's default
	Agent  []string   // argv prefix of the agent: {"/path/to/p2prc", "agent"}
	Home   string     // where a p2prc for the engine's system is looked for if this one is not: HOME/p2prc-linux-ARCH
	Node   api.PeerID // whose containers these are; several nodes may share an engine
	Filter Filter
	GPUs   func() []string // the UUIDs of the machine's GPUs that may be given to guests; nil: none
	Log    *slog.Logger
}

// Engine makes hardened, labelled containers of one node on a container engine.
// It is safe for concurrent use.
type Engine struct {
	cfg    Config
	api    *client.Client
	within time.Duration // see startWithin
	near   time.Duration // see nearWithin

	mu      sync.Mutex // guards the rest
	program *program   // the agent for this engine, once it was looked for

	giving sync.Mutex // held while a container with GPUs is made

	filling sync.Mutex // held while the agent's volume is filled; guards filled
	filled  string     // the volume that is known to hold the agent
}

// New makes an Engine. It does not talk to it yet: whether one answers is told
// by each call. KindInvalid: cfg.Host is no address.
func New(cfg Config) (*Engine, error) {
	host := client.WithHostFromEnv()
	if cfg.Host != "" {
		host = client.WithHost(cfg.Host)
	}
	c, err := client.New(client.WithTLSClientConfigFromEnv(), host, client.WithUserAgent("p2prc"))
	if err != nil {
		return nil, api.Errorf(api.KindInvalid, "the container engine's address: %w", err).WithHint("lend.docker.host is like unix:///var/run/docker.sock; empty: DOCKER_HOST, else the usual socket")
	}
	return &Engine{cfg: cfg, api: c, within: startWithin, near: nearWithin}, nil
}

// Close gives idle connections back. Nothing may be under way.
func (e *Engine) Close() error { return e.api.Close() }

// Client is the engine's own API, for what is not a container of ours.
func (e *Engine) Client() *client.Client { return e.api }

// explain turns an engine's refusal into an error of ours.
func (e *Engine) explain(err error) error {
	var ours *api.Error
	switch {
	case err == nil || errors.As(err, &ours) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, fs.ErrPermission):
		return api.Errorf(api.KindDenied, "no permission on the container engine's socket %s", e.api.DaemonHost()).
			WithHint("sudo usermod -aG docker $USER, then log in again; or run a rootless engine of your own (dockerd-rootless-setuptool.sh install, or podman system service) and set lend.docker.host to its socket")
	case client.IsErrConnectionFailed(err):
		return api.Errorf(api.KindUnavailable, "no container engine answers at %s", e.api.DaemonHost()).
			WithHint("start docker, or set lend.docker.host to the socket of the engine you run")
	case isNoGPU(err):
		return api.Errorf(api.KindUnsupported, "the container engine cannot give GPUs").
			WithHint("its owner has to install the NVIDIA container toolkit: nvidia-ctk runtime configure, then restart the engine")
	case cerrdefs.IsNotFound(err):
		return api.Errorf(api.KindNotFound, "the container engine: %w", err)
	case cerrdefs.IsInvalidArgument(err):
		return api.Errorf(api.KindUnsupported, "the container engine refuses: %w", err)
	}
	return api.Errorf(api.KindInternal, "the container engine: %w", err)
}

// ignoreMissing is for what is to be gone anyway.
func ignoreMissing(err error) error {
	if cerrdefs.IsNotFound(err) {
		return nil
	}
	return err
}
