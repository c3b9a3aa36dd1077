package node

import (
	"net/netip"
	"os"
	"slices"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/config"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/docker"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/process"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/wasm"
)

// openRuntimes makes the runtimes there are. Which of them are lent is the
// owner's choice, which the server asks for each lease.
func (n *Node) openRuntimes(cfg config.Config) ([]runtime.Runtime, error) {
	rooms := n.home.path(sandboxesName)
	if err := os.MkdirAll(rooms, 0o700); err != nil {
		return nil, api.Errorf(api.KindInternal, "the room for sandboxes cannot be made: %w", err)
	}
	switch {
	case n.opts.runtimes != nil:
		return n.opts.runtimes, nil
	case !n.runsGuests(cfg):
		return n.opts.Runtimes, nil
	}
	log := n.log.With("part", "runtime")
	n.process = process.New(process.Config{Agent: n.opts.Agent, Dir: rooms, Home: n.home.dir, Log: log})
	lent := append(slices.Clone(n.opts.Runtimes),
		wasm.New(wasm.Config{Agent: n.opts.Agent, Dir: rooms, CacheDir: n.home.path(cacheName), Log: log}), n.process)
	if n.engine == nil {
		return lent, nil
	}
	return append(lent, docker.NewRuntime(n.engine)), nil
}

// openEngine makes the client of the container engine, whether or not one answers.
func (n *Node) openEngine(cfg config.Config) {
	log := n.log.With("part", "runtime")
	engine, err := docker.New(docker.Config{Host: cfg.Lend.Docker.Host, Class: cfg.Lend.Docker.Class, Agent: n.opts.Agent, Home: n.home.dir, Node: n.net.ID(), Log: log, GPUs: n.gpus,
		Filter: docker.Filter{Public: n.ownAddrs, Refuse: cfg.Lend.Docker.Refused(), Resolvers: cfg.Lend.Docker.NameServers()}})
	if err != nil { // a DOCKER_HOST of another program's must not keep this one from starting
		log.Warn("no containers are lent", "err", err)
		return
	}
	n.engine = engine
	n.onClose(engine.Close)
}

// gpus are the UUIDs of the machine's GPUs as last read.
func (n *Node) gpus() (ids []string) {
	self, _ := n.net.Peer(n.net.ID())
	for _, g := range self.Specs.GPUs {
		if g.UUID != "" {
			ids = append(ids, g.UUID)
		}
	}
	return ids
}

// ownAddrs is where this node is reached, as far as it knows: behind a router
// also that one's.
func (n *Node) ownAddrs() (all []netip.Addr) {
	for _, addr := range n.net.Addrs() {
		if a, err := netip.ParseAddr(ipOf(addr)); err == nil {
			all = append(all, a)
		}
	}
	return all
}

// runsGuests tells whether this node can lend what it opens.
func (n *Node) runsGuests(cfg config.Config) bool {
	return n.opts.runtimes == nil && len(n.opts.Agent) > 0 && cfg.Lend.Enabled
}
