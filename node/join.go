package node

import (
	"context"
	"errors"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// JoinOffline takes a home into the network of a token while no node runs in
// it, and gives the home free again. KindConflict when one runs.
func JoinOffline(ctx context.Context, opts Options, token string) (result api.JoinResult, err error) {
	n, err := New(ctx, opts)
	if err != nil {
		return api.JoinResult{}, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	return n.net.Join(ctx, token)
}
