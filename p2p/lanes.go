package p2p

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// laneProtocol asks the member that dialed the session's connection for lanes: who cannot be
// dialed brings them. Frames of package wire, and [laneAsk] the only one that is not empty:
//
//	1 ask    to who dialed  laneAsk
//	2 ready  to who asked   they are there
//
// On a new lane, which is dialed at the address of that connection:
//
//	3 mine   to who listens  who dialed will open a stream on it
//	4 yours  to who listens  who listens may open one
//	2 ready  to who dialed   it is taken
//	5 open   to the other    laneOpen: from here on it is a stream of that protocol
const laneProtocol = "/p2prc/lanes/1"

const (
	kindLaneAsk   wire.Kind = 1
	kindLaneReady wire.Kind = 2
	kindLaneMine  wire.Kind = 3
	kindLaneYours wire.Kind = 4
	kindLaneOpen  wire.Kind = 5
)

type laneAsk struct {
	Lanes int `json:"lanes"`
}

type laneOpen struct {
	Protocol string `json:"protocol"`
}

const (
	maxLaneFrame = 256
	spareLanes   = 2           // ready for the next streams to a member
	maxLanes     = 8           // of a member, spare and in use; where more is open, streams share better
	maxShaking   = 32          // lanes that are being secured
	laneKept     = time.Minute // from KeepLanes and OpenLane on
	laneWait     = 5 * time.Second
	laneRetryMin = time.Second
	laneRetryMax = 2 * time.Minute
)

// lanes are those of a session.
type lanes struct {
	s   *session
	due chan struct{} // capacity 1: look whether some are missing

	mu      sync.Mutex // guards what follows
	by      map[peer.ID]*laneSet
	shaking int
}

// laneSet is a member's.
type laneSet struct {
	until  time.Time // some are kept spare
	all    map[*lane]struct{}
	spare  []*lane // for this end's streams
	coming int
	retry  time.Duration
	next   time.Time // not before: the last try failed
}

func newLanes(s *session) *lanes {
	return &lanes{s: s, due: make(chan struct{}, 1), by: map[peer.ID]*laneSet{}}
}

func (ls *lanes) ofLocked(pid peer.ID) *laneSet {
	set := ls.by[pid]
	if set == nil {
		set = &laneSet{all: map[*lane]struct{}{}}
		ls.by[pid] = set
	}
	return set
}

// KeepLanes has lanes to a member ready, where the two are connected directly by TCP, for
// OpenLane in the next minute.
func (n *Net) KeepLanes(id api.PeerID) {
	if s, pid := n.laned(id); s != nil {
		s.lanes.keep(pid)
	}
}

// OpenLane is OpenStream for a stream of much data or many small answers, which has a
// connection of its own where one is ready.
func (n *Net) OpenLane(ctx context.Context, id api.PeerID, protocol string) (wire.Stream, error) {
	if s, pid := n.laned(id); s != nil {
		s.lanes.keep(pid)
		if l := s.lanes.open(pid, protocol); l != nil {
			return l, nil
		}
	}
	return n.OpenStream(ctx, id, protocol)
}

// laned is the session, if there is one, and a member.
func (n *Net) laned(id api.PeerID) (*session, peer.ID) {
	n.mu.Lock()
	s := n.sess
	n.mu.Unlock()
	pid, err := peer.Decode(string(id))
	if s == nil || err != nil {
		return nil, ""
	}
	if _, err := s.pool.log.Check(id, n.cfg.now()); err != nil {
		return nil, ""
	}
	return s, pid
}

func (ls *lanes) keep(pid peer.ID) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.ofLocked(pid).until = time.Now().Add(laneKept)
	nudge(ls.due)
}

// open begins a stream on a spare lane; nil: there is none.
func (ls *lanes) open(pid peer.ID, protocol string) *lane {
	for {
		ls.mu.Lock()
		set := ls.ofLocked(pid)
		if len(set.spare) == 0 {
			ls.mu.Unlock()
			return nil
		}
		l := set.spare[0]
		set.spare = set.spare[1:]
		ls.mu.Unlock()
		nudge(ls.due)
		if wire.NewWriter(l, maxLaneFrame).Send(kindLaneOpen, laneOpen{protocol}) == nil {
			return l
		}
		_ = l.Reset()
	}
}

// run brings what is missing, until the session ends.
func (ls *lanes) run() {
	t := time.NewTicker(laneKept / 4)
	defer t.Stop()
	for {
		select {
		case <-ls.due:
		case <-t.C:
		case <-ls.s.ctx.Done():
			return
		}
		ls.mu.Lock()
		var kept []peer.ID
		for pid, set := range ls.by {
			if time.Now().Before(set.until) {
				kept = append(kept, pid)
			} else if len(set.all)+set.coming == 0 {
				delete(ls.by, pid)
			}
		}
		ls.mu.Unlock()
		for _, pid := range kept {
			ls.fill(pid)
		}
	}
}

// fill has as many brought to a member as are missing.
func (ls *lanes) fill(pid peer.ID) {
	c := ls.s.directTCP(pid)
	if c == nil {
		return
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	set := ls.ofLocked(pid)
	missing := min(spareLanes-len(set.spare), maxLanes-len(set.all)) - set.coming
	if missing <= 0 || time.Now().Before(set.next) {
		return
	}
	set.coming += missing
	ls.s.go_(func() {
		ctx, cancel := context.WithTimeout(ls.s.ctx, 2*laneWait)
		defer cancel()
		var err error
		if c.Stat().Direction == network.DirOutbound {
			err = ls.dialSome(ctx, c, missing, kindLaneMine)
		} else {
			err = ls.ask(ctx, pid, missing)
		}
		ls.mu.Lock()
		defer ls.mu.Unlock()
		set.coming -= missing
		if err == nil {
			set.retry = 0
			return
		}
		set.retry = min(max(2*set.retry, laneRetryMin), laneRetryMax)
		set.next = time.Now().Add(set.retry)
		ls.s.log.Debug("no lane", "peer", pid.String(), "err", err)
	})
}

// directTCP is a direct connection to a proven member over TCP, rather one that this end
// dialed, or nil.
func (s *session) directTCP(pid peer.ID) (best network.Conn) {
	if !s.proven(pid) {
		return nil
	}
	for _, c := range s.host.Network().ConnsToPeer(pid) {
		if pathOf(c) == api.PathDirectTCP && !c.IsClosed() && (best == nil || c.Stat().Direction == network.DirOutbound) {
			best = c
		}
	}
	return best
}

// ask has the member that dialed bring some.
func (ls *lanes) ask(ctx context.Context, pid peer.ID, n int) error {
	st, err := ls.s.host.NewStream(network.WithNoDial(ctx, "it dialed"), pid, laneProtocol)
	if err != nil {
		return err
	}
	defer func() { _ = st.Reset() }()
	deadline, _ := ctx.Deadline()
	_ = st.SetDeadline(deadline)
	if err := wire.NewWriter(st, maxLaneFrame).Send(kindLaneAsk, laneAsk{n}); err != nil {
		return err
	}
	return readLane(st, kindLaneReady, nil)
}

// serve brings lanes to a member that asks.
func (ls *lanes) serve(st network.Stream) {
	defer func() { _ = st.Reset() }()
	var a laneAsk
	_ = st.SetDeadline(time.Now().Add(2 * laneWait))
	c := ls.s.directTCP(st.Conn().RemotePeer())
	if readLane(st, kindLaneAsk, &a) != nil || a.Lanes < 1 || a.Lanes > spareLanes || c == nil || c.Stat().Direction != network.DirOutbound {
		return
	}
	ctx, cancel := context.WithTimeout(ls.s.ctx, laneWait)
	defer cancel()
	if ls.dialSome(ctx, c, a.Lanes, kindLaneYours) == nil && wire.NewWriter(st, maxLaneFrame).Send(kindLaneReady, struct{}{}) == nil {
		_ = st.Close()
	}
}

// dialSome dials n lanes at the address of a connection.
func (ls *lanes) dialSome(ctx context.Context, c network.Conn, n int, whose wire.Kind) error {
	for range n {
		if err := ls.dial(ctx, c, whose); err != nil {
			return err
		}
	}
	return nil
}

func (ls *lanes) dial(ctx context.Context, c network.Conn, whose wire.Kind) error {
	at, pid := c.RemoteMultiaddr(), c.RemotePeer()
	if ls.full(pid) { // before the work of one
		return errNoLane
	}
	scope, err := ls.s.host.Network().ResourceManager().OpenConnection(network.DirOutbound, true, at)
	if err != nil {
		return err
	}
	l, err := ls.connect(ctx, at, pid, scope)
	if err != nil {
		scope.Done()
		return err
	}
	defer context.AfterFunc(ls.s.ctx, func() { _ = l.below.Close() })() // a read may wait in it
	deadline, _ := ctx.Deadline()
	_ = l.SetDeadline(deadline)
	if err = wire.NewWriter(l, maxLaneFrame).Send(whose, struct{}{}); err == nil {
		err = readLane(l, kindLaneReady, nil)
	}
	_ = l.SetDeadline(time.Time{})
	if err == nil {
		err = ls.add(l, c, whose == kindLaneMine)
	}
	if err != nil {
		_ = l.Reset()
		return err
	}
	if whose == kindLaneYours {
		ls.s.go_(func() { ls.heed(l) })
	}
	return nil
}

func (ls *lanes) connect(ctx context.Context, at multiaddr.Multiaddr, pid peer.ID, scope network.ConnManagementScope) (*lane, error) {
	if err := scope.SetPeer(pid); err != nil {
		return nil, err
	}
	network, address, err := manet.DialArgs(at)
	if err != nil {
		return nil, err
	}
	tcp, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	l, err := ls.s.secureLane(ctx, tcp, pid, scope.Done)
	if err != nil {
		return nil, errors.Join(err, tcp.Close())
	}
	return l, nil
}

// takeLane takes a lane that somebody dialed, if he is a member that is connected directly.
func (n *Net) takeLane(c manet.Conn, scope network.ConnManagementScope) {
	n.mu.Lock()
	s := n.sess
	n.mu.Unlock()
	if s == nil || !s.lanes.take(c, scope) {
		_ = c.Close()
		scope.Done()
	}
}

func (ls *lanes) take(c manet.Conn, scope network.ConnManagementScope) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.shaking >= maxShaking || !ls.s.track() {
		return false
	}
	ls.shaking++
	go func() {
		defer ls.s.tasks.Done()
		l, theirs := ls.shake(c, scope)
		ls.mu.Lock()
		ls.shaking--
		ls.mu.Unlock()
		if theirs {
			ls.heed(l)
		}
	}()
	return true
}

// shake secures a lane and learns whose it is: theirs, if they will open a stream.
func (ls *lanes) shake(c manet.Conn, scope network.ConnManagementScope) (_ *lane, theirs bool) {
	ctx, cancel := context.WithTimeout(ls.s.ctx, laneWait)
	defer cancel()
	l, err := ls.s.secureLane(ctx, c, "", scope.Done)
	if err != nil {
		_ = c.Close()
		scope.Done()
		return nil, false
	}
	defer context.AfterFunc(ls.s.ctx, func() { _ = l.below.Close() })() // a read may wait in it
	err = scope.SetPeer(l.peer)
	deadline, _ := ctx.Deadline()
	_ = l.SetDeadline(deadline)
	beside := ls.s.directTCP(l.peer)
	if beside == nil {
		err = errNotMember
	}
	var kind wire.Kind
	if err == nil {
		kind, _, err = wire.ReadOne(l, maxLaneFrame)
	}
	if err == nil && kind != kindLaneMine && kind != kindLaneYours {
		err = wire.UnknownKind(kind)
	}
	if err == nil {
		err = wire.NewWriter(l, maxLaneFrame).Send(kindLaneReady, struct{}{})
	}
	_ = l.SetDeadline(time.Time{})
	if err == nil {
		err = ls.add(l, beside, kind == kindLaneYours)
	}
	if err != nil {
		_ = l.Reset()
		ls.s.log.Debug("refused a lane", "peer", l.peer.String(), "err", err)
		return nil, false
	}
	return l, kind == kindLaneMine
}

var errNoLane = api.Errorf(api.KindQuota, "one lane too many, or too late")

func (ls *lanes) full(pid peer.ID) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return len(ls.ofLocked(pid).all) >= maxLanes
}

// add counts a lane from now on until it ends; spare: this end may open a stream on it.
func (ls *lanes) add(l *lane, beside network.Conn, spare bool) error {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	set := ls.ofLocked(l.peer)
	if len(set.all) >= maxLanes || beside.IsClosed() || ls.s.ctx.Err() != nil {
		return errNoLane
	}
	l.beside = beside
	free := l.free
	l.free = func() {
		free()
		ls.mu.Lock()
		defer ls.mu.Unlock()
		delete(set.all, l)
		set.spare = slices.DeleteFunc(set.spare, func(other *lane) bool { return other == l })
		nudge(ls.due)
	}
	set.all[l] = struct{}{}
	if spare {
		set.spare = append(set.spare, l)
	}
	return nil
}

// heed waits for a stream that the other end opens, and hands it to its handler.
func (ls *lanes) heed(l *lane) {
	var o laneOpen
	if readLane(l, kindLaneOpen, &o) != nil {
		_ = l.Reset()
		return
	}
	s := ls.s
	caller := api.Caller{Peer: api.PeerID(l.peer.String())}
	var err error
	if caller.Role, err = s.pool.log.Check(caller.Peer, s.n.cfg.now()); err != nil {
		_ = l.Reset()
		return
	}
	s.handOver(l, l.peer, caller, o.Protocol)
}

// readLane reads one frame, which must be of that kind.
func readLane(st wire.Stream, want wire.Kind, into any) error {
	kind, payload, err := wire.ReadOne(st, maxLaneFrame)
	switch {
	case err != nil:
		return err
	case kind != want:
		return wire.UnknownKind(kind)
	case into == nil:
		return nil
	}
	return wire.Decode(payload, into)
}

// leave ends the lanes beside a connection, which is closed; nil: all.
func (ls *lanes) leave(c network.Conn) {
	ls.mu.Lock()
	var gone []*lane
	for _, set := range ls.by {
		for l := range set.all {
			if c == nil || l.beside == c {
				gone = append(gone, l)
			}
		}
	}
	ls.mu.Unlock()
	for _, l := range gone {
		_ = l.Reset()
	}
}
