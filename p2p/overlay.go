package p2p

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const (
	overlayLinks = 6                 // connections a node makes, if it has fewer
	overlayEvery = 2 * time.Second   // how often it looks
	lonely       = 10 * time.Second  // the longest pause before trying a peer again, with no link at all
	silence      = 100 * time.Second // without a word: three announcements and a bit
)

// overlayLoop keeps this node connected to a few members at random, tries the
// dead now and then, and doubts who has not been heard of for long.
func (s *session) overlayLoop() {
	t := time.NewTicker(overlayEvery)
	defer t.Stop()
	for {
		s.knit()
		select {
		case <-t.C:
			s.enforce() // nothing else tells when a membership expires
			s.listen()
		case <-s.wake:
		case <-s.ctx.Done():
			return
		}
	}
}

// knit dials as many members as are missing, those held for alive first.
func (s *session) knit() {
	have := s.linkCount()
	if have >= overlayLinks {
		return
	}
	now := s.n.cfg.now()
	var good, doubtful, dead []api.PeerID
	for _, e := range s.pool.table.list() {
		if e.rec.ID == s.n.id || now.Before(e.retry) && (have > 0 || now.Sub(e.tried) < lonely) {
			continue
		}
		if pid, err := peer.Decode(string(e.rec.ID)); err != nil || s.proven(pid) || !s.isMember(pid) {
			continue
		}
		switch e.state {
		case api.PeerAlive:
			good = append(good, e.rec.ID)
		case api.PeerSuspect:
			doubtful = append(doubtful, e.rec.ID)
		default:
			dead = append(dead, e.rec.ID)
		}
	}
	for _, l := range [][]api.PeerID{good, doubtful, dead} {
		rand.Shuffle(len(l), func(i, j int) { l[i], l[j] = l[j], l[i] })
	}
	for _, id := range slices.Concat(good, doubtful, dead) {
		if have++; have > overlayLinks {
			return
		}
		s.probeSoon(id)
	}
}

// listen doubts a few of those who were silent for too long, and tries one of
// the dead although there are links enough: how two halves of a pool find each
// other again.
func (s *session) listen() {
	now := s.n.cfg.now()
	far := silence * time.Duration(max(1, len(s.pool.table.list())/100))
	var dead []api.PeerID
	asked := 0
	for _, e := range s.pool.table.list() {
		if e.rec.ID == s.n.id {
			continue
		}
		if _, err := s.pool.log.Check(e.rec.ID, now); err != nil {
			continue
		}
		switch {
		case e.state == api.PeerDead && now.After(e.retry):
			dead = append(dead, e.rec.ID)
		case (e.state == api.PeerSuspect || now.Sub(e.seen) > far) && asked < 4:
			asked++
			if s.pool.table.doubt(e.rec.ID) {
				s.emitPeer(e.rec.ID)
			}
			s.probeSoon(e.rec.ID)
		}
	}
	if len(dead) > 0 && rand.N(4) == 0 {
		s.probeSoon(dead[rand.N(len(dead))])
	}
}

// enforce closes what those who are no members any more still have open, and the
// streams of those who have another role now: they come back with it.
func (s *session) enforce() {
	s.mu.Lock()
	linked := slices.Collect(maps.Keys(s.links))
	s.mu.Unlock()
	for _, pid := range linked {
		id := api.PeerID(pid.String())
		role, err := s.pool.log.Check(id, s.n.cfg.now())
		s.endHandlers(pid, role)
		if err == nil {
			continue
		}
		s.log.Info("closing the connections of a node that is no member any more", "peer", string(id))
		if err := s.host.Network().ClosePeer(pid); err != nil {
			s.log.Debug("close", "err", err)
		}
		s.emitPeer(id)
	}
}

// found takes what mDNS finds.
type found session

// HandlePeerFound implements mdns.Notifee.
func (f *found) HandlePeerFound(info peer.AddrInfo) {
	s := (*session)(f)
	if info.ID == s.n.pid || s.proven(info.ID) || s.linkCount() >= overlayLinks || s.gater.out(info.ID) {
		return
	}
	s.go_(func() {
		ctx, cancel := context.WithTimeout(s.ctx, proveTime)
		defer cancel()
		s.host.Peerstore().AddAddrs(info.ID, info.Addrs, time.Minute)
		if err := s.connectTo(ctx, info.ID); err != nil {
			s.log.Debug("found on the local network, but not connected", "peer", info.ID.String(), "err", err)
		}
	})
}

// mdnsTag names a network on the local one without naming it to strangers.
func mdnsTag(network api.NetworkID) string {
	h := sha256.Sum256([]byte("p2prc mdns " + network))
	return "_p2prc-" + hex.EncodeToString(h[:6]) + "._udp"
}

func sortPeers(p []peer.ID) { slices.Sort(p) }
