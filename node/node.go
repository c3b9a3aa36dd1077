package node

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/blob"
	"github.com/Akilan1999/p2p-rendering-computation/client/container"
	"github.com/Akilan1999/p2p-rendering-computation/client/forward"
	"github.com/Akilan1999/p2p-rendering-computation/client/job"
	"github.com/Akilan1999/p2p-rendering-computation/client/mapping"
	"github.com/Akilan1999/p2p-rendering-computation/config"
	"github.com/Akilan1999/p2p-rendering-computation/gateway"
	"github.com/Akilan1999/p2p-rendering-computation/image"
	"github.com/Akilan1999/p2p-rendering-computation/internal/machine"
	"github.com/Akilan1999/p2p-rendering-computation/node/door"
	"github.com/Akilan1999/p2p-rendering-computation/node/events"
	"github.com/Akilan1999/p2p-rendering-computation/node/routes"
	"github.com/Akilan1999/p2p-rendering-computation/p2p"
	"github.com/Akilan1999/p2p-rendering-computation/server"
	lent "github.com/Akilan1999/p2p-rendering-computation/server/container"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/docker"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/process"
	"github.com/Akilan1999/p2p-rendering-computation/server/shell"
	"github.com/Akilan1999/p2p-rendering-computation/server/tunnel"
	"github.com/Akilan1999/p2p-rendering-computation/sshd"
	"github.com/Akilan1999/p2p-rendering-computation/store"
	wcontainer "github.com/Akilan1999/p2p-rendering-computation/wire/container"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
	wmapping "github.com/Akilan1999/p2p-rendering-computation/wire/mapping"
	wtunnel "github.com/Akilan1999/p2p-rendering-computation/wire/tunnel"
)

// PeersDoor is the libp2p protocol that carries the API between members.
const PeersDoor = "/p2prc/api/1"

// Options is what a node is made with. Home and Log are required.
type Options struct {
	Home string
	Log  *slog.Logger
	// Level, if set, is the level of Log and follows the home's settings.
	Level   *slog.LevelVar
	Version string
	// Agent is the command that becomes the agent in a sandbox, as an argument
	// list: this program and "agent". Without it nothing is lent.
	Agent []string
	// Getenv reads the environment for settings; nil: none is read.
	Getenv func(string) string
	// Port stands above the settings' port, as if the owner had set it; 0: it does not.
	Port int
	// Listen are multiaddrs to listen on instead of all that.
	Listen []string

	// Routes are served at the doors beside the API's.
	Routes []Route
	// Strategies are those that jobs may name beside spread and pin.
	Strategies map[string]NewStrategy
	// Runtimes are lent beside those that Agent makes, where the owner's limits and
	// policy name them; their names begin with x-.
	Runtimes []Runtime

	runtimes []runtime.Runtime // for tests: instead of those that Agent makes
}

// Node is an opened home. Its methods are safe for concurrent use.
type Node struct {
	opts     Options
	log      *slog.Logger
	home     *home
	config   *config.File
	store    *store.DB
	net      *p2p.Net
	blobs    *blob.Store
	fetch    *blob.Exchange
	engine   *docker.Engine // nil if its address makes no sense
	images   *image.Keeper
	server   *server.Server
	jobs     *job.Engine
	process  *process.Runtime // nil: no guests run here
	keeper   *lent.Keeper     // nil: no containers are lent
	shells   *shell.Keeper    // nil: as process
	book     *container.Book
	tunnels  *tunnel.Server
	forwards *forward.Forwarder
	sshd     *sshd.Server
	gateway  *gateway.Gateway
	mappings *mapping.Book
	hub      *events.Hub
	local    *tasks // streams to oneself, and small work in the background
	doors    *http.Client
	owner    *door.Door
	peers    *door.Door
	socket   string
	refusal  refusals
	started  time.Time
	wired    atomic.Bool   // server and jobs are set
	ready    chan struct{} // closed when the doors are open
	closing  sync.Once
	closers  []func() error

	mu   sync.Mutex // guards stop
	stop context.CancelFunc
}

// New opens a home, which it locks, and everything in it. KindConflict when
// another process has the home. Close gives it free; Run does so itself.
func New(ctx context.Context, opts Options) (_ *Node, err error) {
	n := &Node{opts: opts, log: opts.Log, hub: events.New(events.Kept), local: newTasks(), ready: make(chan struct{}), started: time.Now()}
	n.refusal.log, n.refusal.publish = n.log, n.hub.Publish
	if err := opts.checkExtensions(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	if n.home, err = openHome(opts.Home); err != nil {
		return nil, err
	}
	n.onClose(n.home.close)
	if n.socket, err = config.Socket(n.home.dir); err != nil {
		return nil, err
	}
	if n.config, err = config.Open(n.home.dir, opts.Getenv); err != nil {
		return nil, err
	}
	if opts.Level != nil {
		opts.Level.Set(n.config.Get().Level())
	}
	if n.store, err = store.Open(ctx, n.home.path(stateName), n.log.With("part", "store")); err != nil {
		return nil, err
	}
	n.onClose(n.store.Close)
	if n.net, err = n.openNet(ctx); err != nil {
		return nil, err
	}
	if err := n.openWork(); err != nil {
		return nil, err
	}
	n.openDoors()
	n.wired.Store(true)
	n.announceLending()
	return n, nil
}

// openWork opens the content store and both sides of the work.
func (n *Node) openWork() (err error) {
	cfg := n.config.Get()
	n.blobs, err = blob.Open(n.home.path(blobsName), int64(cfg.BlobQuota), n.store.Blobs(), n.log.With("part", "blob"))
	if err != nil {
		return err
	}
	dial := &dialer{net: n.net, self: map[string]serve{}, local: n.local}
	n.fetch = blob.NewExchange(n.blobs, dial, n.log.With("part", "blob"))
	n.openEngine(cfg)
	if err := n.openImages(dial); err != nil {
		return err
	}
	runtimes, err := n.openRuntimes(cfg)
	if err != nil {
		return err
	}
	n.server, err = server.New(server.Config{
		Self: n.net.ID(), Roles: n.roles, BlobShare: int64(cfg.BlobQuota) / 4, BlobsLent: int64(cfg.BlobQuota) / 2, Runtimes: runtimes, Blobs: n.blobs, Fetch: n.fetch, Store: n.store.Lending(), Images: n.images,
		Disk:     func() (int64, int64, error) { return machine.Disk(context.Background(), n.home.dir) },
		Spent:    func() (time.Duration, error) { return machine.Spent(context.Background()) },
		Settings: settings{n.config}, Names: n.nameOf, Healthy: n.healthy, Log: n.log.With("part", "server"), Gather: 20 * time.Millisecond,
		OnEvent: n.hub.Publish, OnChange: n.announceLending,
	})
	if err != nil {
		return err
	}
	n.jobs, err = job.New(job.Config{
		Self: n.net.ID(), Store: n.store.Jobs(), Dial: dial, Peers: pool{n.net, n}, Blobs: n.blobs, Fetch: n.fetch, Images: n.images,
		Looking:    func() bool { return n.lends() && n.server.Looking() },
		Strategies: n.opts.Strategies, Log: n.log.With("part", "job"), OnEvent: n.hub.Publish,
	})
	if err != nil {
		return err
	}
	if err := n.openContainers(dial); err != nil {
		return err
	}
	n.openShells()
	n.openTunnels(dial)
	if err := n.openSSH(); err != nil {
		return err
	}
	if err := n.openMappings(dial); err != nil {
		return err
	}
	for protocol, h := range map[string]serve{
		lease.Protocol: n.serveLease, wcontainer.Protocol: n.serveContainers, wcontainer.Shell: n.serveShells, wtunnel.Protocol: n.tunnels.Serve, blob.Protocol: n.fetch.Serve, image.Protocol: n.images.Serve,
		wmapping.Protocol: n.gateway.Serve,
	} {
		n.net.Handle(protocol, h)
		dial.self[protocol] = h
	}
	n.net.HandleUpTo(wmapping.Carry, n.mappings.Most, n.mappings.Serve)
	dial.self[wmapping.Carry] = n.mappings.Serve
	return nil
}

// openDoors makes the API.
func (n *Node) openDoors() {
	n.doors = peerDoors(n.net)
	table := routes.Table(&routes.Services{
		Node: n, Pool: pool{n.net, n}, Members: members{n}, Blobs: n.blobs, Images: images{n.images, n}, Jobs: n.jobs,
		Lender: lender{n.server, n}, Containers: places{n.book, n.net}, Groups: n.book, SSH: n, Forwards: n, Tunnels: n.tunnels, Mappings: n.mappings, Gateway: n.gateway, Events: n.hub, OpenAPI: openAPI,
	})
	table = append(table, rowsOf(n.opts.Routes)...)
	log := n.log.With("part", "api")
	refused := func(who door.Who, route, reason string) { n.refused(who.String(), route, reason) }
	n.owner = door.New(door.Owner, table, log, refused)
	n.peers = door.New(door.Peer, table, log, refused)
}

// Run lives until ctx is done or Shutdown is called, and gives everything back
// before it returns. A port that the owner set and that is taken is
// KindConflict. A node runs once.
func (n *Node) Run(ctx context.Context) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	n.mu.Lock()
	n.stop = stop
	n.mu.Unlock()
	defer func() { err = errors.Join(err, n.Close()) }()
	ln, err := door.ListenOwner(n.socket)
	if err != nil {
		return err
	}
	peersLn := door.PeerListener(n.net.Listener(PeersDoor), p2p.CallerOf)
	n.announceSelf()
	return live(ctx, n.log, []part{
		{"p2p", n.net.Run},
		{"blob", n.blobs.Run},
		{"fetch", n.fetch.Run},
		{"local", n.local.run},
		{"server", n.server.Run},
		{"containers", n.runContainers},
		{"shells", n.runShells},
		{"tunnels", n.tunnels.Run},
		{"gateway", n.gateway.Run},
		{"mappings", n.mappings.Run},
		{"jobs", n.jobs.Run},
		{"machine", n.watchMachine},
		{"peers' door", func(ctx context.Context) error { return n.peers.Serve(ctx, peersLn) }},
		{"owner's door", func(ctx context.Context) error { return n.owner.Serve(ctx, ln) }},
		{"ready", n.announceReady},
	})
}

// announceReady closes ready when the network listens: the doors were open before.
func (n *Node) announceReady(ctx context.Context) error {
	if err := n.net.WaitReady(ctx); err != nil {
		return err
	}
	n.log.Info("ready", "id", n.net.ID(), "home", n.home.dir, "port", n.net.Port(), "after", time.Since(n.started).Round(time.Millisecond))
	close(n.ready)
	if err := n.keepPort(); err != nil {
		n.log.Warn("the port taken could not be kept for the next start", "err", err)
	}
	n.dialRoots(ctx)
	<-ctx.Done()
	return nil
}

// Ready is closed when the node answers at its doors and listens for peers.
func (n *Node) Ready() <-chan struct{} { return n.ready }

// Socket is the path of the owner's door.
func (n *Node) Socket() string { return n.socket }

// ID is this node's id.
func (n *Node) ID() api.PeerID { return n.net.ID() }

// Client speaks to this node over its socket, while it runs.
func (n *Node) Client() *api.Client { return api.NewClient(n.socket) }

// OwnerHandler is the owner's door for this process: whoever has it is the owner.
func (n *Node) OwnerHandler() http.Handler {
	return door.As(door.Who{Caller: api.Caller{Owner: true}}, n.owner)
}

// Shutdown makes Run return; it does not wait.
func (n *Node) Shutdown() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stop != nil {
		n.stop()
	}
}

// Close gives free what New opened. It need not be called after Run.
func (n *Node) Close() (err error) {
	n.closing.Do(func() {
		n.local.stop()
		if n.doors != nil {
			n.doors.CloseIdleConnections()
		}
		err = closeAll(n.closers)
	})
	return err
}

func (n *Node) onClose(c func() error) { n.closers = append(n.closers, c) }

// refused counts, logs and publishes a refusal.
func (n *Node) refused(who, what, why string) { n.refusal.note(who, what, why) }

// healthy says what is wrong with this machine, before a task is blamed.
func (n *Node) healthy() error {
	f, err := os.CreateTemp(n.home.path(sandboxesName), "healthy-")
	if err != nil {
		return api.Errorf(api.KindLost, "this machine cannot write to its disk: %w", err)
	}
	_, err = f.Write(make([]byte, 4<<10))
	err = errors.Join(err, f.Close(), os.Remove(f.Name()))
	if err != nil {
		return api.Errorf(api.KindLost, "this machine cannot write to its disk: %w", err)
	}
	return nil
}
