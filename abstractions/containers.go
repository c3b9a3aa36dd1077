package abstractions

import (
	"context"
	"slices"
	"strconv"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// StartContainer has a peer make a long-lived container from one of its templates,
// debian where it has that, else its first usable one. The peer is meant by
// address, name or id; "" is this node. Client has CreateContainer for everything
// else that can be asked for.
//
// KindNotFound where the peer has no template that needs nothing else said.
func StartContainer(ip string) (*api.Container, error) {
	c, err := Client()
	if err != nil {
		return nil, err
	}
	ctx, peer := context.Background(), orSelf(ip)
	templates, err := c.Templates(ctx, peer)
	if err != nil {
		return nil, err
	}
	templates = slices.DeleteFunc(templates, func(t api.Template) bool { return t.Problem != "" || t.Base })
	if len(templates) == 0 {
		return nil, api.Errorf(api.KindNotFound, "%s has no template to make a container from", peer).
			WithHint("name an image with CreateContainer of Client")
	}
	use := max(slices.IndexFunc(templates, func(t api.Template) bool { return t.Name == usualTemplate }), 0)
	all, err := c.Containers(ctx)
	if err != nil {
		return nil, err
	}
	made, err := c.CreateContainer(ctx, peer, api.ContainerSpec{Name: freeName(all), Template: templates[use].Name}, nil)
	if err != nil {
		return nil, err
	}
	return &made, nil
}

const usualTemplate = "debian"

func freeName(all []api.Container) string {
	for n := 1; ; n++ {
		name := "box" + strconv.Itoa(n)
		if !slices.ContainsFunc(all, func(c api.Container) bool { return c.Name == name }) {
			return name
		}
	}
}

// RemoveContainer takes a container away, by its id or name. KindNotFound where it
// is not the peer's that ip means; with an empty ip it may be any peer's.
func RemoveContainer(ip, id string) error {
	c, err := Client()
	if err != nil {
		return err
	}
	ctx := context.Background()
	if ip != "" {
		if err := lends(ctx, c, ip, id); err != nil {
			return err
		}
	}
	return c.RemoveContainer(ctx, id, false)
}

// lends tells whether a container is at a peer, nil if it is.
func lends(ctx context.Context, c *api.Client, ip, id string) error {
	peer, err := c.Peer(ctx, ip)
	if err != nil {
		return err
	}
	all, err := c.Containers(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(all, func(b api.Container) bool { return b.Peer == peer.ID && (b.Name == id || string(b.ID) == id) }) {
		return api.Errorf(api.KindNotFound, "there is no container %.80q on %s", id, ip)
	}
	return nil
}

func orSelf(ip string) string {
	if ip == "" {
		return "self"
	}
	return ip
}
