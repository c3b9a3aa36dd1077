package p2p

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// entry is what is known here of one member.
type entry struct {
	rec     api.Record
	raw     []byte // the record's original signed bytes
	state   api.PeerState
	latency time.Duration
	seen    time.Time
	dirty   bool // differs from the store

	tried time.Time // when a probe last failed
	retry time.Time // not before then the next
	fails int
}

// table is the peer table. Entries are never removed: who is gone is dead, not
// forgotten. It is bounded because only members get in.
type table struct {
	mu      sync.Mutex // guards entries
	entries map[api.PeerID]*entry
}

func newTable() *table { return &table{entries: map[api.PeerID]*entry{}} }

// offer takes a verified record in if it is newer than the one known. seen is
// when its node was last heard of, heard whether that was just now. It says
// whether the record was news and whether the peer came back to life, or must be
// probed because it was dead.
func (t *table) offer(rec api.Record, raw []byte, seen time.Time, alive bool) (news, changed, probe bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[rec.ID]
	if e == nil {
		e = &entry{state: api.PeerAlive}
		if !alive {
			e.state = api.PeerSuspect
		}
		t.entries[rec.ID] = e
		changed, probe = true, !alive // new here is a change too
	} else if rec.Seq <= e.rec.Seq {
		if alive && seen.After(e.seen) && e.state == api.PeerAlive {
			e.seen, e.dirty = seen, true
		}
		return false, false, false
	} else if alive && e.state == api.PeerSuspect {
		e.state, changed = api.PeerAlive, true
	} else if alive && e.state == api.PeerDead {
		probe = true // its word may be old; only a probe brings the dead back
	}
	e.rec, e.raw, e.dirty = rec, raw, true
	if seen.After(e.seen) {
		e.seen = seen
	}
	return true, changed, probe
}

// self puts this node's own record in.
func (t *table) self(rec api.Record, raw []byte, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entries[rec.ID] = &entry{rec: rec, raw: raw, state: api.PeerSelf, seen: now, dirty: true}
}

// restore fills in what the store remembers; nobody is alive until heard of.
func (t *table) restore(rec api.Record, k api.KnownPeer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entries[rec.ID] = &entry{rec: rec, raw: k.Record, state: api.PeerSuspect, latency: time.Duration(k.Latency), seen: k.LastSeen}
}

// alive notes that id was heard of just now; latency 0 is not measured. It
// returns whether its state changed.
func (t *table) alive(id api.PeerID, now time.Time, latency time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[id]
	if e == nil {
		return false
	}
	e.seen, e.dirty, e.fails, e.retry = now, true, 0, time.Time{}
	switch {
	case latency > 0 && e.latency == 0:
		e.latency = latency
	case latency > 0:
		e.latency += (latency - e.latency) / 5
	}
	changed := e.state != api.PeerAlive
	e.state = api.PeerAlive
	return changed
}

// doubt makes a live peer suspect.
func (t *table) doubt(id api.PeerID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[id]
	if e == nil || e.state != api.PeerAlive {
		return false
	}
	e.state = api.PeerSuspect
	return true
}

// bury marks id dead after our own probe failed, and puts off the next one.
func (t *table) bury(id api.PeerID, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[id]
	if e == nil {
		return false
	}
	e.fails = min(e.fails+1, 8)
	e.tried, e.retry = now, now.Add(min(time.Second<<e.fails, 2*time.Minute))
	changed := e.state != api.PeerDead
	e.state = api.PeerDead
	return changed
}

// get is a copy of an entry.
func (t *table) get(id api.PeerID) (entry, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[id]
	if e == nil {
		return entry{}, false
	}
	return *e, true
}

// list is a copy of all entries, ordered by name and then id.
func (t *table) list() []entry {
	t.mu.Lock()
	out := make([]entry, 0, len(t.entries))
	for _, e := range t.entries {
		out = append(out, *e)
	}
	t.mu.Unlock()
	slices.SortFunc(out, func(a, b entry) int {
		if c := strings.Compare(a.rec.Name, b.rec.Name); c != 0 {
			return c
		}
		return strings.Compare(string(a.rec.ID), string(b.rec.ID))
	})
	return out
}

// takeDirty is what the store does not have yet.
func (t *table) takeDirty() []api.KnownPeer {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []api.KnownPeer
	for id, e := range t.entries {
		if e.dirty {
			e.dirty = false
			out = append(out, api.KnownPeer{ID: id, Record: e.raw, LastSeen: e.seen, Latency: api.Duration(e.latency)})
		}
	}
	return out
}

// redirty marks peers again whose saving failed.
func (t *table) redirty(peers []api.KnownPeer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range peers {
		if e := t.entries[p.ID]; e != nil {
			e.dirty = true
		}
	}
}
