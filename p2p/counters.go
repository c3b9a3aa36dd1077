package p2p

import "sync/atomic"

// counters count since New; the fields are the names.
type counters struct {
	refusedStrangers, refusedMembers, refusedStreams, joins, joinsRefused                        *atomic.Int64
	probes, deaths, badGossip                                                                    *atomic.Int64
	relayedBytes, refusedCircuits, refusedDialBacks, refusedMeetings, relaysSetAside, falseAddrs *atomic.Int64
}

func newCounters() counters {
	i := func() *atomic.Int64 { return &atomic.Int64{} }
	return counters{i(), i(), i(), i(), i(), i(), i(), i(), i(), i(), i(), i(), i(), i()}
}

func (c counters) all() map[string]int64 {
	return map[string]int64{
		"refused_strangers": c.refusedStrangers.Load(), // connections of nodes that are not members
		"refused_members":   c.refusedMembers.Load(),   // connections of nodes whose membership ended
		"refused_streams":   c.refusedStreams.Load(),   // streams over a member's bound
		"joins":             c.joins.Load(),            // nodes admitted here
		"joins_refused":     c.joinsRefused.Load(),
		"probes":            c.probes.Load(),
		"deaths":            c.deaths.Load(),    // peers this node's probe found dead
		"bad_gossip":        c.badGossip.Load(), // messages that did not verify
		"relayed_bytes":     c.relayedBytes.Load(),
		"refused_circuits":  c.refusedCircuits.Load(),  // connections this node did not relay
		"refused_dialbacks": c.refusedDialBacks.Load(), // members that asked too often
		"refused_meetings":  c.refusedMeetings.Load(),  // members that asked to be met and were not sent anything
		"false_addresses":   c.falseAddrs.Load(),       // of members, at which somebody else answered
		"relays_set_aside":  c.relaysSetAside.Load(),   // relays that did not relay
	}
}
