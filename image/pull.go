package image

import (
	"context"
	"errors"
	"hash/fnv"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const (
	pulls  = 4         // at once
	pullIn = time.Hour // else a registry that sends slowly holds the place for good
)

// pulling is what is locked while the engine pulls an image of that name: who pulls
// takes the name away again, which another one may be looking for. There are only as
// many places as pulls go on at once.
func pulling(name string) api.ImageID {
	if !strings.ContainsAny(path.Base(name), ":@") {
		name += ":latest"
	}
	h := fnv.New32a()
	h.Write([]byte(name))
	return api.ImageID("pull/" + strconv.Itoa(int(h.Sum32()%pulls)))
}

// named has the image of a name on the engine: the owner's own, else one that the
// engine pulls from a registry, if the owner's policy lets that member have it.
func (k *Keeper) named(ctx context.Context, name string, from api.Caller, tell func(api.ImageProgress)) (id api.ImageID, release func(), err error) {
	img, err := k.cfg.Engine.Find(ctx, name)
	switch {
	case err == nil:
		return img.ID, k.hold(img.ID), nil
	case api.KindOf(err) != api.KindNotFound:
		return "", nil, err
	}
	if err := k.cfg.Pulls(ctx, from, name); err != nil {
		return "", nil, err
	}
	unlock, err := k.lock(ctx, pulling(name))
	if err != nil {
		return "", nil, err
	}
	defer unlock()
	tell(api.ImageProgress{State: api.ImageFetching})
	if err := k.pull(ctx, name); err != nil {
		return "", nil, err
	}
	last := context.WithoutCancel(ctx)
	defer func() {
		if uerr := k.cfg.Engine.Untag(last, name); uerr != nil {
			k.cfg.Log.Warn("the name of an image that was pulled for a member stays", "image", name, "err", uerr)
		}
	}()
	if img, err = k.cfg.Engine.Find(ctx, name); err != nil {
		return "", nil, err
	}
	release = k.hold(img.ID)
	if err := k.adopt(ctx, img, from); err != nil {
		release()
		return "", nil, err
	}
	return img.ID, release, nil
}

// pull has the engine pull an image that has room here, in bounded time.
func (k *Keeper) pull(ctx context.Context, name string) error {
	late := api.Errorf(api.KindTimeout, "image %.200s was not pulled within %v", name, pullIn)
	timed, cancel := context.WithTimeoutCause(ctx, pullIn, late)
	defer cancel()
	err := k.cfg.Engine.Pull(timed, name, k.cfg.Most())
	if err != nil && ctx.Err() == nil && errors.Is(timed.Err(), context.DeadlineExceeded) {
		return late
	}
	return err
}

// adopt keeps an image that was pulled as one that was brought: under this node's
// own name, in the room that the owner lends.
func (k *Keeper) adopt(ctx context.Context, img api.Image, from api.Caller) error {
	unlock, err := k.lock(ctx, img.ID)
	if err != nil {
		return err
	}
	defer unlock()
	rec := k.record(img.ID)
	if rec.For == "" { // else it has its room
		if err := k.makeRoom(ctx, img.Size); err != nil {
			return err
		}
	}
	rec.Bytes, rec.For, rec.Used = img.Size, from.Peer, now()
	if err := k.save(ctx, rec); err != nil {
		return err
	}
	return k.cfg.Engine.Tag(ctx, img.ID, k.tag(img.ID))
}
