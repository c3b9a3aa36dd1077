package node

import (
	"context"
	"io"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/client/job"
	"github.com/Akilan1999/p2p-rendering-computation/image"
)

// openImages makes what gives images to members and takes theirs.
func (n *Node) openImages(dial *dialer) (err error) {
	var engine image.Engine = image.NoEngine{}
	if n.engine != nil {
		engine = loading{n.engine, n}
	}
	n.images, err = image.New(context.Background(), image.Config{
		Self: n.net.ID(), Engine: engine, Blobs: n.blobs, Fetch: n.fetch, Store: n.store.Images(), Dial: dial, Log: n.log.With("part", "image"),
		Allowed: n.takesImages,
		Pulls:   func(ctx context.Context, from api.Caller, name string) error { return n.server.Pulls(ctx, from, name) },
		Most:    func() int64 { return n.server.ImageLimit() },
		Needed:  func(id api.ImageID) bool { return n.jobs.NeedsImage(id) },
		Alive: func(id api.PeerID) bool {
			p, ok := n.net.Peer(id)
			return ok && p.State == api.PeerAlive
		},
	})
	return err
}

// loading is an engine at work for guests while it loads.
type loading struct {
	image.Engine
	n *Node
}

// Pull implements image.Engine.
func (l loading) Pull(ctx context.Context, name string, most int64) error {
	defer l.n.server.Aside(1)()
	return l.Engine.Pull(ctx, name, most)
}

// Load implements image.Engine; engines unpack on one core.
func (l loading) Load(ctx context.Context, r io.Reader) error {
	defer l.n.server.Aside(1)()
	return l.Engine.Load(ctx, r)
}

// takesImages says why a member may bring no image here.
func (n *Node) takesImages(ctx context.Context, from api.Caller) error {
	if why := n.lendsNot(from); why != "" {
		return api.Errorf(api.KindDenied, "%s", why)
	}
	return n.server.TakesImages(ctx, from)
}

// images is the images of this node, and of others, for the API.
type images struct {
	*image.Keeper
	n *Node
}

// ListFor is the images that a caller may see: those it could run.
func (i images) ListFor(ctx context.Context, who api.Caller) ([]api.Image, error) {
	if who.Owner {
		return i.List(ctx)
	}
	if err := i.n.server.MayRun(ctx, who, api.RuntimeDocker); err != nil {
		return nil, err
	}
	all, err := i.List(ctx)
	for n := range all {
		all[n].For, all[n].Used = "", time.Time{} // who else borrows here is the owner's business
	}
	return all, err
}

// Of asks a member for the images that this node could run there.
func (i images) Of(ctx context.Context, id api.PeerID) ([]api.Image, error) {
	if id == i.n.ID() {
		return i.List(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	return api.NewHTTPClient("http://"+string(id), i.n.doors).Images(ctx)
}

// Send gives an image to members that are named or chosen by an expression.
func (i images) Send(ctx context.Context, req api.SendImage, tell func(api.ImageProgress) error) error {
	if (len(req.Peers) == 0) == (req.Where == "") {
		return api.Errorf(api.KindInvalid, "want either peers or where")
	}
	if req.Where != "" {
		found, err := job.Select(req.Where, pool{i.n.net, i.n}.Peers())
		if err != nil {
			return err
		}
		for _, p := range found {
			if p.State == api.PeerAlive && p.Role.Lends() {
				req.Peers = append(req.Peers, p.ID)
			}
		}
		if len(req.Peers) == 0 {
			return api.Errorf(api.KindNobody, "where is true for no peer that is alive and lends").WithHint("p2prc peers shows who is there")
		}
	}
	return i.Keeper.Send(ctx, req, tell)
}
