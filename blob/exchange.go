package blob

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// Protocol is the exchange's protocol id; see the package doc.
const Protocol = "/p2prc/blob/1"

// The frames of the protocol.
const (
	kindGet wire.Kind = iota + 1
	kindData
	kindFail
	kindWait
)

const (
	maxRange = 1 << 20           // bytes asked for at once
	maxFrame = maxRange + 32<<10 // a slice of a range, with room for 500 tree nodes
	maxAsk   = 4 << 10           // bytes of a request

	linkWindow  = 64 // requests under way on one stream
	fetchWindow = 4  // of them for one blob
	largePeer   = 2  // blobs of more than one group fetched from one peer at a time
	largeMax    = 32 // and from all
	batchFetch  = 64 // blobs of a folder fetched at a time
	serveMax    = 4  // streams served to one member
	partialMax  = 8  // broken fetches kept

	dialTime    = 30 * time.Second
	silence     = 20 * time.Second // a holder that says nothing is left
	frameTime   = 2 * time.Minute  // one answer's bytes
	waitTime    = 10 * time.Minute // announced waiting for one answer
	waitEvery   = 5 * time.Second
	linkIdle    = 30 * time.Second
	serveIdle   = 2 * time.Minute
	serveWrite  = time.Minute
	partialTime = 10 * time.Minute
)

// askMsg is a GET.
type askMsg struct {
	ID   api.BlobID `json:"id"`
	Of   api.BlobID `json:"of,omitzero"` // the convoy's manifest
	Tail bool       `json:"tail,omitempty"`
	Off  int64      `json:"off,omitempty"`
	Len  int64      `json:"len,omitempty"`
}

// failMsg is a FAIL.
type failMsg struct {
	Kind api.Kind `json:"kind"`
	Msg  string   `json:"msg"`
}

// Dialer opens streams to members.
type Dialer interface {
	OpenStream(ctx context.Context, peer api.PeerID, protocol string) (wire.Stream, error)
}

// Exchange serves a store's blobs to members and fetches blobs from them. It is
// safe for concurrent use.
type Exchange struct {
	store   *Store
	dial    Dialer
	log     *slog.Logger
	life    context.Context // ends with close
	end     context.CancelFunc
	large   chan struct{} // one token for each large blob being fetched
	trees   chan struct{} // one token: hash trees are computed one at a time
	wg      sync.WaitGroup
	mu      sync.Mutex // guards what follows; a link's mu is taken after it, never before
	closed  bool
	links   map[api.PeerID]*linkSlot
	flights map[api.BlobID]*flight
	broken  map[api.BlobID]*partial // verified beginnings of fetches that ended early
	serves  map[api.PeerID]int
	coming  map[api.BlobID]*arrival // files of convoys
	sent    map[api.PeerID]int64    // bytes of answers, see Sent
	total   int64
}

// NewExchange makes an exchange over s. Its streams are d's; Serve is registered
// for Protocol by the caller.
func NewExchange(s *Store, d Dialer, log *slog.Logger) *Exchange {
	life, end := context.WithCancel(context.Background())
	return &Exchange{
		store: s, dial: d, log: log, life: life, end: end,
		large: make(chan struct{}, largeMax), trees: make(chan struct{}, 1),
		links: map[api.PeerID]*linkSlot{}, flights: map[api.BlobID]*flight{},
		broken: map[api.BlobID]*partial{}, serves: map[api.PeerID]int{},
		coming: map[api.BlobID]*arrival{}, sent: map[api.PeerID]int64{},
	}
}

// Run drops what broken fetches left once it is old. When ctx ends, fetches
// fail, streams close, and Run returns when all that the exchange started is
// gone. An exchange works before Run too, but then nobody waits for its end.
func (x *Exchange) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return x.close()
		case now := <-tick.C:
			if err := x.dropPartials(func(p *partial) bool { return now.Sub(p.since) >= partialTime }); err != nil {
				x.log.Error("drop what a broken fetch left", "err", err)
			}
		}
	}
}

func (x *Exchange) close() error {
	x.mu.Lock()
	x.closed = true
	x.mu.Unlock()
	x.end()
	x.wg.Wait()
	return x.dropPartials(func(*partial) bool { return true })
}

// start runs fn on a goroutine that close waits for; false when closed.
func (x *Exchange) start(fn func()) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return false
	}
	x.wg.Go(fn)
	return true
}

var errClosed = api.Errorf(api.KindUnavailable, "the node is stopping")

// maxCounted bounds the peers whose bytes are counted apart.
const maxCounted = 4096

func (x *Exchange) count(peer api.PeerID, n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.total += int64(n)
	if _, known := x.sent[peer]; known || len(x.sent) < maxCounted {
		x.sent[peer] += int64(n)
	}
}

// Sent is how many bytes of blobs a member was given since the exchange was made.
func (x *Exchange) Sent(peer api.PeerID) int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.sent[peer]
}

// SentAll is how many bytes of blobs were given away since the exchange was made.
func (x *Exchange) SentAll() int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.total
}
