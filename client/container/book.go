// Package container is the borrowing side of long-lived containers: the book of
// what this node has at which lender, in what groups, and the requests to them.
//
// A container's name is unique among all that the book has. It is written down,
// with the id and the lender, before the lender is asked: a create whose answer
// was lost is found by the next listing, and never a container without an owner.
package container

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/suggest"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/container"
)

// maxContainers bounds the book.
const maxContainers = 500

// Store keeps entries by name, durably.
type Store interface {
	Load(ctx context.Context, fn func(doc []byte) error) error
	Save(ctx context.Context, key string, v any) error
	Drop(ctx context.Context, key string) error
}

// Dialer opens streams to members. KindUnavailable when one cannot be reached.
type Dialer interface {
	OpenStream(ctx context.Context, peer api.PeerID, protocol string) (wire.Stream, error)
}

// Images is those of this node's container engine.
type Images interface {
	// Find looks one up by its name; KindNotFound, KindUnavailable: it is not here.
	Find(ctx context.Context, name string) (api.Image, error)
	// Offer lets members ask for it until it is taken back.
	Offer(id api.ImageID) (back func())
}

// Config is what a Book is made of; all of it is required.
type Config struct {
	Store  Store
	Groups Store
	Dial   Dialer
	Names  func(api.PeerID) string
	// Host is where a lender's published ports are reached from here; empty: not known.
	Host func(api.PeerID) string
	// Images finds images on this node's container engine, and lets lenders ask for them.
	Images Images
	// Lent keeps a folder so that its lender can fetch it, and gives it free.
	Lent func(ctx context.Context, tree api.BlobID) (free func(), err error)
	Log  *slog.Logger
}

// Book is what this node has where. It is safe for concurrent use.
type Book struct {
	cfg Config

	changing sync.Mutex // held while a group is changed and saved; taken before mu

	mu      sync.Mutex // guards the rest
	entries map[string]entry
	groups  map[string]group
}

// entry is one container in the book.
type entry struct {
	ID      api.ContainerID   `json:"id"`
	Peer    api.PeerID        `json:"peer"`
	Spec    api.ContainerSpec `json:"spec"`
	Created time.Time         `json:"created"`
}

// Open reads the book.
func Open(ctx context.Context, cfg Config) (*Book, error) {
	b := &Book{cfg: cfg, entries: map[string]entry{}, groups: map[string]group{}}
	err := cfg.Store.Load(ctx, func(doc []byte) error {
		var e entry
		if err := json.Unmarshal(doc, &e); err != nil {
			return api.Errorf(api.KindCorrupt, "the book of containers: %w", err)
		}
		b.entries[e.Spec.Name] = e
		return nil
	})
	if err == nil {
		err = b.openGroups(ctx)
	}
	return b, err
}

// Names are those in the book.
func (b *Book) Names() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var names []string
	for n := range b.entries {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

func (b *Book) find(name string) (entry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e, ok := b.entries[name]; ok {
		return e, nil
	}
	for _, e := range b.entries {
		if string(e.ID) == name {
			return e, nil
		}
	}
	err := api.Errorf(api.KindNotFound, "there is no container %.80q", name)
	names := slices.AppendSeq(slices.Sorted(maps.Keys(b.entries)), maps.Keys(b.groups))
	if near := suggest.Closest(name, names); near != "" {
		return entry{}, err.WithHint("did you mean %s?", near)
	}
	return entry{}, err.WithHint("p2prc container ls lists them")
}

// Create has peer make a container; each gets what is said meanwhile. A lender
// that lacks the image is given the one that this node has by that name.
func (b *Book) Create(ctx context.Context, peer api.PeerID, spec api.ContainerSpec, each func(api.ContainerEvent) error) (api.Container, error) {
	err := errors.Join(b.findImage(ctx, spec.Image, &spec.ImageID), b.findImage(ctx, spec.Base, &spec.BaseID))
	if err != nil {
		return api.Container{}, err
	}
	for _, id := range []api.ImageID{spec.ImageID, spec.BaseID} {
		if id != "" {
			defer b.cfg.Images.Offer(id)()
		}
	}
	e, err := b.write(ctx, peer, spec)
	if err != nil {
		return api.Container{}, err
	}
	if !spec.Build.IsZero() {
		free, err := b.cfg.Lent(ctx, spec.Build)
		if err != nil {
			return api.Container{}, b.strike(ctx, e, err)
		}
		defer free()
	}
	var made *api.Container
	err = b.ask(ctx, peer, container.Request{Op: container.OpCreate, ID: e.ID, Spec: &spec}, func(r container.Row) error {
		if r.Container != nil {
			made = r.Container
			return nil
		}
		return each(r.ContainerEvent)
	})
	switch {
	case err == nil && made == nil:
		return api.Container{}, api.Errorf(api.KindCorrupt, "the lender did not say what it made")
	case err == nil:
		return b.dress(e, *made), nil
	case ctx.Err() != nil || errors.Is(err, container.ErrBroken):
		return api.Container{}, err // it may be there: the book keeps it until it is removed
	}
	return api.Container{}, b.strike(ctx, e, b.says(peer, err))
}

// says puts a lender's name before its words, which speak of "this node".
func (b *Book) says(peer api.PeerID, err error) error {
	if err == nil {
		return nil
	}
	return api.Errorf(api.KindOf(err), "%s: %w", b.cfg.Names(peer), err)
}

// findImage makes sure that the lender takes the image that this node has by that
// name. Without one here it takes its own.
func (b *Book) findImage(ctx context.Context, name string, id *api.ImageID) error {
	if name == "" || *id != "" {
		return nil
	}
	img, err := b.cfg.Images.Find(ctx, name)
	switch api.KindOf(err) {
	case api.KindInvalid, api.KindCanceled:
		return err
	}
	if err == nil {
		*id = img.ID
	}
	return nil
}

func (b *Book) write(ctx context.Context, peer api.PeerID, spec api.ContainerSpec) (entry, error) {
	e := entry{ID: api.ContainerID(ulid.MustNew(ulid.Now(), rand.Reader).String()), Peer: peer, Spec: spec, Created: time.Now().UTC()}
	b.mu.Lock()
	_, taken := b.entries[spec.Name]
	_, group := b.groups[spec.Name]
	full := len(b.entries) >= maxContainers
	if !taken && !group && !full {
		b.entries[spec.Name] = e
	}
	b.mu.Unlock()
	switch {
	case taken:
		return e, api.Errorf(api.KindConflict, "a container is called %s already", spec.Name).WithHint("take another --name, or remove it: p2prc container rm %s", spec.Name)
	case group:
		return e, api.Errorf(api.KindConflict, "a group is called %s, and a container would be mistaken for it", spec.Name).WithHint("take another --name")
	case full:
		return e, api.Errorf(api.KindQuota, "%d containers are in the book, which is the most", maxContainers)
	}
	if err := b.cfg.Store.Save(ctx, spec.Name, e); err != nil {
		b.mu.Lock()
		delete(b.entries, spec.Name)
		b.mu.Unlock()
		return e, err
	}
	return e, nil
}

// strike takes an entry out, and hands err on.
func (b *Book) strike(ctx context.Context, e entry, err error) error {
	b.mu.Lock()
	delete(b.entries, e.Spec.Name)
	b.mu.Unlock()
	if derr := b.cfg.Store.Drop(context.WithoutCancel(ctx), e.Spec.Name); derr != nil {
		b.cfg.Log.Error("an entry of the book of containers cannot be dropped", "name", e.Spec.Name, "err", derr)
	}
	b.leaveGroups(context.WithoutCancel(ctx), e.ID)
	return err
}

// ask sends one request to a lender.
func (b *Book) ask(ctx context.Context, peer api.PeerID, req container.Request, row func(container.Row) error) error {
	st, err := b.cfg.Dial.OpenStream(ctx, peer, container.Protocol)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() }) // what is read next says so
	defer stop()
	err = container.Ask(st, req, row)
	_ = st.Close() // all was read, or it is given up
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// dress adds what only this side knows of a container.
func (b *Book) dress(e entry, c api.Container) api.Container {
	c.ID, c.Name, c.Peer, c.PeerName = e.ID, e.Spec.Name, e.Peer, b.cfg.Names(e.Peer)
	if host := b.cfg.Host(e.Peer); host != "" {
		for i := range c.Ports {
			c.Ports[i].Address = join(host, c.Ports[i].Outside)
		}
	}
	return c
}

func sortByName(all []api.Container) {
	slices.SortFunc(all, func(x, y api.Container) int { return cmp.Compare(x.Name, y.Name) })
}
