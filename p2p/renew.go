package p2p

import (
	"math/rand/v2"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/p2p/membership"
)

const (
	renewEvery  = time.Hour
	renewBefore = membership.Lifetime / 2 // what is left of a certificate when an admin renews it
	warnBefore  = 30 * 24 * time.Hour
)

// renewLoop renews the certificates of members that are here, where this node is
// an admin, and warns the owner before its own runs out.
func (s *session) renewLoop() {
	first := time.Minute + rand.N(time.Minute) // not all admins at the same moment
	t := time.NewTimer(first)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			if err := s.renew(); err != nil && s.ctx.Err() == nil {
				s.log.Error("cannot renew certificates", "err", err)
			}
			t.Reset(renewEvery*9/10 + rand.N(renewEvery/5))
		case <-s.ctx.Done():
			return
		}
	}
}

func (s *session) renew() error {
	now := s.n.cfg.now()
	if err := s.n.keepAdmin(s.ctx, s.pool, renewBefore); err != nil {
		return err
	}
	key, err := s.n.authority(s.pool)
	for _, m := range s.pool.log.Members() {
		left := m.Expires.Sub(now)
		if m.ID == s.n.id && left < warnBefore && !m.Revoked {
			s.log.Warn("this node's membership runs out; another admin renews it while both are up, and so does the network's key", "expires", m.Expires)
		}
		e, ok := s.pool.table.get(m.ID)
		if err != nil || m.Revoked || m.ID == s.n.id || left > renewBefore || left < 0 || !ok || e.state != api.PeerAlive {
			continue
		}
		raw, err := membership.Sign(&membership.Grant{Network: s.pool.id, Node: m.ID, Role: m.Role, Time: now.UnixMilli(), Expires: now.Add(membership.Lifetime).UnixMilli()}, key)
		if err != nil {
			return err
		}
		added, err := s.pool.add(s.ctx, now, raw)
		s.spread(added)
		if err != nil {
			return err
		}
		s.log.Info("renewed a membership", "peer", string(m.ID))
	}
	return nil
}
