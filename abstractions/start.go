package abstractions

import (
	"context"
	"errors"
	"sync"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/config"
)

// std is the program's node.
var std embedded

// embedded is the node of the seed's functions.
type embedded struct {
	mu     sync.Mutex // guards what follows
	home   string     // set by Init
	node   *Node      // nil: not started
	routes *Routes
}

// Init chooses the home, $P2PRC or ~/.p2prc, and returns its settings. With a
// customConfig it changes them first, in the home's config.json:
//
//   - nil changes nothing;
//   - a config.Config or *config.Config replaces them;
//   - a func(*config.Config) edits them;
//   - anything else is read as JSON over them, so that
//     map[string]any{"name": "studio"} changes the name. A key that
//     config.json does not know is KindInvalid.
//
// Settings that make no sense are KindInvalid and change nothing.
func Init(customConfig any) (*config.Config, error) { return std.init(customConfig) }

func (e *embedded) init(custom any) (*config.Config, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.node != nil {
		return nil, api.Errorf(api.KindConflict, "the node runs already").WithHint("call Init before Start")
	}
	home, err := homeOf("")
	if err != nil {
		return nil, err
	}
	c, err := customize(home, custom)
	if err != nil {
		return nil, err
	}
	e.home = home
	return c, nil
}

// Start runs the node of the home in the background and comes back when it is
// ready. The value is where the program adds HTTP routes of its own. The node
// goes on working whatever the calling goroutine does next, even spin. Its log
// is the file p2prc.log in the home.
//
// KindConflict when a node runs in this home already, here or in another process.
func Start() (*Routes, error) { return std.start() }

func (e *embedded) start() (*Routes, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.node != nil {
		select {
		case <-e.node.Done(): // by itself, or by p2prc down
			if err := e.closeLocked(); err != nil {
				return nil, err
			}
		default:
			return nil, api.Errorf(api.KindConflict, "the node runs already").WithHint("call Stop first")
		}
	}
	n, err := Open(context.Background(), Options{Home: e.home})
	if err != nil {
		return nil, err
	}
	routes, err := serveRoutes()
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	e.node, e.routes = n, routes
	return routes, nil
}

// Stop ends the node that Start started and waits until all of it has ended.
// Without one it does nothing.
func Stop() error {
	std.mu.Lock()
	defer std.mu.Unlock()
	return std.closeLocked()
}

func (e *embedded) closeLocked() error {
	if e.node == nil {
		return nil
	}
	err := errors.Join(e.routes.close(), e.node.Close())
	e.node, e.routes = nil, nil
	return err
}
