package p2p

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// session is one host's life in one network: from listening to closed. Join and
// Leave end it and Run starts the next.
type session struct {
	n         *Net
	pool      *pool
	host      host.Host
	gater     *gater
	log       *slog.Logger
	gossip    *gossip
	sealed    chan struct{} // capacity 1: something of the own record changed
	behind    chan peer.ID  // capacity 1: compare with this neighbour
	wake      chan struct{} // capacity 1: look after the overlay now
	hellos    chan struct{} // slots for hellos of strangers
	lookOut   chan struct{} // capacity 1: look after how this node is reached now
	placesDue chan struct{} // capacity 1: look after the places at relays
	saveDue   chan struct{} // capacity 1: write the peer table down now

	gated    circuitHost
	circuits *client.Client
	relayer  *relayer
	dialBack *dialBack
	meetings *meetings
	lanes    *lanes
	reach    *reach

	digest    atomic.Uint64 // see redigest
	lag       atomic.Int64  // nanoseconds; see feelLag
	outrunSeq atomic.Uint64 // of the newest own record anybody has

	ctx    context.Context // ends all that the session started
	cancel context.CancelFunc

	mu        sync.Mutex // guards what follows
	closing   bool
	tasks     sync.WaitGroup // Add only through track
	proofs    map[network.Conn]*proof
	unproven  int
	links     map[peer.ID]*link
	probing   map[peer.ID]chan struct{}
	handling  map[peer.ID]map[*handled]struct{}
	shares    map[share]int // how many of those there are
	orphans   map[api.PeerID]orphan
	traffic   map[peer.ID]*traffic
	lies      map[peer.ID][]falseAddr
	listening map[network.Conn]struct{} // connections that leaveIfSilent waits for
	dialing   map[peer.ID]int           // calls of connectTo; meanwhile proofs of closed connections stay
	next      int                       // whom to ping next
}

// proof is whether the other end of a connection has proved its membership.
type proof struct {
	done chan struct{} // closed when err is set
	err  error
	ok   bool
	once sync.Once
}

// link is a member that is connected and proved.
type link struct {
	conns int
	ping  pinger
	punch punch
}

// startSession listens and makes the session known, without running it yet.
func (n *Net) startSession(ctx context.Context) (*session, error) {
	n.mu.Lock()
	p, port := n.pool, n.port
	n.mu.Unlock()
	s := &session{n: n, pool: p, gater: newGater(n.cfg.now, n.pid), log: n.log.With("network", string(p.id)), sealed: make(chan struct{}, 1), wake: make(chan struct{}, 1), behind: make(chan peer.ID, 1),
		hellos: make(chan struct{}, 16), lookOut: make(chan struct{}, 1), placesDue: make(chan struct{}, 1), saveDue: make(chan struct{}, 1), reach: newReach(), proofs: map[network.Conn]*proof{}, links: map[peer.ID]*link{}, probing: map[peer.ID]chan struct{}{}, handling: map[peer.ID]map[*handled]struct{}{}, shares: map[share]int{}, orphans: map[api.PeerID]orphan{}, listening: map[network.Conn]struct{}{}, dialing: map[peer.ID]int{}, traffic: map[peer.ID]*traffic{}, lies: map[peer.ID][]falseAddr{}}
	s.ctx, s.cancel = context.WithCancel(ctx)
	var err error
	if s.host, port, err = n.openHost(s.gater, port); err != nil {
		s.cancel()
		return nil, err
	}
	s.relayer, s.dialBack, s.meetings, s.lanes = newRelayer(s), newDialBack(s), newMeetings(s), newLanes(s)
	if err = s.openCircuits(); err == nil {
		s.gossip, err = newGossip(s)
	}
	if err == nil {
		s.redigest()
		err = s.seal() // the first hello already carries the record
	}
	if err != nil {
		s.cancel()
		return nil, errors.Join(err, s.host.Close())
	}
	s.host.SetStreamHandler(memberProtocol, s.serveMember)
	s.host.SetStreamHandler(pingProtocol, s.gate(s.servePing))
	s.host.SetStreamHandler(reachProtocol, s.gate(s.dialBack.serve))
	s.host.SetStreamHandler(meetProtocol, s.gate(s.meetings.serve))
	s.host.SetStreamHandler(laneProtocol, s.gate(s.lanes.serve))
	s.host.Network().Notify((*notifiee)(s))
	n.mu.Lock()
	defer n.mu.Unlock()
	for name := range n.handlers {
		s.handleLocked(name)
	}
	n.sess, n.port = s, port
	n.notifyLocked()
	return s, nil
}

// run works until the session's context ends, then takes everything down: no new
// work, then handlers, then gossip, then the host, then the last write.
func (s *session) run(ctx context.Context) error {
	s.go_(s.gossip.run)
	s.go_(s.publishLoop)
	s.go_(s.overlayLoop)
	s.go_(s.pingLoop)
	s.go_(s.saveLoop)
	s.go_(s.watchAddrs)
	s.go_(s.renewLoop)
	s.go_(s.resyncLoop)
	s.go_(s.reachLoop)
	s.go_(s.placesLoop)
	s.go_(s.lanes.run)
	var lan mdns.Service
	if s.n.cfg.MDNS {
		lan = mdns.NewMdnsService(s.host, mdnsTag(s.pool.id), (*found)(s))
		if err := lan.Start(); err != nil {
			s.log.Warn("cannot look for members on the local network", "err", err)
			lan = nil
		}
	}
	<-s.ctx.Done()
	if lan != nil {
		if err := lan.Close(); err != nil {
			s.log.Debug("mdns", "err", err)
		}
	}
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.lanes.leave(nil)
	err := s.host.Close() // resets every stream, which ends the handlers
	s.tasks.Wait()
	s.gossip.close()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if serr := s.pool.savePeers(last); serr != nil {
		s.log.Warn("cannot save the peer table", "err", serr)
	}
	return err
}

// track counts work that run waits for; false once the session is closing.
func (s *session) track() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.tasks.Add(1)
	return true
}

// go_ runs f in a goroutine that run waits for.
func (s *session) go_(f func()) {
	if s.track() {
		go func() {
			defer s.tasks.Done()
			f()
		}()
	}
}

// saveLoop writes the peer table down now and then, and soon where a member is reached
// elsewhere than known: a node that is killed finds the others when it comes back.
func (s *session) saveLoop() {
	t := time.NewTicker(10 * time.Second)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-s.saveDue:
		case <-s.ctx.Done():
			return
		}
		if err := s.pool.savePeers(s.ctx); err != nil && s.ctx.Err() == nil {
			s.log.Warn("cannot save the peer table", "err", err)
		}
	}
}

// watchAddrs tells the others when this machine's addresses change.
func (s *session) watchAddrs() {
	sub, err := s.host.EventBus().Subscribe(new(event.EvtLocalAddressesUpdated))
	if err != nil {
		s.log.Warn("cannot watch addresses", "err", err)
		return
	}
	for {
		select {
		case _, ok := <-sub.Out():
			if !ok {
				return
			}
			s.publishSoon()
		case <-s.ctx.Done():
			if err := sub.Close(); err != nil {
				s.log.Debug("events", "err", err)
			}
			return
		}
	}
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// emit sends an event about a peer; no locks are held.
func (s *session) emitPeer(id api.PeerID) {
	if p, ok := s.n.Peer(id); ok {
		s.n.cfg.OnEvent(api.Event{Time: s.n.cfg.now(), Type: api.EventPeer, Peer: &p})
	}
}

// dialable makes sure that the host knows where a member listens.
func (s *session) dialable(id api.PeerID) (peer.ID, error) {
	e, ok := s.pool.table.get(id)
	if !ok {
		pid, err := peer.Decode(string(id))
		if err != nil {
			return "", api.Errorf(api.KindInvalid, "%q is not a peer id", id)
		}
		return pid, nil
	}
	info, err := addrInfo(e.rec)
	if err != nil {
		return "", err
	}
	s.host.Peerstore().AddAddrs(info.ID, s.truthful(info.ID, info.Addrs), time.Hour)
	return info.ID, nil
}

// protocolOf is a name as libp2p wants it.
func protocolOf(name string) protocol.ID { return protocol.ID(name) }
