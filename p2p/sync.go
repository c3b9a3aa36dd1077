package p2p

import (
	"slices"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// have says what one side has, so that the other sends what it lacks.
type have struct {
	Log     []byte                `json:"log"`     // membership.Log.Summary
	Records map[api.PeerID]uint64 `json:"records"` // the newest Seq known of each
}

// delta is what the other side lacks.
type delta struct {
	Statements [][]byte       `json:"statements,omitempty"`
	Records    []recordNotice `json:"records,omitempty"`
	More       bool           `json:"more,omitempty"` // another delta follows
}

// recordNotice is a record with what its sender knows of its freshness.
type recordNotice struct {
	Raw   []byte `json:"raw"`
	Age   int64  `json:"age"`   // milliseconds since the sender heard of the node
	Alive bool   `json:"alive"` // the sender holds it for alive
}

// seen is when its node was heard of; never in the future, whatever the sender says.
func (n recordNotice) seen(now time.Time) time.Time {
	const most = 10 * 365 * 24 * time.Hour
	return now.Add(-time.Duration(min(max(n.Age, 0), most.Milliseconds())) * time.Millisecond)
}

// orphan is a record that waits for its node's admission.
type orphan struct {
	raw   []byte
	seq   uint64
	seen  time.Time
	alive bool
}

const maxOrphans = 256

// deltaBytes is about how much goes into one delta, before JSON and base64.
const deltaBytes = 256 << 10

// maxHave bounds the records of a have: more members than any pool has.
const maxHave = 20_000

// sync brings two members' logs and tables together. The dialing side says first
// what it has; the sides never write at the same time, so neither can block the other.
func (s *session) sync(m *memberConn, dialed bool) error {
	if err := m.st.SetDeadline(time.Now().Add(syncTime)); err != nil {
		return err
	}
	if err := m.trust(); err != nil {
		return err
	}
	if dialed {
		if err := m.w.Send(frameHave, s.have()); err != nil {
			return err
		}
		if err := s.takeDeltas(m); err != nil {
			return err
		}
		var theirs have
		if err := m.next(frameHave, &theirs); err != nil {
			return err
		}
		if err := s.sendDeltas(m, theirs); err != nil {
			return err
		}
		return m.next(frameDone, &struct{}{})
	}
	var theirs have
	if err := m.next(frameHave, &theirs); err != nil {
		return err
	}
	if err := s.sendDeltas(m, theirs); err != nil {
		return err
	}
	if err := m.w.Send(frameHave, s.have()); err != nil {
		return err
	}
	if err := s.takeDeltas(m); err != nil {
		return err
	}
	return m.w.Send(frameDone, struct{}{})
}

func (s *session) have() have {
	h := have{Log: s.pool.log.Summary(), Records: map[api.PeerID]uint64{}}
	for _, e := range s.pool.table.list() {
		h.Records[e.rec.ID] = e.rec.Seq
	}
	return h
}

func (s *session) sendDeltas(m *memberConn, theirs have) error {
	if len(theirs.Records) > maxHave {
		return api.Errorf(api.KindTooLarge, "a table of %d records", len(theirs.Records))
	}
	now := s.n.cfg.now()
	var d delta
	size := 0
	room := func(n int) error {
		if size += n; size <= deltaBytes {
			return nil
		}
		size = n
		d.More = true
		err := m.w.Send(frameDelta, d)
		d = delta{}
		return err
	}
	for _, raw := range s.pool.log.Missing(theirs.Log) {
		if err := room(len(raw)); err != nil {
			return err
		}
		d.Statements = append(d.Statements, raw)
	}
	for _, e := range s.pool.table.list() {
		if e.rec.Seq <= theirs.Records[e.rec.ID] || len(e.raw) == 0 {
			continue
		}
		if err := room(len(e.raw)); err != nil {
			return err
		}
		n := recordNotice{Raw: e.raw, Age: max(0, now.Sub(e.seen).Milliseconds()), Alive: e.state == api.PeerAlive}
		if e.rec.ID == s.n.id {
			n.Age, n.Alive = 0, true
		}
		d.Records = append(d.Records, n)
	}
	d.More = false
	return m.w.Send(frameDelta, d)
}

func (s *session) takeDeltas(m *memberConn) error {
	for {
		var d delta
		if err := m.next(frameDelta, &d); err != nil {
			return err
		}
		if err := s.take(d); err != nil {
			return err
		}
		if !d.More {
			return nil
		}
	}
}

// take merges a delta and passes on what was news to us, because the one it
// came from may not be heard by the others yet.
func (s *session) take(d delta) error {
	added, err := s.pool.add(s.ctx, s.n.cfg.now(), d.Statements...)
	s.spread(added)
	if err != nil {
		return err
	}
	now := s.n.cfg.now()
	for _, n := range d.Records {
		if news, err := s.offer(n.Raw, n.seen(now), n.Alive); err != nil {
			return err
		} else if news && n.Alive {
			s.gossip.publish(gossipRecord, n.Raw)
		}
	}
	return nil
}

// offer checks a record and puts it into the table. It says whether it was news.
func (s *session) offer(raw []byte, seen time.Time, alive bool) (news bool, err error) {
	rec, err := openRecord(raw)
	if err != nil {
		s.n.counters.badGossip.Add(1)
		return false, err
	}
	if rec.ID == s.n.id {
		s.outrun(rec)
		return false, nil
	}
	if _, err := s.pool.log.Check(rec.ID, s.n.cfg.now()); err != nil {
		if s.pool.log.Knows(rec.ID) {
			return false, nil // revoked or expired
		}
		return s.orphan(rec, raw, seen, alive), nil
	}
	old, _ := s.pool.table.get(rec.ID)
	news, changed, probe := s.pool.table.offer(rec, raw, seen, alive)
	if news {
		nudge(s.wake)
	}
	if news && !slices.Equal(old.rec.Addrs, rec.Addrs) {
		nudge(s.saveDue)
	}
	if changed {
		s.redigest() // it may be the first record of it
	}
	if news || changed {
		s.emitPeer(rec.ID)
	}
	if probe {
		s.probeSoon(rec.ID)
	}
	return news, nil
}

// orphan keeps a record whose node's admission has not come this way yet: gossip
// does not keep the order. It says whether there was room.
func (s *session) orphan(rec api.Record, raw []byte, seen time.Time, alive bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.orphans[rec.ID]; !ok && len(s.orphans) >= maxOrphans || old.seq >= rec.Seq {
		return false
	}
	s.orphans[rec.ID] = orphan{raw, rec.Seq, seen, alive}
	return true
}

func (s *session) hasOrphans() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.orphans) > 0
}

// adopt offers orphans again after the log grew.
func (s *session) adopt() {
	s.mu.Lock()
	var again []orphan
	for id, o := range s.orphans {
		if s.pool.log.Knows(id) {
			again = append(again, o)
			delete(s.orphans, id)
		}
	}
	s.mu.Unlock()
	for _, o := range again {
		if _, err := s.offer(o.raw, o.seen, o.alive); err != nil {
			s.log.Debug("orphan", "err", err)
		}
	}
}

// spread acts on statements that are new here and tells the others.
func (s *session) spread(added [][]byte) {
	if len(added) == 0 {
		return
	}
	s.logGrew()
	s.gossip.publishStatements(added)
}

// logGrew acts on new statements.
func (s *session) logGrew() {
	s.enforce()
	s.adopt()
	s.redigest()
	role, err := s.pool.log.Check(s.n.id, s.n.cfg.now())
	if own, ok := s.pool.table.get(s.n.id); ok && err == nil && own.rec.Role != role {
		s.publishSoon()
	}
	s.n.cfg.OnEvent(api.Event{Time: s.n.cfg.now(), Type: api.EventMember, Msg: "the membership log grew"})
}
