package container

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// makeWithin bounds the making of a container: its image's way here, and a build.
const makeWithin = time.Hour

// teller is told what is done while a container is made.
type teller func(api.ContainerEvent)

// create makes a container. It is idempotent by id.
func (k *Keeper) create(ctx context.Context, who api.Caller, id api.ContainerID, spec api.ContainerSpec, say teller) (*box, error) {
	if err := check(id, spec); err != nil {
		return nil, err
	}
	if spec.TTL == 0 {
		spec.TTL = api.Duration(api.DefaultTTL)
	}
	if most := k.cfg.Room.Limits().MaxWall; spec.TTL > most {
		return nil, api.Errorf(api.KindQuota, "%s is longer than this node lends a container, which is %s", time.Duration(spec.TTL), time.Duration(most)).WithHint("ask for a shorter --ttl")
	}
	ctx, abort := context.WithCancelCause(ctx)
	defer abort(nil)
	ctx, cancel := context.WithTimeoutCause(ctx, min(makeWithin, time.Duration(spec.TTL)), api.Errorf(api.KindTimeout, "it was not made in time"))
	defer cancel()
	b, old, err := k.reserve(who, id, spec, abort)
	if err != nil || old {
		return b, err
	}
	b.op.Lock()
	defer b.op.Unlock()
	if err := k.make(ctx, who, b, say); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), engineWait)
		defer cancel()
		if rerr := k.cfg.Engine.Remove(clean, id); rerr != nil {
			k.log.Error("a container that could not be made cannot be removed; it is tried again", "container", id, "err", rerr)
			k.mu.Lock()
			k.littered = true
			k.mu.Unlock()
		}
		k.halt(b, api.ContainerGone, "it could not be made")
		return nil, k.forget(clean, b, err)
	}
	return b, nil
}

// check refuses what no container can be.
func check(id api.ContainerID, s api.ContainerSpec) error {
	const ulid = 26
	sources := 0
	for _, has := range []bool{s.Image != "", s.Template != "", !s.Build.IsZero()} {
		if has {
			sources++
		}
	}
	invalid := func(format string, args ...any) error { return api.Errorf(api.KindInvalid, format, args...) }
	switch {
	case len(id) != ulid || strings.ContainsFunc(string(id), func(r rune) bool { return (r < '0' || r > '9') && (r < 'A' || r > 'Z') }):
		return invalid("%.40q is no id of a container", id)
	case !goodName(s.Name):
		return invalid("%.80q is no name of a container", s.Name)
	case sources != 1:
		return invalid("a container is made of an image, a template or a build, one of them")
	case !s.Network.Valid():
		return invalid("there is no network %.40q for containers", s.Network)
	case s.ImageID != "" && (s.Image == "" || !s.ImageID.Valid()):
		return invalid("%.80q is no id of the image", s.ImageID)
	case s.BaseID != "" && (s.Base == "" || !s.BaseID.Valid()):
		return invalid("%.80q is no id of the base image", s.BaseID)
	case s.TTL < 0:
		return invalid("a container cannot live for %s", time.Duration(s.TTL))
	case len(s.Publish) > maxPorts:
		return invalid("%d ports are published, which is more than %d", len(s.Publish), maxPorts)
	}
	for i, p := range s.Publish {
		if p.Inside < 1 || p.Inside > 65535 || p.Outside < 0 || p.Outside > 65535 {
			return invalid("port %d: a port is between 1 and 65535", i+1)
		}
		if p.Outside > 0 && p.Outside < 1024 {
			return api.Errorf(api.KindDenied, "port %d on the lender is one of the system's", p.Outside).WithHint("leave the outside port to the lender, or take one above 1023")
		}
	}
	for key := range s.Env {
		if key == "" || strings.ContainsAny(key, "=\x00") {
			return invalid("%.80q is no name of a variable", key)
		}
	}
	return nil
}

func goodName(s string) bool {
	return len(s) > 0 && len(s) <= 63 && s[0] != '.' && s[0] != '-' && s[0] != '_' && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_'
	})
}

// reserve makes room and a record; old: there was one already.
func (k *Keeper) reserve(who api.Caller, id api.ContainerID, spec api.ContainerSpec, abort context.CancelCauseFunc) (b *box, old bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if b := k.boxes[id]; b != nil {
		if b.rec.Borrower != who.Peer {
			return nil, false, api.Errorf(api.KindConflict, "that id is taken")
		}
		return b, true, nil
	}
	n := 0
	for _, b := range k.boxes {
		if b.rec.Borrower != who.Peer {
			continue
		}
		n++
		if b.rec.Spec.Name == spec.Name && b.rec.State != api.ContainerGone {
			return nil, false, api.Errorf(api.KindConflict, "a container of yours is called %s already", spec.Name)
		}
	}
	if n >= maxPerBorrower {
		return nil, false, api.Errorf(api.KindQuota, "%d containers of yours are here, which is the most", n).WithHint("remove some, those that are gone count too: p2prc container ls")
	}
	cap, err := k.cfg.Room.Reserve(who, api.SandboxID(id), spec.Needs, spec.Network)
	if err != nil {
		return nil, false, err
	}
	now := time.Now().UTC()
	b = &box{abort: abort, rec: Record{ID: id, Borrower: who.Peer, Spec: spec, Cap: cap, Created: now, Expires: now.Add(time.Duration(spec.TTL)), State: api.ContainerCreating}}
	k.boxes[id] = b
	return b, false, nil
}

// make does the work, once there is a record of it.
func (k *Keeper) make(ctx context.Context, who api.Caller, b *box, say teller) error {
	if err := k.save(ctx, b); err != nil {
		return err
	}
	spec := b.rec.Spec
	images := &needed{images: k.cfg.Images, who: who, say: say}
	defer images.release() // from when it is made on, the container holds what it is made of
	image, ports, err := k.source(ctx, b, images, say)
	if err != nil {
		return err
	}
	plan := Plan{ID: b.rec.ID, Borrower: b.rec.Borrower, Image: image, Hostname: hostname(spec.Name), Network: spec.Network, Command: spec.Command, Cap: b.rec.Cap, MaxProcs: k.cfg.Room.Limits().MaxProcs}
	for _, key := range slices.Sorted(maps.Keys(spec.Env)) {
		plan.Env = append(plan.Env, key+"="+spec.Env[key])
	}
	if err := k.cfg.Engine.Make(ctx, plan); err != nil {
		return err
	}
	k.mu.Lock()
	b.rec.Ports = ports
	b.rec.State = api.ContainerRunning
	b.began()
	k.mu.Unlock()
	if err := k.listen(b); err != nil {
		return err
	}
	return k.save(ctx, b)
}

func hostname(name string) string { return strings.ReplaceAll(name, "_", "-") }

// source finds or builds the image, and the ports to publish.
func (k *Keeper) source(ctx context.Context, b *box, images *needed, say teller) (image string, ports []api.Port, err error) {
	spec := b.rec.Spec
	for _, p := range spec.Publish {
		ports = append(ports, api.Port{Inside: p.Inside, Outside: p.Outside})
	}
	switch {
	case spec.Image != "":
		id, err := images.bring(ctx, spec.Image, spec.ImageID)
		return string(id), ports, err
	case spec.Template != "":
		t, err := readTemplate(k.cfg.Templates, spec.Template)
		if err != nil {
			return "", nil, err
		}
		for _, p := range t.Ports {
			if !slices.ContainsFunc(ports, func(have api.Port) bool { return have.Inside == p.InternalPort }) {
				ports = append(ports, api.Port{Name: p.PortName, Inside: p.InternalPort})
			}
		}
		image, err = k.buildTemplate(ctx, b, t, images, say)
		return image, ports, err
	}
	image, err = k.buildTree(ctx, b, images, say)
	return image, ports, err
}

// needed is the images that the making of a container needs.
type needed struct {
	images Images
	who    api.Caller
	say    teller
	held   []func()
}

// bring has an image on the engine until release is called.
func (n *needed) bring(ctx context.Context, name string, id api.ImageID) (api.ImageID, error) {
	id, release, err := n.images.Bring(ctx, name, id, n.who, fetched(name, n.say))
	if err == nil {
		n.held = append(n.held, release)
	}
	return id, err
}

func (n *needed) release() {
	for _, release := range n.held {
		release()
	}
}

// fetched says how far an image is, not more often than people can read.
func fetched(name string, say teller) func(api.ImageProgress) {
	var last api.ImageProgress
	var said time.Time
	return func(p api.ImageProgress) {
		if p.State != last.State || time.Since(said) >= tickEvery {
			last, said = p, time.Now()
			say(api.ContainerEvent{Text: "bringing image " + name, Image: &p})
		}
	}
}

// forget drops a container that never was, and hands err on.
func (k *Keeper) forget(ctx context.Context, b *box, err error) error {
	k.mu.Lock()
	delete(k.boxes, b.rec.ID)
	k.mu.Unlock()
	if derr := k.cfg.Store.Drop(ctx, string(b.rec.ID)); derr != nil {
		k.log.Error("the record of a container that could not be made cannot be dropped", "container", b.rec.ID, "err", derr)
	}
	return err
}
