package node

import (
	"context"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/config"
	"github.com/Akilan1999/p2p-rendering-computation/internal/machine"
)

// Status is the node at a glance.
func (n *Node) Status(ctx context.Context) (api.Status, error) {
	stats, err := n.blobs.Stats(ctx)
	if err != nil {
		return api.Status{}, err
	}
	self := n.net.Self()
	s := api.Status{
		ID: n.net.ID(), Name: n.config.Get().Name, Version: n.opts.Version, Features: Features(), Home: n.home.dir, PID: os.Getpid(),
		Started: n.started.UTC(), Network: n.net.Network(), Key: n.net.HoldsKey(), Role: self.Role, Expires: self.Expires, Addrs: n.net.Addrs(),
		Reach: n.net.Reachability(), Relay: n.net.Relaying(), Lend: n.lendStatus(), Blobs: stats, Counters: n.net.Counters(),
	}
	if s.Addrs == nil {
		s.Addrs = []string{}
	}
	if s.Counters == nil {
		s.Counters = map[string]int64{}
	}
	s.Counters["refused_requests"] = n.refusal.sum()
	s.Counters["blob_bytes_sent"] = n.fetch.SentAll()
	for _, p := range n.net.Peers() {
		if p.State == api.PeerSelf || p.State == api.PeerRevoked {
			continue
		}
		s.Peers++
		if p.State == api.PeerAlive {
			s.Alive++
		}
	}
	for _, j := range n.jobs.Jobs() {
		if !j.State.Terminal() {
			s.Jobs++
		}
	}
	return s, nil
}

// Doctor looks at the node's place in the network, and whether what it lends works.
func (n *Node) Doctor(ctx context.Context) (api.Diagnosis, error) {
	d, err := n.net.Diagnose(ctx)
	if err == nil && n.lends() {
		d.Findings = append(d.Findings, runtimeFindings(n.lendStatus().Runtimes, n.server.Looking())...)
	}
	return d, err
}

// runtimeFindings is about the runtimes that the owner lends. One that does not
// work may never have been meant to: docker is lent wherever there is an engine.
func runtimeFindings(all []api.RuntimeInfo, looking bool) (out []api.Finding) {
	if looking { // just started: there may be more
		out = append(out, api.Finding{Name: "runtimes", Note: true, Msg: "this machine is still being looked at", Advice: "p2prc doctor, again in a moment"})
	}
	for _, r := range all {
		switch {
		case r.Enabled && r.Available:
			out = append(out, api.Finding{Name: string(r.Name), OK: true, Msg: "lent"})
		case r.Enabled:
			out = append(out, api.Finding{Name: string(r.Name), Note: true, Msg: "lent as soon as it works here", Advice: strings.Join(r.Missing, "\n")})
		}
	}
	return out
}

// PeerStatus is the node at a glance, for its peers.
func (n *Node) PeerStatus() api.PeerStatus {
	return api.PeerStatus{ID: n.net.ID(), Name: n.config.Get().Name, Version: n.opts.Version, Features: Features(), Time: time.Now().UTC()}
}

// Specs is what the machine is, as last read.
func (n *Node) Specs(ctx context.Context) (api.Specs, error) {
	if self, ok := n.net.Peer(n.net.ID()); ok && self.Specs.Cores > 0 {
		return self.Specs, nil
	}
	return n.readMachine(ctx), nil
}

// SetLabels saves and announces the labels.
func (n *Node) SetLabels(_ context.Context, labels map[string]string) error {
	if err := config.ValidateLabels(labels); err != nil {
		return err
	}
	if err := n.config.Update(func(c *config.Config) error { c.Labels = labels; return nil }); err != nil {
		return err
	}
	n.announceSelf()
	return nil
}

// SetMeta saves and announces the custom text.
func (n *Node) SetMeta(_ context.Context, text string) error {
	if err := n.config.Update(func(c *config.Config) error { c.Meta = text; return nil }); err != nil {
		return err
	}
	n.announceSelf()
	return nil
}

// announceSelf puts what the settings say of the node into its record.
func (n *Node) announceSelf() {
	cfg := n.config.Get()
	n.net.Announce(func(r *api.Record) {
		r.Labels, r.Meta, r.Version, r.Features = maps.Clone(cfg.Labels), cfg.Meta, n.opts.Version, Features()
	})
}

// reread is how often the machine is looked at again: only free disk changes.
const reread = 10 * time.Minute

// watchMachine reads the machine into the record: at once without GPUs, which
// take seconds where there are some, then with them, then now and again.
func (n *Node) watchMachine(ctx context.Context) error {
	specs := n.readMachine(ctx)
	n.announceSpecs(specs)
	gpus, err := machine.GPUs(ctx)
	if err != nil && ctx.Err() == nil {
		n.log.Warn("GPUs could not be read", "err", err)
	}
	for _, g := range gpus {
		specs.GPUs = append(specs.GPUs, api.GPU{Index: g.Index, UUID: g.UUID, Vendor: "nvidia", Model: g.Model, Memory: g.Memory, Driver: g.Driver})
	}
	n.announceSpecs(specs)
	tick := time.NewTicker(reread)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if _, free, err := machine.Disk(ctx, n.home.dir); err == nil {
			specs.DiskFree = coarse(free)
			n.announceSpecs(specs)
		}
	}
}

func (n *Node) announceSpecs(s api.Specs) {
	n.net.Announce(func(r *api.Record) { r.Specs = s })
}

func (n *Node) readMachine(ctx context.Context) api.Specs {
	m, err := machine.Read(ctx, n.home.dir)
	if err != nil && ctx.Err() == nil {
		n.log.Warn("the machine could not be read in full", "err", err)
	}
	return api.Specs{Hostname: m.Hostname, OS: m.OS, Arch: m.Arch, CPUModel: m.CPUModel, Cores: m.Cores, Memory: m.Memory,
		Disk: m.Disk, DiskFree: coarse(m.DiskFree), GPUs: []api.GPU{}}
}

// coarse rounds bytes down to 100 MiB: a record is not worth sending for less.
func coarse(bytes int64) int64 { return bytes - bytes%(100<<20) }
