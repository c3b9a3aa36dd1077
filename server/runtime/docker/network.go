package docker

import (
	"context"
	"net/netip"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/docker/guard"
)

// Filter is what of a filtered network is the owner's to say.
type Filter struct {
	// Public gives this machine's addresses as others see them; nil: none are known.
	Public func() []netip.Addr
	// Refuse is out of bounds although it looks like the Internet.
	Refuse []netip.Prefix
	// Resolvers are asked for names, also where they are in the owner's own
	// network; empty: public ones.
	Resolvers []netip.Addr
}

// netns is the network that a container is put into.
type netns struct {
	mode   container.NetworkMode
	holder *guard.Holder // whose namespace it is; nil: the engine's business
}

// network makes the network of b's container. A filtered one is that of a holder
// for this container alone, which is removed after it.
func (e *Engine) network(ctx context.Context, b Box, hostname string, agent mount.Mount) (netns, error) {
	switch {
	case b.Network.None():
		return netns{mode: "none"}, nil
	case b.Network == api.GuestOpen:
		return netns{mode: "bridge"}, nil
	case b.Network != api.GuestFiltered:
		return netns{}, api.Errorf(api.KindUnsupported, "runtime docker has no network %q", b.Network)
	}
	name := e.holder(b.Sandbox)
	if err := e.remove(ctx, name); err != nil { // of a container before this one, when the engine was gone
		return netns{}, e.explain(err)
	}
	var public []netip.Addr
	if e.cfg.Filter.Public != nil {
		public = e.cfg.Filter.Public()
	}
	lender, err := guard.Lender(public)
	if err != nil {
		return netns{}, api.Errorf(api.KindInternal, "this machine's networks: %w", err)
	}
	labels := e.labels(b.Owner)
	labels[labelHolder] = string(b.Sandbox)
	h, err := guard.Open(ctx, e.api, guard.Config{
		Name: name, Hostname: hostname, Labels: labels, Image: b.Image.ID, Class: e.cfg.Class, Agent: agent, Argv: []string{AgentPath, "agent"},
		Lender: append(lender, e.cfg.Filter.Refuse...), Resolvers: e.cfg.Filter.Resolvers,
	})
	if err != nil {
		return netns{}, e.explain(err)
	}
	return netns{mode: h.NetworkMode(), holder: h}, nil
}

// apply puts a container that is about to be made into n. In a holder's network
// the names, of the machine and of who is asked for others, are the holder's.
func (n netns) apply(c *container.Config, h *container.HostConfig) {
	h.NetworkMode = n.mode
	switch {
	case n.holder != nil:
		c.Hostname = ""
	case n.mode.IsNone():
		// Else the engine writes down the machine's, which are in the owner's network.
		h.DNS, h.DNSSearch = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}, []string{"."}
	}
}

// close removes what was made for a container that is not.
func (n netns) close(ctx context.Context) error {
	if n.holder == nil {
		return nil
	}
	return n.holder.Close(ctx)
}

// holder is the name of the container that holds a guest's network.
func (e *Engine) holder(id api.SandboxID) string { return e.name(id) + "-net" }

// removeGuest removes a container, and then what held its network.
func (e *Engine) removeGuest(ctx context.Context, name string, id api.SandboxID) error {
	if err := e.remove(ctx, name); err != nil {
		return err
	}
	return e.remove(ctx, e.holder(id))
}

// renew makes the network of a container that does not run anew: its holder may
// have ended with the engine.
func (e *Engine) renew(ctx context.Context, id api.SandboxID, mode container.NetworkMode) error {
	if !mode.IsContainer() {
		return nil
	}
	err := guard.Adopt(e.api, e.holder(id)).Start(ctx)
	if cerrdefs.IsNotFound(err) {
		return api.Errorf(api.KindConflict, "what held its network was removed").WithHint("remove the container and make it again")
	}
	return e.explain(err)
}

// rest stops the holder of a container that was stopped, where it has one.
func (e *Engine) rest(ctx context.Context, id api.SandboxID) error {
	return e.explain(ignoreMissing(guard.Adopt(e.api, e.holder(id)).Stop(ctx)))
}
