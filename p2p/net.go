package p2p

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/p2p/membership"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// DefaultPort is the port taken when it is free and nobody set another.
const DefaultPort = 4001

// Config is what a Net is made of.
type Config struct {
	Dir       string           // the home; keys are kept in it
	Listen    []string         // multiaddrs to listen on exactly; empty: Hosts, on Port
	Hosts     []string         // IP addresses to listen on; all of the machine if empty
	Port      int              // for TCP and QUIC; DefaultPort if 0
	FixedPort bool             // Port and no other: KindConflict when it is taken; else another free one is taken
	Name      string           // shown to others; the host name if empty
	Version   string           // of the program
	Features  []string         // protocol ids and feature names
	Store     Store            // required
	MDNS      bool             // find members on the local network
	Relay     RelayConfig      // what is relayed for members while this node is public
	MapPort   bool             // ask the router to open the port
	Log       *slog.Logger     // required
	OnEvent   func(api.Event)  // may be nil; called without locks held, must not block for long
	now       func() time.Time // for tests of clocks
	scrypt    int              // log2 of what opening an export costs; less in tests
}

// HandlerFunc serves one stream of a member. ctx ends with the node, with the
// peer's membership, and when the handler's stream is closed by us; the stream
// is closed when the handler returns.
type HandlerFunc = func(ctx context.Context, from api.Caller, s wire.Stream)

// Net is this node in its network. It is safe for concurrent use. Everything but
// streams works before Run and after it.
type Net struct {
	cfg      Config
	log      *slog.Logger
	key      crypto.PrivKey
	id       api.PeerID
	pid      peer.ID
	counters counters

	// mu guards what follows. Lock order: Net.mu before session.mu; the table's and
	// the log's locks are leaves.
	mu       sync.Mutex
	pool     *pool
	sess     *session // nil while no host is up
	running  bool
	port     int
	handlers map[string]handler
	record   api.Record // own word; its Seq, Time and Addrs are set when it is signed
	changed  chan struct{}
	joining  sync.Mutex // one Join or Leave at a time; taken before mu

	own sync.Map // of protocols that bound their streams themselves: string to func(api.PeerID) int
}

// New opens the home's identity and network. A fresh home becomes the first
// node, an admin, of a private network of its own.
func New(ctx context.Context, cfg Config) (*Net, error) {
	if cfg.now == nil {
		cfg.now = time.Now
	}
	cfg.scrypt = cmp.Or(cfg.scrypt, 18) // a second, 256 MiB
	if cfg.OnEvent == nil {
		cfg.OnEvent = func(api.Event) {}
	}
	if cfg.Name == "" {
		name, err := os.Hostname()
		if err != nil {
			name = "node"
		}
		cfg.Name = name
	}
	takeLibraryLog(cfg.Log.Handler())
	key, err := loadOrMakeKey(filepath.Join(cfg.Dir, identityFile))
	if err != nil {
		return nil, homeError(err)
	}
	pid, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return nil, homeError(err)
	}
	n := &Net{cfg: cfg, log: cfg.Log, key: key, id: api.PeerID(pid.String()), pid: pid, counters: newCounters(),
		port: cmp.Or(cfg.Port, DefaultPort), handlers: map[string]handler{}, changed: make(chan struct{})}
	n.record = api.Record{ID: n.id, Name: cfg.Name[:min(len(cfg.Name), maxName)], Version: cfg.Version, Features: slices.Clone(cfg.Features), Labels: map[string]string{}}
	if n.pool, err = n.openHome(ctx); err != nil {
		return nil, homeError(err)
	}
	n.Handle(speedProtocol, newSpeed().serve)
	return n, nil
}

func homeError(err error) error {
	return &api.Error{Op: "open home", Kind: cmp.Or(kindOfAPI(err), api.KindInternal), Msg: "cannot open the home's keys and network", Err: err, Hint: api.HintOf(err)}
}

func kindOfAPI(err error) api.Kind {
	if k := api.KindOf(err); k != api.KindInternal {
		return k
	}
	return ""
}

// openHome loads the network the home is in, or founds one.
func (n *Net) openHome(ctx context.Context) (*pool, error) {
	network, key, err := loadNetwork(n.cfg.Dir)
	if err != nil {
		return nil, err
	}
	if network == "" {
		return n.found(ctx)
	}
	p, err := openPool(ctx, network, key, n.cfg.Store, n.id, n.log)
	if err != nil {
		return nil, err
	}
	if key != nil {
		return p, n.keepAdmin(ctx, p, renewBefore)
	}
	return p, nil
}

// found makes a private network with this node as its admin, and enters it.
func (n *Net) found(ctx context.Context) (*pool, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	id, err := idOf(key)
	if err != nil {
		return nil, err
	}
	network := api.NetworkID(id)
	if err := saveKey(networkKeyPath(n.cfg.Dir, network), key); err != nil {
		return nil, err
	}
	p, err := openPool(ctx, network, key, n.cfg.Store, n.id, n.log)
	if err != nil {
		return nil, err
	}
	if err := n.keepAdmin(ctx, p, renewBefore); err != nil {
		return nil, err
	}
	return p, saveCurrent(n.cfg.Dir, network)
}

// keepAdmin makes the holder of the network key an admin, for left at least.
func (n *Net) keepAdmin(ctx context.Context, p *pool, left time.Duration) error {
	now, key := n.cfg.now(), p.networkKey()
	if m, err := p.member(n.id); key == nil || err == nil && (m.Revoked || m.Role == api.RoleAdmin && m.Expires.Sub(now) > left) {
		return nil
	}
	raw, err := membership.Sign(&membership.Grant{Network: p.id, Node: n.id, Role: api.RoleAdmin, Time: now.UnixMilli(), Expires: now.Add(membership.Lifetime).UnixMilli()}, key)
	if err != nil {
		return err
	}
	added, err := p.add(ctx, now, raw)
	if s := n.session(); s != nil && s.pool == p {
		s.spread(added)
	}
	return err
}

// ID is this node's id.
func (n *Net) ID() api.PeerID { return n.id }

// Network is the network this node is in.
func (n *Net) Network() api.NetworkID { return n.current().id }

func (n *Net) current() *pool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.pool
}

func (n *Net) session() *session {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.sess
}

// readyTime is how long what needs the network waits for it: the API answers before
// the host listens, and while the node goes from one network to another.
const readyTime = 5 * time.Second

// connected is the session, waited for if need be. KindUnavailable: there is none.
func (n *Net) connected(ctx context.Context) (*session, error) {
	wait, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	for {
		if n.WaitReady(wait) != nil {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			return nil, api.Errorf(api.KindUnavailable, "this node does not listen yet").WithHint("try again in a moment")
		}
		if s := n.session(); s != nil {
			return s, nil
		}
	}
}

// Self is this node's own membership.
func (n *Net) Self() api.Member {
	for _, m := range n.Members() {
		if m.Self {
			return m
		}
	}
	return api.Member{ID: n.id, Name: n.cfg.Name, Self: true, Revoked: true}
}

// Members lists every node ever admitted, oldest first.
func (n *Net) Members() []api.Member {
	p := n.current()
	out := p.log.Members()
	for i := range out {
		if out[i].Self = out[i].ID == n.id; out[i].Self {
			out[i].Name = n.cfg.Name
		} else if e, ok := p.table.get(out[i].ID); ok {
			out[i].Name = e.rec.Name
		}
	}
	return out
}

// Counters are counts since New: refused_strangers, refused_members, and others.
func (n *Net) Counters() map[string]int64 { return n.counters.all() }

// Port is the port listened on; node keeps it, so that a node is found again
// where it was. It is the preferred one before the first Run.
func (n *Net) Port() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.port
}

// Addrs are the multiaddrs listened on, with this node's id; none while not running.
func (n *Net) Addrs() []string {
	s := n.session()
	if s == nil {
		return nil
	}
	var out []string
	for _, a := range s.addrs() {
		out = append(out, a.String()+"/p2p/"+string(n.id))
	}
	return out
}

// Announce changes this node's record and tells the others, together with other
// changes within a tenth of a second. Fields that are not the node's to choose
// (id, seq, time, role, addresses) are ignored. update must not call n.
func (n *Net) Announce(update func(*api.Record)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	next := n.record
	next.Labels = maps.Clone(n.record.Labels)
	next.Features, next.Runtimes = slices.Clone(n.record.Features), slices.Clone(n.record.Runtimes)
	update(&next)
	next.ID = n.id
	if reflect.DeepEqual(next, n.record) {
		return
	}
	n.record = next
	if n.sess != nil {
		n.sess.publishSoon()
	}
}

// Run listens and takes part until ctx ends; then it returns nil when all it
// started is gone. A port that the owner set and that is taken is KindConflict.
func (n *Net) Run(ctx context.Context) error {
	n.mu.Lock()
	if n.running {
		n.mu.Unlock()
		return api.Errorf(api.KindConflict, "the node is running already")
	}
	n.running = true
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		n.running = false
		n.notifyLocked()
		n.mu.Unlock()
	}()
	for ctx.Err() == nil {
		s, err := n.startSession(ctx)
		if err != nil {
			return err
		}
		err = s.run(ctx)
		n.mu.Lock()
		n.sess = nil
		n.notifyLocked()
		n.mu.Unlock()
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// notifyLocked wakes who waits for running, sess or pool to change.
func (n *Net) notifyLocked() {
	close(n.changed)
	n.changed = make(chan struct{})
}

// WaitReady returns when the host listens, or with ctx's error.
func (n *Net) WaitReady(ctx context.Context) error {
	for {
		n.mu.Lock()
		up, changed := n.sess != nil, n.changed
		n.mu.Unlock()
		if up {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
