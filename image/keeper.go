package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/blob"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// Engine is a container engine.
type Engine interface {
	// Find looks an image up by name or id; KindNotFound when it is not there,
	// KindUnavailable when no engine answers.
	Find(ctx context.Context, name string) (api.Image, error)
	// List is every image with a name.
	List(ctx context.Context) ([]api.Image, error)
	// Save reads an image's archive.
	Save(ctx context.Context, id api.ImageID) (io.ReadCloser, error)
	// Load takes an archive; it is over when the engine has it or refused it.
	Load(ctx context.Context, r io.Reader) error
	// Pull takes an image of at most most bytes from its registry. KindUnsupported: the
	// registry does not give it; KindQuota: it has more.
	Pull(ctx context.Context, name string, most int64) error
	// Tag gives an image another name.
	Tag(ctx context.Context, id api.ImageID, name string) error
	// Untag takes a name away, and the image with its last one. KindConflict: a
	// container uses it. A name that is not there is no error.
	Untag(ctx context.Context, tag string) error
	// Platform is what the engine's containers run on.
	Platform(ctx context.Context) (os, arch string, err error)
}

// Blobs is the content store.
type Blobs interface {
	Reader
	NewTree() *blob.TreeWriter
	Tree(ctx context.Context, id api.BlobID) (api.Tree, error)
	Has(id api.BlobID) bool
	Pin(ctx context.Context, owner string, ids ...api.BlobID) error
	Unpin(ctx context.Context, owner string) error
	Owners(ctx context.Context, prefix string) ([]string, error)
}

// Fetch brings blobs from members.
type Fetch interface {
	Fetch(ctx context.Context, id api.BlobID, sources ...api.PeerID) error
	FetchConvoy(ctx context.Context, id api.BlobID, check func(api.Tree) error, have func(bytes int64), sources ...api.PeerID) (api.Tree, error)
	Sent(peer api.PeerID) int64
}

// Store remembers images. What it writes is durable on return.
type Store interface {
	Images(ctx context.Context) ([]api.KeptImage, error)
	SaveImage(ctx context.Context, img api.KeptImage) error
	DeleteImage(ctx context.Context, id api.ImageID) error
}

// Dialer opens streams to members.
type Dialer interface {
	OpenStream(ctx context.Context, peer api.PeerID, protocol string) (wire.Stream, error)
}

// Config is what a Keeper is made of; all of it is required.
type Config struct {
	Self   api.PeerID
	Engine Engine
	Blobs  Blobs
	Fetch  Fetch
	Store  Store
	Dial   Dialer
	Log    *slog.Logger
	// Allowed says why the owner's policy lets a member bring no images.
	Allowed func(ctx context.Context, from api.Caller) error
	// Pulls says why an image of that name is not pulled for a member.
	Pulls func(ctx context.Context, from api.Caller, name string) error
	// Most is how many bytes of images are kept for borrowers.
	Most func() int64
	// Needed tells whether unfinished work of this node needs an image.
	Needed func(id api.ImageID) bool
	// Alive tells whether a member is there.
	Alive func(peer api.PeerID) bool
}

// Keeper gives this node's images to members and takes theirs. It is safe for
// concurrent use.
type Keeper struct {
	cfg Config

	mu      sync.Mutex // guards what follows; never held across I/O
	kept    map[api.ImageID]api.KeptImage
	busy    map[api.ImageID]chan struct{} // one token: who packs, brings or removes it
	holds   map[api.ImageID]int           // leases that need it on the engine
	offers  map[api.ImageID]int           // sends under way
	asked   map[api.ImageID][]api.PeerID  // who wanted it from here, in order
	serving map[api.PeerID]int
}

const (
	pinPrefix  = "image/"
	maxAsked   = 256 // members remembered for one image
	maxOffered = 64  // images for which they are remembered
)

// New makes a keeper and lets go of what a crash left pinned.
func New(ctx context.Context, cfg Config) (*Keeper, error) {
	k := &Keeper{cfg: cfg, kept: map[api.ImageID]api.KeptImage{}, busy: map[api.ImageID]chan struct{}{}, holds: map[api.ImageID]int{},
		offers: map[api.ImageID]int{}, asked: map[api.ImageID][]api.PeerID{}, serving: map[api.PeerID]int{}}
	all, err := cfg.Store.Images(ctx)
	if err != nil {
		return nil, err
	}
	for _, img := range all {
		k.kept[img.ID] = img
	}
	owners, err := cfg.Blobs.Owners(ctx, pinPrefix)
	if err != nil {
		return nil, err
	}
	for _, owner := range owners {
		if err := cfg.Blobs.Unpin(ctx, owner); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// tag is the one name under which this node loads an image. Nodes may share an
// engine, so the node is in it.
func (k *Keeper) tag(id api.ImageID) string {
	sum := sha256.Sum256([]byte(k.cfg.Self))
	return "p2prc-" + hex.EncodeToString(sum[:4]) + ":" + strings.TrimPrefix(string(id), "sha256:")
}

// pin names the pins of work on an image.
func pin(id api.ImageID) string { return pinPrefix + string(id) }

// lock makes the caller the only one that works on an image.
func (k *Keeper) lock(ctx context.Context, id api.ImageID) (unlock func(), err error) {
	k.mu.Lock()
	c := k.busy[id]
	if c == nil {
		c = make(chan struct{}, 1)
		k.busy[id] = c
	}
	k.mu.Unlock()
	select {
	case c <- struct{}{}:
		return func() { <-c }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// record is what is remembered of an image; its zero value if nothing is.
func (k *Keeper) record(id api.ImageID) api.KeptImage {
	k.mu.Lock()
	defer k.mu.Unlock()
	img := k.kept[id]
	img.ID = id
	return img
}

// save remembers an image, or forgets it when nothing is left to say of it. The
// image is locked.
func (k *Keeper) save(ctx context.Context, img api.KeptImage) error {
	var err error
	if img.Tree.IsZero() && img.For == "" {
		err = k.cfg.Store.DeleteImage(ctx, img.ID)
	} else {
		err = k.cfg.Store.SaveImage(ctx, img)
	}
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if img.Tree.IsZero() && img.For == "" {
		delete(k.kept, img.ID)
	} else {
		k.kept[img.ID] = img
	}
	return nil
}

// Find looks an image up on this node's engine.
func (k *Keeper) Find(ctx context.Context, name string) (api.Image, error) {
	return k.cfg.Engine.Find(ctx, name)
}

// List is every image of this node's engine, and for whom those were brought that
// are not the owner's. Our own tags are not among their names.
func (k *Keeper) List(ctx context.Context) ([]api.Image, error) {
	all, err := k.cfg.Engine.List(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		ours := k.tag(all[i].ID)
		if n := slices.Index(all[i].Tags, ours); n >= 0 {
			all[i].Tags = slices.Delete(all[i].Tags, n, n+1)
			rec := k.record(all[i].ID)
			all[i].For, all[i].Used = rec.For, rec.Used
		}
	}
	return all, nil
}

// rank is who wanted the image before peer, nearest first, among those alive.
func (k *Keeper) rank(id api.ImageID, peer api.PeerID) []api.PeerID {
	k.mu.Lock()
	list := k.asked[id]
	at := slices.Index(list, peer)
	if at < 0 {
		at = len(list)
		if len(k.asked) >= maxOffered && list == nil {
			clear(k.asked) // it costs uplink, nothing else
		}
		if at < maxAsked {
			k.asked[id] = append(list, peer)
		}
	}
	before := slices.Clone(list[:at])
	k.mu.Unlock()
	slices.Reverse(before)
	before = slices.DeleteFunc(before, func(p api.PeerID) bool { return !k.cfg.Alive(p) })
	return before[:min(len(before), maxPeers)]
}

func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
