package image

import (
	"context"
	"errors"
	"io"
	"math"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Import takes the archive of an image, as docker save writes it, to be sent by
// its id. Errors are those of [Pack].
func (k *Keeper) Import(ctx context.Context, r io.Reader) (api.Image, error) {
	img, err := k.pack(ctx, r)
	if err != nil {
		return api.Image{}, err
	}
	unlock, err := k.lock(ctx, img.ID)
	if err != nil {
		return api.Image{}, err
	}
	defer unlock()
	return api.Image{ID: img.ID, Tags: []string{}, Size: img.Bytes}, k.keepTree(ctx, img)
}

func (k *Keeper) pack(ctx context.Context, r io.Reader) (img api.KeptImage, err error) {
	into := k.cfg.Blobs.NewTree()
	defer func() { err = errors.Join(err, into.Discard()) }()
	return Pack(ctx, r, into, math.MaxInt64) // the store's quota bounds it
}

// keepTree remembers as what folder an image travels.
func (k *Keeper) keepTree(ctx context.Context, img api.KeptImage) error {
	rec := k.record(img.ID)
	rec.Tree, rec.Bytes, rec.Used = img.Tree, img.Bytes, now()
	return k.save(ctx, rec)
}

// packed is the folder of an image of this node's engine, made if need be.
func (k *Keeper) packed(ctx context.Context, id api.ImageID) (api.KeptImage, error) {
	unlock, err := k.lock(ctx, id)
	if err != nil {
		return api.KeptImage{}, err
	}
	defer unlock()
	if rec := k.record(id); k.whole(ctx, rec.Tree) {
		return rec, nil
	}
	r, err := k.cfg.Engine.Save(ctx, id)
	if err != nil {
		return api.KeptImage{}, err
	}
	img, err := k.pack(ctx, r)
	if err = errors.Join(err, r.Close()); err != nil {
		return api.KeptImage{}, err
	}
	if img.ID != id {
		return img, api.Errorf(api.KindUnsupported, "the container engine calls the image %s, its configuration is %s", id.Short(), img.ID.Short()).
			WithHint("engines with the containerd image store name images otherwise; send it as an archive: docker save IMAGE -o FILE, p2prc image send FILE PEER")
	}
	return img, k.keepTree(ctx, img)
}

// whole tells whether a folder is here with all its files.
func (k *Keeper) whole(ctx context.Context, tree api.BlobID) bool {
	if tree.IsZero() || !k.cfg.Blobs.Has(tree) {
		return false
	}
	t, err := k.cfg.Blobs.Tree(ctx, tree)
	if err != nil {
		return false
	}
	for _, f := range t.Files {
		if !k.cfg.Blobs.Has(f.Blob) {
			return false
		}
	}
	return true
}

// Offer lets members ask for an image until it is taken back.
func (k *Keeper) Offer(id api.ImageID) (back func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.offers[id]++
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.offers[id]--; k.offers[id] == 0 {
			delete(k.offers, id)
		}
	}
}

func (k *Keeper) offered(id api.ImageID) bool {
	k.mu.Lock()
	sending := k.offers[id] > 0
	k.mu.Unlock()
	return sending || k.cfg.Needed(id)
}

// inTurn is how long a member may take to say that it expects the image, before the
// next one is asked to take it too.
const inTurn = 2 * time.Second

// Send gives an image to members at the same time: they pass it on to each other.
// Each is asked when the one before it expects the layers, so that it finds them
// coming there and does not ask for them here a second time. tell hears how it goes, one call at a time, last what came of it with
// each of them; its error ends the sending. The error is about the image itself.
func (k *Keeper) Send(ctx context.Context, req api.SendImage, tell func(api.ImageProgress) error) error {
	id, err := k.resolve(ctx, req.Image)
	if err != nil {
		return err
	}
	defer k.Offer(id)()
	if err := tell(api.ImageProgress{Image: id, State: api.ImagePacking}); err != nil {
		return err
	}
	img, err := k.packed(ctx, id)
	if err != nil {
		return err
	}
	if err := k.cfg.Blobs.Pin(ctx, pin(id), img.Tree); err != nil {
		return err
	}
	defer k.unpin(ctx, id)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex // held while tell is called; guards broken
	var broken error
	say := func(p api.ImageProgress) {
		mu.Lock()
		defer mu.Unlock()
		if broken == nil {
			if broken = tell(p); broken != nil {
				cancel()
			}
		}
	}
	var each sync.WaitGroup
	for _, peer := range req.Peers {
		before := k.rank(id, peer)
		expects, expected := context.WithTimeout(ctx, inTurn)
		each.Go(func() {
			defer expected()
			start := k.cfg.Fetch.Sent(peer)
			p := api.ImageProgress{Peer: peer, Image: id, Bytes: img.Bytes}
			done, err := k.give(ctx, peer, source{Image: id, Tree: img.Tree, Bytes: img.Bytes, Peers: before}, func(m stateMsg) {
				p.State, p.Have, p.Sent = m.State, min(max(m.Have, 0), img.Bytes), k.cfg.Fetch.Sent(peer)-start
				say(p)
				expected()
			})
			p.Sent = k.cfg.Fetch.Sent(peer) - start
			switch {
			case err != nil:
				problem := api.ProblemOf(err, true)
				p.State, p.Error = api.ImageFailed, &problem
			case done.There:
				p.State, p.Have = api.ImageThere, img.Bytes
			default:
				p.State, p.Have = api.ImageDone, img.Bytes
			}
			say(p)
		})
		<-expects.Done()
	}
	each.Wait()
	return broken
}

// give asks a member to take an image.
func (k *Keeper) give(ctx context.Context, peer api.PeerID, src source, state func(stateMsg)) (source, error) {
	dialing, cancel := context.WithTimeout(ctx, dialIn)
	st, err := k.cfg.Dial.OpenStream(dialing, peer, Protocol)
	cancel()
	if err != nil {
		return source{}, err
	}
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() }) // the read says so
	defer stop()
	done, err := converse(st, kindTake, src, state)
	_ = st.Close() // the answer is here, and the other side may have closed both ways
	return done, err
}

// resolve finds the image that is meant: of the engine, or imported.
func (k *Keeper) resolve(ctx context.Context, name string) (api.ImageID, error) {
	if id := api.ImageID(name); id.Valid() && !k.record(id).Tree.IsZero() {
		return id, nil
	}
	img, err := k.cfg.Engine.Find(ctx, name)
	return img.ID, err
}

func (k *Keeper) unpin(ctx context.Context, id api.ImageID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := k.cfg.Blobs.Unpin(ctx, pin(id)); err != nil {
		k.cfg.Log.Error("unpin an image", "image", id, "err", err)
	}
}
