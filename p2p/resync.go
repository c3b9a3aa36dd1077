package p2p

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// resyncEvery is how often two neighbours compare all they have, in case gossip
// lost something.
const resyncEvery = time.Minute

// resyncSoon has log and table compared with a neighbour: we heard of something
// whose beginning we missed.
func (s *session) resyncSoon(with peer.ID) {
	select {
	case s.behind <- with:
	default: // one is due anyway
	}
}

func (s *session) resyncLoop() {
	every := func() time.Duration { return resyncEvery*9/10 + rand.N(resyncEvery/5) }
	t := time.NewTimer(every())
	defer t.Stop()
	for {
		var with peer.ID
		select {
		case with = <-s.behind:
		case <-t.C:
			with = s.anyLink()
		case <-s.ctx.Done():
			return
		}
		if with != "" {
			if err := s.resync(with); err != nil && s.ctx.Err() == nil {
				s.log.Debug("sync", "peer", with.String(), "err", err)
			}
		}
		t.Reset(every())
	}
}

func (s *session) anyLink() peer.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	for pid := range s.links { // in random order
		return pid
	}
	return ""
}

// redigest works out anew what stands for all that neighbours should have in
// common: the log, and of whom a record is known.
func (s *session) redigest() {
	now := s.n.cfg.now()
	sum := binary.BigEndian.Uint64(s.pool.log.Sum())
	for _, e := range s.pool.table.list() {
		if _, err := s.pool.log.Check(e.rec.ID, now); err == nil {
			h := sha256.Sum256([]byte(e.rec.ID))
			sum ^= binary.BigEndian.Uint64(h[:]) // in any order
		}
	}
	s.digest.Store(sum)
}

// compare looks at a neighbour's digest, which came with its pong. When it
// differs twice in a row, gossip has lost something for one of us.
func (s *session) compare(pid peer.ID, p *pinger, theirs uint64) {
	if theirs == s.digest.Load() {
		p.differs, p.pause = 0, 0
		return
	}
	if p.differs++; p.differs < 2 || time.Since(p.synced) < p.pause {
		return
	}
	// Syncing may not help (their clock, their version): then more and more rarely.
	p.synced, p.pause = time.Now(), min(max(2*p.pause, 2*time.Second), resyncEvery)
	s.resyncSoon(pid)
}

// resync says hello again on an open connection.
func (s *session) resync(pid peer.ID) error {
	c := s.newestConn(pid)
	if c == nil {
		return errConnClosed
	}
	ctx, cancel := context.WithTimeout(s.ctx, proveTime)
	defer cancel()
	m, err := openMember(ctx, c)
	if err != nil {
		return err
	}
	defer s.endMember(m)
	if err := m.w.Send(frameHello, hello{Network: s.pool.id, Time: s.n.cfg.now().UnixMilli(), Proof: s.pool.log.Proof(s.n.id)}); err != nil {
		return err
	}
	var h hello
	if err := m.next(frameHello, &h); err != nil {
		return err
	}
	if err := s.verify(ctx, api.PeerID(pid.String()), h, false); err != nil {
		return err
	}
	return s.sync(m, true)
}
