package p2p

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// pingProtocol answers 8 bytes with the same 8 and the 8 of the answering side's
// digest, for as long as the stream is open.
const pingProtocol = "/p2prc/ping/1"

const (
	pingEvery   = time.Second
	pingTime    = time.Second             // to answer a ping on a link
	probeTime   = 2500 * time.Millisecond // for a probe: connecting, proving, a ping
	maxPatience = 20 * time.Second        // most that is added to these when this machine itself is slow
	pingsAtOnce = 10                      // links pinged per round; the others' turn comes next round
	maxProbing  = 16                      // probes under way
)

// pinger keeps one ping stream of a link open. The zero value is ready.
type pinger struct {
	mu sync.Mutex // held during a ping; guards what follows
	st network.Stream

	differs int       // pings in a row that told of another digest
	synced  time.Time // when that last led to a sync
	pause   time.Duration
}

func (p *pinger) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop()
}

func (p *pinger) drop() {
	if p.st != nil {
		if err := p.st.Reset(); err == nil || p.st != nil {
			p.st = nil
		}
	}
}

func (s *session) servePing(st network.Stream) {
	if !s.track() {
		resetStream(s, st)
		return
	}
	defer s.tasks.Done()
	var buf [16]byte
	for {
		if _, err := io.ReadFull(st, buf[:8]); err != nil {
			resetStream(s, st)
			return
		}
		binary.BigEndian.PutUint64(buf[8:], s.digest.Load())
		if _, err := st.Write(buf[:]); err != nil {
			resetStream(s, st)
			return
		}
	}
}

// pingLink measures a round trip on a member's connection, on its newest direct one where the
// one before does not answer: that says nothing of a member that came back by another way.
func (s *session) pingLink(ctx context.Context, pid peer.ID) (time.Duration, error) {
	s.mu.Lock()
	l := s.links[pid]
	s.mu.Unlock()
	if l == nil {
		return 0, errConnClosed
	}
	l.ping.mu.Lock()
	defer l.ping.mu.Unlock()
	if l.ping.st != nil && relayed(l.ping.st.Conn().RemoteMultiaddr()) && s.directConn(pid) != nil {
		l.ping.drop()
	}
	fresh := l.ping.st == nil
	for {
		d, err := s.pingOnce(ctx, pid, &l.ping)
		if err == nil {
			s.leaveSilent(l.ping.st.Conn()) // streams would begin on such a one
			return d, nil
		}
		l.ping.drop()
		// A kept stream may have been on a connection that went; a fresh one tells.
		if fresh || ctx.Err() != nil {
			return 0, err
		}
		fresh = true
	}
}

func (s *session) pingOnce(ctx context.Context, pid peer.ID, p *pinger) (time.Duration, error) {
	if p.st == nil {
		var st network.Stream
		var err error
		// Of connections through relays libp2p chooses: each side may have begun one, and not
		// all of them stay.
		if c := s.newestConn(pid); c != nil && !relayed(c.RemoteMultiaddr()) {
			st, err = openLazily(ctx, c, pingProtocol)
		} else {
			st, err = s.host.NewStream(network.WithNoDial(ctx, "ping"), pid, pingProtocol)
		}
		if err != nil {
			return 0, err
		}
		p.st = st
	}
	// Others wait for this one: it must not take as long as its caller would.
	dl := time.Now().Add(probeTime + s.patience())
	if least, ok := ctx.Deadline(); ok && least.Before(dl) {
		dl = least
	}
	if err := p.st.SetDeadline(dl); err != nil {
		return 0, err
	}
	d, digest, err := roundTrip(p.st)
	if err == nil {
		s.compare(pid, p, digest)
	}
	return d, err
}

// roundTrip is one ping on a stream of pings, and the digest of the other side.
func roundTrip(st network.Stream) (d time.Duration, digest uint64, err error) {
	var out [8]byte
	var in [16]byte
	if _, err := rand.Read(out[:]); err != nil {
		return 0, 0, err
	}
	start := time.Now()
	if _, err := st.Write(out[:]); err != nil {
		return 0, 0, err
	}
	if _, err := io.ReadFull(st, in[:]); err != nil {
		return 0, 0, err
	}
	d = time.Since(start)
	if [8]byte(in[:8]) != out {
		return 0, 0, errors.New("the wrong bytes came back")
	}
	return d, binary.BigEndian.Uint64(in[8:]), nil
}

// pingLoop pings connected members in turn. It is what finds a machine that is
// gone without a word.
func (s *session) pingLoop() {
	t := time.NewTicker(pingEvery)
	defer t.Stop()
	last := time.Now()
	for {
		select {
		case <-t.C:
		case <-s.ctx.Done():
			return
		}
		now := time.Now()
		s.feelLag(now.Sub(last) - pingEvery)
		last = now
		for _, pid := range s.pingRound() {
			s.go_(func() {
				s.straighten(pid)
				ctx, cancel := context.WithTimeout(s.ctx, pingTime+s.patience())
				defer cancel()
				id := api.PeerID(pid.String())
				d, err := s.pingLink(ctx, pid)
				switch {
				case err == nil:
					if s.pool.table.alive(id, s.n.cfg.now(), d) {
						s.emitPeer(id)
					}
				case s.ctx.Err() == nil && s.proven(pid):
					s.suspect(id)
				}
			})
		}
	}
}

// feelLag notes how late this node's own clock ticked. A machine that cannot
// keep its own time must not take others for dead: its patience grows at once and
// wears off slowly.
func (s *session) feelLag(late time.Duration) {
	old := time.Duration(s.lag.Load())
	s.lag.Store(int64(max(late, old*3/4, 0)))
}

// patience is what is added to the times that others have to answer.
func (s *session) patience() time.Duration {
	lag := time.Duration(s.lag.Load())
	if lag < 50*time.Millisecond {
		return 0
	}
	return min(10*lag, maxPatience)
}

func (s *session) pingRound() []peer.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]peer.ID, 0, len(s.links))
	for pid := range s.links {
		all = append(all, pid)
	}
	if len(all) <= pingsAtOnce {
		return all
	}
	sortPeers(all)
	out := make([]peer.ID, pingsAtOnce)
	for i := range out {
		out[i] = all[(s.next+i)%len(all)]
	}
	s.next = (s.next + pingsAtOnce) % len(all)
	return out
}

// lostLink is called when a member's last connection closed.
func (s *session) lostLink(pid peer.ID) {
	id := api.PeerID(pid.String())
	if e, ok := s.pool.table.get(id); ok && e.state != api.PeerDead && s.ctx.Err() == nil && s.isMember(pid) {
		s.suspect(id)
	}
}

// suspect is what we found ourselves: tell the others and probe.
func (s *session) suspect(id api.PeerID) {
	if s.pool.table.doubt(id) {
		s.emitPeer(id)
		if e, ok := s.pool.table.get(id); ok {
			b, err := json.Marshal(suspicion{Node: id, Seq: e.rec.Seq, Window: s.n.cfg.now().UnixNano() / int64(suspicionWindow)})
			if err == nil {
				s.gossip.publish(gossipSuspicion, b)
			}
		}
	}
	s.probeSoon(id)
}

// suspected is a suspicion heard from others; it says whether to pass it on.
func (s *session) suspected(x suspicion) bool {
	if x.Node == s.n.id {
		s.publishSoon() // we live: a newer record says so
		return true
	}
	e, ok := s.pool.table.get(x.Node)
	if !ok || e.state != api.PeerAlive {
		return ok && e.state == api.PeerSuspect
	}
	if x.Seq < e.rec.Seq && s.n.cfg.now().Sub(e.seen) < suspicionWindow {
		return false // it has spoken since
	}
	if s.pool.table.doubt(x.Node) {
		s.emitPeer(x.Node)
	}
	s.probeSoon(x.Node)
	return true
}

// probeSoon probes in the background, unless a probe of that member is under way.
func (s *session) probeSoon(id api.PeerID) {
	pid, err := peer.Decode(string(id))
	if err != nil {
		return
	}
	s.mu.Lock()
	busy := s.probing[pid] != nil
	s.mu.Unlock()
	if busy {
		return
	}
	s.go_(func() {
		ctx, cancel := context.WithTimeout(s.ctx, probeTime+s.patience())
		defer cancel()
		if _, err := s.probe(ctx, id); err != nil && s.ctx.Err() == nil {
			s.log.Debug("probe failed", "peer", string(id), "err", err)
		}
	})
}

// probe reaches a member and pings it, and writes into the table what it found.
func (s *session) probe(ctx context.Context, id api.PeerID) (time.Duration, error) {
	pid, err := peer.Decode(string(id))
	if err != nil {
		return 0, api.Errorf(api.KindInvalid, "%q is not a peer id", id)
	}
	for { // who comes second waits for the first and takes its verdict
		s.mu.Lock()
		wait := s.probing[pid]
		same := wait != nil
		if wait == nil && len(s.probing) < maxProbing {
			wait = make(chan struct{})
			s.probing[pid] = wait
			s.mu.Unlock()
			defer func() {
				s.mu.Lock()
				delete(s.probing, pid)
				s.mu.Unlock()
				close(wait)
			}()
			break
		}
		if wait == nil {
			for _, other := range s.probing {
				wait = other
				break
			}
		}
		s.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		if e, ok := s.pool.table.get(id); ok && same {
			if e.state == api.PeerAlive {
				return e.latency, nil
			}
			return 0, api.Errorf(api.KindUnavailable, "%s does not answer", id.Short())
		}
	}
	s.n.counters.probes.Add(1)
	d, err := s.answers(ctx, id, pid)
	if s.ctx.Err() != nil {
		return 0, api.Errorf(api.KindUnavailable, "the node is stopping")
	}
	if err == nil {
		if s.pool.table.alive(id, s.n.cfg.now(), d) {
			s.emitPeer(id)
		}
		return d, nil
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return 0, err // who asked gave up, which says nothing of the member
	}
	if s.pool.table.bury(id, s.n.cfg.now()) {
		s.n.counters.deaths.Add(1)
		s.log.Info("a peer is dead", "peer", string(id), "err", err)
		s.emitPeer(id)
	}
	// What is left of its connections is no use, and would hide that it came back.
	if cerr := s.host.Network().ClosePeer(pid); cerr != nil {
		s.log.Debug("close", "err", cerr)
	}
	return 0, err
}

func (s *session) answers(ctx context.Context, id api.PeerID, pid peer.ID) (time.Duration, error) {
	s.leaveRelays(pid, false)
	if s.relayedOnly(pid) {
		// Its relay may be what does not answer: there is time for another one.
		short, cancel := context.WithTimeout(ctx, pingTime+s.patience())
		d, err := s.pingLink(short, pid)
		cancel()
		if err == nil {
			return d, nil
		}
		s.leaveRelays(pid, true)
	}
	if _, err := s.connect(ctx, id); err != nil {
		if !s.proven(pid) || errors.Is(ctx.Err(), context.Canceled) {
			return 0, err
		}
		// It called meanwhile, or was met: a dial under way does not hear of that.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(s.ctx, pingTime+s.patience())
		defer cancel()
	}
	asked := s.newestConn(pid)
	d, err := s.pingLink(ctx, pid)
	if err != nil {
		d, err = s.pingOthers(pid, asked, err)
	}
	if err != nil {
		err = &api.Error{Kind: api.KindUnavailable, Msg: id.Short() + " does not answer", Err: err}
	}
	return d, err
}

// pingOthers is for a member that did not answer on the connection that was asked. If it has
// another one, which may have come meanwhile, it is pinged on all of them, and the
// first answer counts. Without any the error is why.
func (s *session) pingOthers(pid peer.ID, asked network.Conn, why error) (time.Duration, error) {
	conns := s.provedConns(pid)
	if len(conns) == 0 || len(conns) == 1 && conns[0] == asked {
		return 0, why
	}
	ctx, cancel := context.WithTimeout(s.ctx, pingTime+s.patience())
	defer cancel()
	type answer struct {
		on  network.Conn
		d   time.Duration
		err error
	}
	answers := make(chan answer, len(conns))
	for _, c := range conns {
		s.go_(func() {
			d, err := pingOn(ctx, c)
			answers <- answer{c, d, err}
		})
	}
	for range conns {
		select {
		case a := <-answers:
			if a.err == nil {
				s.leaveSilent(a.on)
				return a.d, nil
			}
		case <-ctx.Done():
			return 0, why
		}
	}
	return 0, why
}
