package abstractions

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/config"
	"github.com/Akilan1999/p2p-rendering-computation/node"
)

// What a program may bring along; see [node.Route] and the others.
type (
	Route       = node.Route
	Strategy    = node.Strategy
	NewStrategy = node.NewStrategy
	Lender      = node.Lender
	View        = node.View
	Runtime     = node.Runtime
)

// What a strategy's Lane may answer besides a lane's number.
const (
	AnyLane = node.AnyLane
	NoLane  = node.NoLane
)

// CallerOf is who asks, for a Route's handler.
func CallerOf(r *http.Request) api.Caller { return node.CallerOf(r) }

// Options is what a Node is opened with. The zero value is the node of the usual
// home.
type Options struct {
	Home     string       // $P2PRC, else ~/.p2prc, if empty
	Settings any          // changes config.json first, as for [Init]
	Log      *slog.Logger // the file p2prc.log in the home if nil
	// Agent is the command that becomes the agent in sandboxes; the p2prc on PATH or
	// in the home if nil. Without one, or where it is empty, the node lends only Runtimes.
	Agent []string
	// Routes are served at the node's own doors, beside the API.
	Routes []Route
	// Strategies are those that jobs may name beside spread and pin. A job is lost to
	// a node that is opened again without its strategy.
	Strategies map[string]NewStrategy
	// Runtimes are lent where lend.limits.runtimes and lend.policy in the settings
	// name them. Their names begin with x-.
	Runtimes []Runtime
}

// Node is a running node. The methods of its Client are the whole API. It is safe
// for concurrent use; a program may have as many as it has homes.
type Node struct {
	*api.Client
	node *node.Node
	stop context.CancelFunc
	done chan struct{} // closed when it has ended
	err  error         // how it ended; read after done
}

// Open runs the node of a home and comes back when it is ready. It lives until ctx
// ends, Close is called, or somebody shuts it down. KindConflict when a node runs
// in this home already, here or in another process.
func Open(ctx context.Context, o Options) (_ *Node, err error) {
	if o.Home, err = homeOf(o.Home); err != nil {
		return nil, err
	}
	if _, err := customize(o.Home, o.Settings); err != nil {
		return nil, err
	}
	var closeLog = func() error { return nil }
	if o.Log == nil {
		if o.Log, closeLog, err = openLog(o.Home); err != nil {
			return nil, err
		}
	}
	if o.Agent == nil {
		if o.Agent = findAgent(o.Home); o.Agent == nil {
			o.Log.Warn("no p2prc on PATH or in the home: its runtimes are not lent")
		}
	}
	ctx, stop := context.WithCancel(ctx)
	inner, err := node.New(ctx, node.Options{Home: o.Home, Log: o.Log, Version: Version, Agent: o.Agent, Getenv: os.Getenv,
		Routes: o.Routes, Strategies: o.Strategies, Runtimes: o.Runtimes})
	if err != nil {
		stop()
		return nil, errors.Join(err, closeLog())
	}
	n := &Node{Client: inner.Client(), node: inner, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(n.done)
		n.err = errors.Join(inner.Run(ctx), closeLog())
		n.Client.Close()
	}()
	select {
	case <-inner.Ready():
		return n, nil
	case <-n.done:
		return nil, n.ended()
	}
}

// ended is why a node that was to live does not.
func (n *Node) ended() error {
	if n.err != nil {
		return n.err
	}
	return api.Errorf(api.KindCanceled, "the node was stopped before it was ready")
}

// Close ends the node and waits until all of it has ended. It may be called again.
func (n *Node) Close() error {
	n.stop()
	<-n.done
	return n.err
}

// Done is closed when the node has ended, by whomever.
func (n *Node) Done() <-chan struct{} { return n.done }

// ID is the node's id.
func (n *Node) ID() api.PeerID { return n.node.ID() }

// Socket is the path of the owner's door, for other programs.
func (n *Node) Socket() string { return n.node.Socket() }

// PeersClient calls members' Routes: the host of a URL is a peer's id, as in
// http://ID/x/hello.
func (n *Node) PeersClient() *http.Client { return n.node.PeersClient() }

// Events are those after the cursor, then those that come, until ctx ends or the
// loop does. The last pair may be an error.
func (n *Node) Events(ctx context.Context, since api.Cursor) iter.Seq2[api.Event, error] {
	return events(ctx, n.Client, since)
}

// Results are the tasks of a job that have ended, with their files.
func (n *Node) Results(ctx context.Context, id api.JobID) iter.Seq2[api.Task, error] {
	return results(ctx, n.Client, id)
}

// RunJob submits a job and follows it to its end, as the function [RunJob] does.
func (n *Node) RunJob(ctx context.Context, spec api.JobSpec, onEvent func(api.Event) error) (api.Job, error) {
	return runJob(ctx, n.Client, spec, onEvent)
}

// openLog opens the log file of a home.
func openLog(home string) (*slog.Logger, func() error, error) {
	file, err := config.Open(home, os.Getenv)
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, nil, api.Errorf(api.KindInvalid, "the home cannot be made: %w", err).WithHint("set P2PRC to a folder that you may write to")
	}
	out, err := os.OpenFile(filepath.Join(home, config.LogName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, api.Errorf(api.KindInternal, "the log cannot be written: %w", err)
	}
	settings := file.Get()
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: settings.Level()})), out.Close, nil
}
