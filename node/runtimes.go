package node

import (
	"os"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/config"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

// openRuntimes makes the runtimes there are. Which of them are lent is the
// owner's choice, which the server asks for each lease.
func (n *Node) openRuntimes(config.Config) ([]runtime.Runtime, error) {
	if err := os.MkdirAll(n.home.path(sandboxesName), 0o700); err != nil {
		return nil, api.Errorf(api.KindInternal, "the room for sandboxes cannot be made: %w", err)
	}
	return n.opts.runtimes, nil
}
