package job

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// job is the job as its owner sees it.
func (s *sched) job(now time.Time) api.Job {
	j := api.Job{ID: s.id, Name: s.plan.spec.Name, State: s.state, Runtime: s.plan.spec.Runtime, Tasks: s.counts(), Nodes: []api.NodeProgress{},
		Created: s.created.UTC(), Ended: s.ended.UTC(), Reason: s.reason, Bytes: s.bytes, Attempts: s.lostN}
	if s.ended.IsZero() {
		j.Ended = time.Time{}
		j.Rate = s.meter.rate(now)
		if left := s.count.Waiting + s.count.Running; j.Rate > 0 && s.state == api.JobRunning {
			if eta := float64(left) / j.Rate * 1e9; eta < math.MaxInt64/2 {
				j.ETA = api.Duration(time.Duration(eta).Round(100 * time.Millisecond))
			}
		}
	}
	for _, n := range s.byIdx {
		j.Attempts += n.done + n.failed
		if p, part := s.progress(n); part {
			j.Nodes = append(j.Nodes, p)
		}
	}
	slices.SortFunc(j.Nodes, func(a, b api.NodeProgress) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Peer, b.Peer))
	})
	if j.Reason == "" && s.state == api.JobRunning && s.count.Waiting > 0 && s.count.Running == 0 {
		j.Reason = s.waits(now)
	}
	return j
}

// counts is the tasks by state, those that only wait at a lender told apart.
func (s *sched) counts() api.TaskCounts {
	c := s.count
	for _, t := range s.leases {
		c.Queued += int64(t.queued)
	}
	c.Queued = min(c.Queued, c.Running) // a copy that is queued is no task of its own
	c.Running -= c.Queued
	return c
}

// progress is a node's part in the job, and whether it has one.
func (s *sched) progress(n *node) (api.NodeProgress, bool) {
	p := api.NodeProgress{Peer: n.id, Name: cmp.Or(n.peer.Name, n.id.Short()), Done: n.done, Failed: n.failed, Lost: n.lost, Busy: api.Duration(n.busy), State: "idle"}
	t := n.lease
	if t != nil && t.phase == open {
		p.Slots = t.share.Slots
		p.Queued, p.Running = int64(t.queued), int64(len(t.out)-t.over-t.queued)
		if len(t.out) > 0 {
			p.State = "working"
		}
	}
	switch {
	case n.aside != "":
		p.State, p.Reason = "set aside", n.aside
	case t != nil && (t.phase == lost || t.phase == broken) && s.ended.IsZero():
		p.State, p.Reason = "lost", "it does not answer"
	case t != nil && t.phase == open && !t.takes():
		p.State, p.Reason = "withdrawn", cmp.Or(t.share.Reason, "its owner has it "+string(t.share.State))
	case t == nil && n.refused != "" && n.refusals > 0:
		p.State, p.Reason = "refused", n.refused
	}
	return p, t != nil || n.done+n.failed+n.lost > 0 || n.aside != "" || p.State == "refused"
}

// why explains, for every peer, whether it may run this job's tasks.
func (s *sched) why(now time.Time) api.Why {
	w := api.Why{Waiting: s.count.Waiting, Peers: []api.WhyPeer{}}
	for _, n := range s.byIdx {
		reason := s.rulesOut(n, now)
		w.Peers = append(w.Peers, api.WhyPeer{Peer: n.id, Name: cmp.Or(n.peer.Name, n.id.Short()), OK: reason == "" || reason == lookedAt, Reason: cmp.Or(reason, "it can run them")})
	}
	slices.SortFunc(w.Peers, func(a, b api.WhyPeer) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Peer, b.Peer)) })
	return w
}

// rulesOut is what keeps a node from taking a task now, "" if nothing does.
func (s *sched) rulesOut(n *node, now time.Time) string {
	t := n.lease
	switch {
	case n.unfit == lookedAt && now.Sub(n.looks) > lookedFor:
		return "it does not find out what it lends"
	case n.unfit != "":
		return n.unfit
	case !n.alive:
		return "does not answer"
	case n.aside != "":
		return "set aside: " + n.aside
	case s.plan.strategy.Lane(n.id) == NoLane:
		return "the strategy gives it nothing"
	case t == nil && n.refusals > 0:
		return fmt.Sprintf("it refused: %s (asking again in %s)", n.refused, max(n.notBefore.Sub(now), 0).Round(time.Second))
	case t != nil && (t.phase == broken || t.phase == lost || t.phase == resuming):
		return "it does not answer"
	case t != nil && t.phase == open && !t.takes():
		return cmp.Or(t.share.Reason, "its owner has it "+string(t.share.State))
	case t != nil && t.phase == open && t.share.Slots == 0:
		return cmp.Or(t.share.Reason, "all its slots are taken")
	}
	return ""
}

// waits says in one line why nothing of a job runs.
func (s *sched) waits(now time.Time) string {
	if s.hold(now) {
		return "waiting for the lenders of before the restart to say what they hold"
	}
	reasons := map[string]int{}
	for _, n := range s.byIdx {
		why := s.rulesOut(n, now)
		if why == "" {
			return "waiting for a slot"
		}
		reasons[why]++
	}
	if len(reasons) == 0 {
		return "no node can run it: this node knows no other"
	}
	var said []string
	for _, why := range slices.Sorted(maps.Keys(reasons)) {
		said = append(said, fmt.Sprintf("%d: %s", reasons[why], why))
	}
	return clip(fmt.Sprintf("no node can run it: %d considered; %s", len(s.byIdx), strings.Join(said, "; ")), 500)
}
