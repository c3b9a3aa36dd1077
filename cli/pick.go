package cli

import (
	"context"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/suggest"
)

// findOne finds the one id that is typed, or that begins or ends with it.
func findOne[T any](what, listing, typed string, rows []T, id func(T) string) (string, error) {
	var found []string
	for _, r := range rows {
		if id(r) == typed {
			return typed, nil
		}
		if typed != "" && (strings.HasPrefix(id(r), typed) || strings.HasSuffix(id(r), typed)) {
			found = append(found, id(r))
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", api.Errorf(api.KindNotFound, "there is no %s %q", what, typed).WithHint("%s lists them", listing)
	}
	return "", api.Errorf(api.KindInvalid, "%q could be %d %ss", typed, len(found), what).WithHint("write more of the id: %s", strings.Join(found, ", "))
}

// nothingCalled is the error of a word that names no peer and no container; its hint
// is the nearest of the words there are, groups among them.
func nothingCalled(ctx context.Context, c *api.Client, typed string) error {
	err := api.Errorf(api.KindNotFound, "no peer and no container of yours is called %q", typed)
	var all []string
	for _, known := range []words{containerWords, groupWords, peerWords} {
		list, err := known(ctx, c)
		if err != nil {
			return err
		}
		for _, w := range list {
			word, _, _ := strings.Cut(w, "\t")
			all = append(all, word)
		}
	}
	if near := suggest.Closest(typed, all); near != "" {
		return err.WithHint("did you mean %s?", near)
	}
	return err.WithHint("p2prc peers and p2prc container ls list them")
}

// must is for what can only fail by a mistake in the program.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// peerNames are the names of peers by their ids.
func peerNames(ctx context.Context, c *api.Client) (map[api.PeerID]string, error) {
	peers, err := c.Peers(ctx)
	if err != nil {
		return nil, err
	}
	names := make(map[api.PeerID]string, len(peers))
	for _, p := range peers {
		names[p.ID] = p.Name
	}
	return names, nil
}
