package p2p

import (
	"math/rand/v2"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const (
	// settleTime is how long changes are collected before the record is signed; a
	// message to a topic peer that came less than about 100 ms ago is lost.
	settleTime = 100 * time.Millisecond
	// announceEvery is how often an unchanged record is said again.
	announceEvery = 30 * time.Second
)

// publishSoon has the own record signed anew and told to the others.
func (s *session) publishSoon() { nudge(s.sealed) }

// publishLoop tells the own record: soon after it changed or somebody new
// listens, and now and then; more slowly in a large pool, since everybody hears
// everybody.
func (s *session) publishLoop() {
	every := func() time.Duration {
		n := len(s.pool.table.list())
		d := announceEvery * time.Duration(max(1, n/100))
		return d*9/10 + rand.N(d/5)
	}
	t := time.NewTimer(every())
	defer t.Stop()
	for {
		select {
		case <-s.sealed:
			pause := time.NewTimer(settleTime)
			select {
			case <-pause.C:
			case <-s.ctx.Done():
				pause.Stop()
				return
			}
			select { // what came meanwhile is in
			case <-s.sealed:
			default:
			}
		case <-t.C:
		case <-s.ctx.Done():
			return
		}
		if err := s.seal(); err != nil {
			s.log.Error("cannot sign this node's record", "err", err)
		} else if e, ok := s.pool.table.get(s.n.id); ok {
			s.gossip.publish(gossipRecord, e.raw)
		}
		t.Reset(every())
	}
}

// seal signs the own record with the next Seq and puts it into the table, from
// where syncs take it.
func (s *session) seal() error {
	s.n.mu.Lock()
	rec := s.n.record
	s.n.mu.Unlock()
	now := s.n.cfg.now()
	rec.Time = now.UTC()
	if role, err := s.pool.log.Check(s.n.id, now); err == nil {
		rec.Role = role
	}
	rec.Addrs = nil
	rec.Reach, rec.Relays = s.reachability(), s.relayer.serving()
	for _, a := range s.addrs() {
		if len(rec.Addrs) < maxAddrs {
			rec.Addrs = append(rec.Addrs, a.String())
		}
	}
	// Growing over restarts too, without a counter on disk.
	rec.Seq = max(uint64(max(now.UnixMilli(), 1)), s.outrunSeq.Load()+1)
	s.outrunSeq.Store(rec.Seq)
	raw, err := signRecord(rec, s.n.key)
	if err != nil {
		return err
	}
	s.pool.table.self(rec, raw, now)
	s.redigest()
	return nil
}

// outrun makes the next own record newer than one that others still have, as
// after a clock was set back.
func (s *session) outrun(rec api.Record) {
	for {
		old := s.outrunSeq.Load()
		if rec.Seq <= old {
			return
		}
		if s.outrunSeq.CompareAndSwap(old, rec.Seq) {
			s.publishSoon()
			return
		}
	}
}
