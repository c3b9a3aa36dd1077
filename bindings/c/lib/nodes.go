//go:build cgo && !windows

package lib

import (
	"context"
	"sync"

	"github.com/Akilan1999/p2p-rendering-computation/abstractions"
	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// nodes are those that C holds, by number. Numbers are not used again, so that a
// node that was closed stays unknown.
var nodes = struct {
	sync.Mutex
	last int64
	all  map[int64]*handle
}{all: map[int64]*handle{}}

// handle is a node to be: a home, and once it is started what runs in it.
type handle struct {
	ctx    context.Context // ends when the handle is closed
	cancel context.CancelFunc
	work   sync.WaitGroup // calls and streams

	mu     sync.Mutex // guards what follows
	opts   abstractions.Options
	busy   bool // a start is under way
	node   *abstractions.Node
	client *api.Client // of the home, while no node was started
	closed bool
}

func newNode() int64 {
	ctx, cancel := context.WithCancel(context.Background())
	nodes.Lock()
	defer nodes.Unlock()
	nodes.last++
	nodes.all[nodes.last] = &handle{ctx: ctx, cancel: cancel}
	return nodes.last
}

// use finds a node and keeps it from going before done is called.
func use(n int64) (h *handle, done func(), err error) {
	nodes.Lock()
	h, ok := nodes.all[n]
	nodes.Unlock()
	if !ok {
		return nil, nil, unknown(n)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, nil, unknown(n)
	}
	h.work.Add(1)
	return h, h.work.Done, nil
}

func unknown(n int64) error {
	return api.Errorf(api.KindNotFound, "there is no node %d", n).WithHint("it was closed, or never made by p2prc_new")
}

// closeNode ends what a node does, waits for it, and forgets its number.
func closeNode(n int64) error {
	nodes.Lock()
	h, ok := nodes.all[n]
	delete(nodes.all, n)
	nodes.Unlock()
	if !ok {
		return unknown(n)
	}
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.cancel() // what hangs returns
	h.work.Wait()
	if h.client != nil {
		h.client.Close()
	}
	if h.node != nil {
		return h.node.Close()
	}
	return nil
}
