package p2p

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"log/slog"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// The kinds of gossip: a message's first byte.
const (
	gossipRecord     byte = iota + 1 // a signed record's bytes
	gossipStatements                 // JSON list of membership statements
	gossipSuspicion                  // JSON suspicion
)

const (
	maxGossip   = 256 << 10
	gossipSplit = 128 << 10 // statements in one message, in bytes before base64
)

// suspicion says that its sender lost a member. It proves nothing: who hears it
// probes that member itself. Seq and Window keep one loss from being many messages.
type suspicion struct {
	Node   api.PeerID `json:"node"`
	Seq    uint64     `json:"seq"`
	Window int64      `json:"window"` // the sender's clock in units of suspicionWindow
}

const suspicionWindow = 2 * time.Second

// gossip is one network's topic.
type gossip struct {
	s      *session
	ctx    context.Context
	cancel context.CancelFunc
	host   *gatedHost
	ps     *pubsub.PubSub
	topic  *pubsub.Topic
	sub    *pubsub.Subscription
	events *pubsub.TopicEventHandler
	out    chan []byte // messages to publish
}

func newGossip(s *session) (*gossip, error) {
	g := &gossip{s: s, out: make(chan []byte, 1024)}
	// Not a child of the session's context: pubsub must outlive the handlers.
	g.ctx, g.cancel = context.WithCancel(context.WithoutCancel(s.ctx))
	if err := g.open(); err != nil {
		g.cancel()
		return nil, &api.Error{Kind: api.KindInternal, Msg: "cannot start gossip", Err: err}
	}
	return g, nil
}

func (g *gossip) open() (err error) {
	if g.host, err = newGatedHost(g.s.host, g.s); err != nil {
		return err
	}
	g.ps, err = pubsub.NewGossipSub(g.ctx, g.host,
		// Payloads carry signatures of their own; one message has one id, whoever sends it.
		pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign), pubsub.WithNoAuthor(),
		pubsub.WithMessageIdFn(func(m *pb.Message) string { h := sha256.Sum256(m.Data); return string(h[:]) }),
		pubsub.WithPeerFilter(func(p peer.ID, _ string) bool { return g.s.isMember(p) }),
		pubsub.WithMaxMessageSize(2*maxGossip), pubsub.WithFloodPublish(true), pubsub.WithPeerOutboundQueueSize(256),
		pubsub.WithValidateQueueSize(1024), pubsub.WithLogger(slog.New(slog.DiscardHandler)), pubsub.WithRPCLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return err
	}
	name := "/p2prc/" + string(g.s.pool.id)
	if err = g.ps.RegisterTopicValidator(name, g.validate, pubsub.WithValidatorTimeout(5*time.Second)); err != nil {
		return err
	}
	if g.topic, err = g.ps.Join(name); err != nil {
		return err
	}
	if g.sub, err = g.topic.Subscribe(pubsub.WithBufferSize(16)); err != nil {
		return err
	}
	g.events, err = g.topic.EventHandler()
	return err
}

// run publishes, drains and watches until the session ends.
func (g *gossip) run() {
	ctx := g.s.ctx
	g.s.go_(func() { // the validator does the work; a full subscription would only be dropped
		for {
			if _, err := g.sub.Next(ctx); err != nil {
				return
			}
		}
	})
	g.s.go_(func() {
		for {
			ev, err := g.events.NextPeerEvent(ctx)
			if err != nil {
				return
			}
			if ev.Type == pubsub.PeerJoin {
				g.s.publishSoon() // what was said before it came is lost to it
			}
		}
	})
	for {
		select {
		case msg := <-g.out:
			if err := g.topic.Publish(ctx, msg); err != nil && ctx.Err() == nil {
				g.s.log.Debug("publish", "err", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// close ends pubsub; nothing of the session uses it any more.
func (g *gossip) close() {
	g.events.Cancel()
	g.sub.Cancel()
	if err := g.topic.Close(); err != nil {
		g.s.log.Debug("topic", "err", err)
	}
	g.cancel()
}

// admitted lets pubsub talk with a proven member.
func (g *gossip) admitted(p peer.ID) {
	if err := g.host.admitted(p, pubsub.GossipSubDefaultProtocols); err != nil {
		g.s.log.Debug("gossip", "err", err)
	}
}

// publish queues a message. When more is queued than a network can want said,
// it is left out: syncs carry the same.
func (g *gossip) publish(kind byte, payload []byte) {
	msg := append([]byte{kind}, payload...)
	select {
	case g.out <- msg:
	default:
		g.s.log.Warn("gossip queue is full, a message was dropped")
	}
}

func (g *gossip) publishStatements(list [][]byte) {
	for len(list) > 0 {
		n, size := 0, 0
		for n < len(list) && (n == 0 || size+len(list[n]) <= gossipSplit) {
			size += len(list[n])
			n++
		}
		b, err := json.Marshal(list[:n])
		if err != nil {
			g.s.log.Error("gossip", "err", err)
			return
		}
		g.publish(gossipStatements, b)
		list = list[n:]
	}
}

// validate takes a message in; what is accepted is passed on. Only news is.
func (g *gossip) validate(ctx context.Context, from peer.ID, msg *pubsub.Message) pubsub.ValidationResult {
	if from == g.s.n.pid {
		return pubsub.ValidationAccept // our own
	}
	// It is called by a goroutine of pubsub's, which does not wait for it.
	if !g.s.track() {
		return pubsub.ValidationIgnore
	}
	defer g.s.tasks.Done()
	if len(msg.Data) < 2 || len(msg.Data) > maxGossip || !g.s.isMember(from) {
		return pubsub.ValidationReject
	}
	news, err := g.s.heard(ctx, from, msg.Data[0], msg.Data[1:])
	switch {
	case err != nil:
		g.s.n.counters.badGossip.Add(1)
		return pubsub.ValidationReject
	case !news:
		return pubsub.ValidationIgnore
	}
	return pubsub.ValidationAccept
}

// heard acts on a gossip message and says whether it was news.
func (s *session) heard(ctx context.Context, from peer.ID, kind byte, payload []byte) (bool, error) {
	switch kind {
	case gossipRecord:
		news, err := s.offer(payload, s.n.cfg.now(), true)
		if news && s.hasOrphans() {
			s.resyncSoon(from)
		}
		return news, err
	case gossipStatements:
		var list [][]byte
		if err := json.Unmarshal(payload, &list); err != nil {
			return false, err
		}
		added, err := s.pool.add(ctx, s.n.cfg.now(), list...)
		if len(added) > 0 {
			s.logGrew()
		}
		return len(added) > 0, err
	case gossipSuspicion:
		var x suspicion
		if err := json.Unmarshal(payload, &x); err != nil {
			return false, err
		}
		return s.suspected(x), nil
	}
	return false, api.Errorf(api.KindCorrupt, "unknown kind of gossip %d", kind)
}

// isMember tells whether a peer is a member now.
func (s *session) isMember(p peer.ID) bool {
	_, err := s.pool.log.Check(api.PeerID(p.String()), s.n.cfg.now())
	return err == nil
}
