package job

import (
	"fmt"
	"slices"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// lookedAt is why a peer may not run a job's tasks yet, and may soon.
const lookedAt = "it is being looked at; in a moment"

// lookedFor is how long a job believes that of a peer, however often it says so.
const lookedFor = time.Minute

// maxNodes bounds the nodes a job keeps apart; index must fit a uint16.
const maxNodes = 60_000

// onPeers takes the peer table as it is now.
func (s *sched) onPeers(peers []api.Peer, now time.Time) {
	seen := make(map[api.PeerID]bool, len(peers))
	for i := range peers {
		p := &peers[i]
		if p.ID == "" || (s.nodes[p.ID] == nil && len(s.byIdx) >= maxNodes) {
			continue
		}
		seen[p.ID] = true
		n := s.node(p.ID)
		changed := n.peer.Seq != p.Seq || n.peer.State != p.State || n.peer.Path != p.Path || n.peer.Lending != p.Lending || n.peer.ID == ""
		back := !n.alive
		n.peer, n.heard = *p, p.State == api.PeerAlive
		if p.Looking && n.looks.IsZero() {
			n.looks = now
		}
		n.alive = p.State == api.PeerSelf || p.State == api.PeerAlive || p.State == api.PeerSuspect
		if changed {
			n.unfit = s.unfit(p)
		}
		if n.alive && (back || changed) && n.refusals > 0 && n.notBefore.After(now.Add(time.Second)) {
			n.notBefore = now.Add(time.Second) // it changed: ask again soon, not at once
		}
		if n.heard && n.lease != nil {
			s.expect(n.lease, now)
		}
	}
	for id, n := range s.nodes {
		if !seen[id] {
			n.alive, n.heard, n.unfit = false, false, "not in the pool any more"
		}
	}
}

// unfit says why a peer may not run this job's tasks, "" if it may. It depends
// on the record and the spec only.
func (s *sched) unfit(p *api.Peer) string {
	spec := &s.plan.spec
	switch p.State {
	case api.PeerDead:
		return "does not answer"
	case api.PeerRevoked:
		return "was revoked"
	}
	if len(spec.On) > 0 && !slices.Contains(spec.On, p.ID) {
		return "not among the peers the job names"
	}
	if !p.Role.Lends() {
		return fmt.Sprintf("its role %s does not lend", p.Role)
	}
	if p.Looking {
		return lookedAt
	}
	switch p.Lending {
	case api.LendPaused:
		return "its owner has paused lending"
	case api.LendDraining:
		return "its owner lets running tasks end and takes no more"
	case api.LendOff:
		return "it does not lend"
	}
	if why := lendsRuntime(p, spec.Runtime); why != "" {
		return why
	}
	if why := lendsNetwork(p, spec.Network); why != "" {
		return why
	}
	if !spec.Needs.Fits(p.Total) {
		return fmt.Sprintf("a task needs %s, it lends %s at most", resources(spec.Needs), resources(p.Total))
	}
	return s.plan.where.match(p)
}

func lendsRuntime(p *api.Peer, name api.RuntimeName) string {
	for _, r := range p.Runtimes {
		switch {
		case r.Name != name:
		case !r.Available:
			return fmt.Sprintf("runtime %s does not work there", name)
		case !r.Enabled:
			return fmt.Sprintf("its owner does not lend runtime %s", name)
		default:
			return ""
		}
	}
	return fmt.Sprintf("it does not lend runtime %s", name)
}

// lendsNetwork goes by what a peer gives to somebody; whether that is us it says
// when it is asked.
func lendsNetwork(p *api.Peer, on api.GuestNetwork) string {
	if on.None() || slices.ContainsFunc(p.Runtimes, func(r api.RuntimeInfo) bool { return slices.Contains(r.Networks, on) }) {
		return ""
	}
	return fmt.Sprintf("it gives no guest network %s", on)
}

func resources(r api.Resources) string {
	s := fmt.Sprintf("%g cpu, %d MiB memory", r.CPU, r.Memory>>20)
	if r.Disk > 0 {
		s += fmt.Sprintf(", %d MiB disk", r.Disk>>20)
	}
	if r.GPU > 0 {
		s += fmt.Sprintf(", %d gpu", r.GPU)
	}
	return s
}

// fit tells whether a node may be given tasks of this job at all.
func (n *node) fit() bool { return n.alive && n.unfit == "" && n.aside == "" }

// slotsGuess is how many slots a node may give, before it has said so.
func (s *sched) slotsGuess(n *node) int {
	need, free := s.plan.spec.Needs, n.peer.Free
	k := 64.0
	if need.CPU > 0 {
		k = min(k, free.CPU/need.CPU)
	}
	if need.Memory > 0 {
		k = min(k, float64(free.Memory)/float64(need.Memory))
	}
	if need.GPU > 0 {
		k = min(k, float64(free.GPU)/float64(need.GPU))
	}
	return max(1, int(k))
}
