package image

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Bring has an image on this node's engine until release is called, and answers
// with its content's id. One that is given by id is taken from the member that
// needs it, if it is not there and the owner's policy allows; one that is only
// named is pulled then. tell hears how it goes, one call at a time.
//
// KindDenied: the policy does not; KindQuota: no room; KindUnsupported: it is for
// another platform, or not there; KindInvalid, KindCorrupt: it is no image, or not
// that one.
func (k *Keeper) Bring(ctx context.Context, name string, id api.ImageID, from api.Caller, tell func(api.ImageProgress)) (_ api.ImageID, release func(), err error) {
	if id == "" {
		return k.named(ctx, name, from, tell)
	}
	release = k.hold(id)
	state := func(m stateMsg) { tell(api.ImageProgress{Image: id, State: m.State, Have: m.Have, Bytes: m.Bytes}) }
	if _, err := k.take(ctx, from, source{Image: id}, state); err != nil {
		release()
		return "", nil, err
	}
	return id, release, nil
}

// hold keeps an image from being removed.
func (k *Keeper) hold(id api.ImageID) (release func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.holds[id]++
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.holds[id]--; k.holds[id] == 0 {
			delete(k.holds, id)
		}
	}
}

// take brings an image to the engine, from a source that the member named or,
// without one, is asked for.
func (k *Keeper) take(ctx context.Context, from api.Caller, src source, state func(stateMsg)) (there bool, err error) {
	id := src.Image
	unlock, err := k.lock(ctx, id)
	if err != nil {
		return false, err
	}
	defer unlock()
	if there, err = k.onEngine(ctx, id); there || err != nil {
		return there, err
	}
	if err := k.cfg.Allowed(ctx, from); err != nil {
		return false, err
	}
	if src.Tree.IsZero() {
		if src, err = k.want(ctx, from.Peer, id); err != nil {
			return false, err
		}
	}
	if most := k.cfg.Most(); src.Bytes > most {
		return false, tooLarge(src.Bytes, most)
	}
	defer k.unpin(ctx, id)
	p, err := k.fetch(ctx, from.Peer, src, state)
	if err != nil {
		return false, err
	}
	state(stateMsg{State: api.ImageLoading, Have: p.bytes, Bytes: p.bytes})
	return false, k.load(ctx, from.Peer, src, p)
}

// onEngine looks whether the engine has an image, and puts right what is
// remembered of it. The image is locked.
func (k *Keeper) onEngine(ctx context.Context, id api.ImageID) (bool, error) {
	_, err := k.cfg.Engine.Find(ctx, string(id))
	rec := k.record(id)
	switch {
	case err == nil && rec.For != "":
		rec.Loading, rec.Used = false, now()
		return true, k.save(ctx, rec)
	case err == nil:
		return true, nil
	case api.KindOf(err) != api.KindNotFound:
		return false, err
	case rec.For != "": // a crash came before the load's end, or the owner removed it
		rec.For, rec.Loading = "", false
		return false, k.save(ctx, rec)
	}
	return false, nil
}

// want asks a member as what folder an image travels.
func (k *Keeper) want(ctx context.Context, from api.PeerID, id api.ImageID) (source, error) {
	dialing, cancel := context.WithTimeout(ctx, dialIn)
	st, err := k.cfg.Dial.OpenStream(dialing, from, Protocol)
	cancel()
	if err != nil {
		return source{}, err
	}
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() }) // the read says so
	defer stop()
	src, err := converse(st, kindWant, source{Image: id}, func(stateMsg) {})
	if err == nil && src.Tree.IsZero() {
		err = api.Errorf(api.KindCorrupt, "the answer names no folder")
	}
	_ = st.Close() // the answer is here, and the other side may have closed both ways
	return src, err
}

// fetch brings an image's folder here, pinned. What it is and for which platform is
// looked at before its layers are asked for. The pin is written then, too: members
// that ask for the folder here find it expected at once, not after a disk's flush.
func (k *Keeper) fetch(ctx context.Context, from api.PeerID, src source, state func(stateMsg)) (p *parcel, err error) {
	sources := slices.DeleteFunc(append(slices.Clone(src.Peers), from), func(p api.PeerID) bool { return p == k.cfg.Self })
	progress := stateMsg{State: api.ImageFetching}
	var total int64
	arrived := make(chan int64)
	counted := make(chan struct{})
	go func() { // files arrive at the same time
		defer close(counted)
		for n := range arrived {
			progress.Have += n
			progress.Bytes = total
			state(progress)
		}
	}()
	check := func(t api.Tree) error {
		l, err := readLayout(t, k.cfg.Most())
		if err != nil {
			return err
		}
		total = l.bytes
		if err := k.cfg.Fetch.Fetch(ctx, l.config.Blob, sources...); err != nil {
			return err
		}
		if p, err = open(ctx, src.Image, l, k.cfg.Blobs); err != nil {
			return err
		}
		if err := k.fits(ctx, p.config); err != nil {
			return err
		}
		return k.cfg.Blobs.Pin(ctx, pin(src.Image), src.Tree)
	}
	_, err = k.cfg.Fetch.FetchConvoy(ctx, src.Tree, check, func(n int64) { arrived <- n }, sources...)
	close(arrived)
	<-counted
	return p, err
}

// fits refuses an image that the engine's machine cannot run.
func (k *Keeper) fits(ctx context.Context, c config) error {
	os, arch, err := k.cfg.Engine.Platform(ctx)
	if err == nil && (c.OS != os || c.Arch != arch) {
		err = api.Errorf(api.KindUnsupported, "the image is for %.20s/%.20s, this machine runs %s/%s", c.OS, c.Arch, os, arch)
	}
	return err
}

// load gives an image whose folder is here to the engine.
func (k *Keeper) load(ctx context.Context, from api.PeerID, src source, p *parcel) error {
	id, tag := src.Image, k.tag(src.Image)
	if other, err := k.cfg.Engine.Find(ctx, tag); err == nil {
		return api.Errorf(api.KindConflict, "the engine has another image named %s: %s", tag, other.ID.Short()).WithHint("its owner can remove that name: docker rmi %s", tag)
	} else if api.KindOf(err) != api.KindNotFound {
		return err
	}
	if err := k.makeRoom(ctx, p.bytes); err != nil {
		return err
	}
	rec := k.record(id)
	rec.Tree, rec.Bytes, rec.For, rec.Loading, rec.Used = src.Tree, p.bytes, from, true, now()
	if err := k.save(ctx, rec); err != nil {
		return err
	}
	err := k.pour(ctx, p, tag)
	if err == nil {
		err = k.verify(ctx, id, tag)
	}
	if err == nil {
		rec.Loading = false
		return k.save(ctx, rec)
	}
	last := context.WithoutCancel(ctx)
	if uerr := k.cfg.Engine.Untag(last, tag); uerr != nil {
		return errors.Join(err, uerr) // the record stays, and is looked at again
	}
	rec.For, rec.Loading = "", false
	return errors.Join(err, k.save(last, rec))
}

// pour streams the archive into the engine.
func (k *Keeper) pour(ctx context.Context, p *parcel, tag string) error {
	r, w := io.Pipe()
	packed := make(chan error, 1)
	go func() {
		err := p.Archive(ctx, w, k.cfg.Blobs, tag)
		w.CloseWithError(err)
		packed <- err
	}()
	err := k.cfg.Engine.Load(ctx, r)
	r.CloseWithError(io.ErrClosedPipe)
	if perr := <-packed; perr != nil && !errors.Is(perr, io.ErrClosedPipe) {
		return perr // what is wrong with the image explains the engine's refusal
	}
	return err
}

// verify makes sure that the engine made of the archive what was meant.
func (k *Keeper) verify(ctx context.Context, id api.ImageID, tag string) error {
	got, err := k.cfg.Engine.Find(ctx, tag)
	if err == nil && got.ID != id {
		err = api.Errorf(api.KindCorrupt, "the container engine made image %s of %s", got.ID.Short(), id.Short())
	}
	return err
}

// makeRoom removes what was brought here and nobody needs, the least recently
// needed first, until need bytes fit beside the rest.
func (k *Keeper) makeRoom(ctx context.Context, need int64) error {
	most := k.cfg.Most()
	if need > most {
		return tooLarge(need, most)
	}
	k.mu.Lock()
	var brought []api.KeptImage
	total := need
	for _, img := range k.kept {
		if img.For != "" {
			total += img.Bytes
			if k.holds[img.ID] == 0 {
				brought = append(brought, img)
			}
		}
	}
	k.mu.Unlock()
	slices.SortFunc(brought, func(a, b api.KeptImage) int { return a.Used.Compare(b.Used) })
	for _, img := range brought {
		if total <= most {
			return nil
		}
		gone, err := k.remove(ctx, img.ID)
		if err != nil {
			return err
		}
		if gone {
			total -= img.Bytes
		}
	}
	if total > most {
		return api.Errorf(api.KindQuota, "%d bytes of images are in use here for borrowers, %d more are needed, at most %d may be kept", total-need, need, most).
			WithHint("the lender's owner can raise it: p2prc lend limits --images")
	}
	return nil
}

// remove takes an image that was brought here off the engine; false when
// somebody needs it after all.
func (k *Keeper) remove(ctx context.Context, id api.ImageID) (bool, error) {
	unlock, ok := k.tryLock(id)
	if !ok {
		return false, nil
	}
	defer unlock()
	rec := k.record(id)
	k.mu.Lock()
	held := k.holds[id] > 0
	k.mu.Unlock()
	if held || rec.For == "" {
		return false, nil
	}
	err := k.cfg.Engine.Untag(ctx, k.tag(id))
	if api.KindOf(err) == api.KindConflict {
		return false, nil // a container uses it
	}
	if err != nil {
		return false, err
	}
	rec.For = ""
	k.cfg.Log.Info("removed an image that nobody needs", "image", id)
	return true, k.save(ctx, rec)
}

// tryLock is lock for whoever holds another image's lock and must not wait.
func (k *Keeper) tryLock(id api.ImageID) (unlock func(), ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.busy[id]
	if c == nil {
		c = make(chan struct{}, 1)
		k.busy[id] = c
	}
	select {
	case c <- struct{}{}:
		return func() { <-c }, true
	default:
		return nil, false
	}
}
