package api

import "time"

// Role is what a membership lets a node do.
type Role string

// The roles. A member lends and borrows; a lender never submits; a borrower
// never receives work; an admin is a member who may invite and revoke.
const (
	RoleMember   Role = "member"
	RoleLender   Role = "lender"
	RoleBorrower Role = "borrower"
	RoleAdmin    Role = "admin"
)

// Lends tells whether the role may receive work.
func (r Role) Lends() bool { return r == RoleMember || r == RoleLender || r == RoleAdmin }

// Borrows tells whether the role may submit work.
func (r Role) Borrows() bool { return r == RoleMember || r == RoleBorrower || r == RoleAdmin }

// Valid tells whether r is one of the four.
func (r Role) Valid() bool { return r.Lends() || r.Borrows() }

// Caller is who asks, made only by a listener from the connection itself.
type Caller struct {
	// Owner is true for the home's owner on the unix socket.
	Owner bool
	// Peer and Role are set for a member on a libp2p stream. Role is from its verified chain.
	Peer PeerID
	Role Role
}

// String names the caller in a log line.
func (c Caller) String() string {
	if c.Owner {
		return "owner"
	}
	return string(c.Role) + " " + string(c.Peer)
}

// Resources is the vector a slot, a limit and a machine are measured in.
type Resources struct {
	CPU    float64 `json:"cpu" doc:"cores" minimum:"0" required:"false"`
	Memory int64   `json:"memory" doc:"bytes" minimum:"0" required:"false"`
	Disk   int64   `json:"disk" doc:"bytes" minimum:"0" required:"false"`
	GPU    int     `json:"gpu" doc:"whole GPUs" minimum:"0" required:"false"`
}

// Fits tells whether r fits into free in every dimension.
func (r Resources) Fits(free Resources) bool {
	const epsilon = 1e-9 // sums of fractions of cores
	return r.CPU <= free.CPU+epsilon && r.Memory <= free.Memory && r.Disk <= free.Disk && r.GPU <= free.GPU
}

// Add is r + o.
func (r Resources) Add(o Resources) Resources {
	return Resources{r.CPU + o.CPU, r.Memory + o.Memory, r.Disk + o.Disk, r.GPU + o.GPU}
}

// Sub is r - o.
func (r Resources) Sub(o Resources) Resources {
	return Resources{r.CPU - o.CPU, r.Memory - o.Memory, r.Disk - o.Disk, r.GPU - o.GPU}
}

// GPU is one graphics processor as its vendor's tool describes it.
type GPU struct {
	Index  int    `json:"index"`
	UUID   string `json:"uuid,omitempty"`
	Vendor string `json:"vendor" doc:"nvidia, amd or intel"`
	Model  string `json:"model"`
	Memory int64  `json:"memory" doc:"bytes"`
	Driver string `json:"driver,omitempty"`
}

// Specs is what a machine is.
type Specs struct {
	Hostname string `json:"hostname"`
	OS       string `json:"os" doc:"GOOS, with the distribution's name where known"`
	Arch     string `json:"arch" doc:"GOARCH"`
	CPUModel string `json:"cpu_model"`
	Cores    int    `json:"cores" doc:"logical processors"`
	Memory   int64  `json:"memory" doc:"bytes of RAM"`
	Disk     int64  `json:"disk" doc:"bytes of the file system that holds the home"`
	DiskFree int64  `json:"disk_free" doc:"bytes free on it"`
	GPUs     []GPU  `json:"gpus"`
}

// RuntimeInfo is what a runtime's Probe found: whether it can be used here,
// what isolation and limits it really gives, and in words what is missing.
type RuntimeInfo struct {
	Name      RuntimeName `json:"name"`
	Available bool        `json:"available" doc:"it works on this machine"`
	Enabled   bool        `json:"enabled" doc:"the owner lends it"`
	Isolation string      `json:"isolation" doc:"one line: what stands between a guest and the machine; none where nothing does"`
	Limits    []string    `json:"limits" doc:"which limits are enforced: memory, cpu_time, wall_time, output, disk, processes"`
	Missing   []string    `json:"missing" doc:"what it cannot give here and why"`
	// Networks is what the engine can give; in a record, what of it the owner's
	// policy gives to somebody.
	Networks []GuestNetwork `json:"networks,omitempty" doc:"what guests may be given beyond none: filtered, open"`
}

// PathKind is how packets reach a peer.
type PathKind string

// The kinds of path.
const (
	PathSelf       PathKind = "self"
	PathDirectTCP  PathKind = "direct tcp"
	PathDirectQUIC PathKind = "direct quic"
	PathRelayed    PathKind = "relayed"
	PathNone       PathKind = "none"
)

// PeerState is what this node itself found out about a peer.
type PeerState string

// The states of a peer. Gossip raises suspicion; only one's own probe says dead.
const (
	PeerSelf    PeerState = "self"
	PeerAlive   PeerState = "alive"
	PeerSuspect PeerState = "suspect"
	PeerDead    PeerState = "dead"
	PeerRevoked PeerState = "revoked"
)

// Record is what a node says of itself: signed by its key, versioned by Seq,
// gossiped as its original bytes. Unknown fields are ignored.
type Record struct {
	ID       PeerID            `json:"id"`
	Name     string            `json:"name"`
	Seq      uint64            `json:"seq" doc:"grows with every change"`
	Time     time.Time         `json:"time" doc:"when it was made, by the node's own clock"`
	Role     Role              `json:"role"`
	Addrs    []string          `json:"addrs" doc:"multiaddrs at which it can be reached; /p2p/ID/p2p-circuit is through the member ID"`
	Reach    Reachability      `json:"reachability" doc:"as it found out with the help of others"`
	Relays   bool              `json:"relays" doc:"it relays for members"`
	Gateway  bool              `json:"gateway,omitempty" doc:"its owner lets some members map ports through it"`
	Specs    Specs             `json:"specs"`
	Runtimes []RuntimeInfo     `json:"runtimes" doc:"those it lends"`
	Total    Resources         `json:"total" doc:"lent at most"`
	Free     Resources         `json:"free" doc:"lent now at most"`
	Lending  LendState         `json:"lending"`
	Looking  bool              `json:"looking,omitempty" doc:"it has just started, and finds out what it can lend"`
	Labels   map[string]string `json:"labels"`
	Meta     string            `json:"meta" doc:"custom text"`
	Version  string            `json:"version"`
	Features []string          `json:"features" doc:"protocol ids and feature names"`
}

// Peer is another node as known here: its own word (Record) and what this node measured.
type Peer struct {
	Record
	State    PeerState `json:"state"`
	Path     PathKind  `json:"path"`
	Via      PeerID    `json:"via,omitempty" doc:"the member that relays, where the path is relayed"`
	Addr     string    `json:"addr" doc:"the remote address in use, empty if not connected"`
	Traffic  []Traffic `json:"traffic,omitempty" doc:"bytes of work exchanged with it since this node started, by path"`
	Latency  Duration  `json:"latency" doc:"round trip measured here, smoothed; 0 if never"`
	LastSeen time.Time `json:"last_seen" doc:"by this node's clock"`
}

// Traffic is what went over one kind of path to and from a peer, in bytes.
type Traffic struct {
	Path     PathKind `json:"path"`
	Sent     int64    `json:"sent"`
	Received int64    `json:"received"`
}

// KnownPeer is what a node remembers of a peer between its runs.
type KnownPeer struct {
	ID       PeerID
	Record   []byte // its last record, the original signed bytes
	LastSeen time.Time
	Latency  Duration
}

// Invite is an invitation as its maker sees it. The token itself is shown once.
type Invite struct {
	ID      InviteID  `json:"id"`
	Role    Role      `json:"role"`
	Uses    int       `json:"uses" doc:"machines it may admit"`
	Used    int       `json:"used"`
	Node    PeerID    `json:"node,omitempty" doc:"the only node it admits, if named"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	Revoked bool      `json:"revoked"`
}

// InviteRequest asks for an invite.
type InviteRequest struct {
	Role    Role     `json:"role,omitempty" doc:"member if empty" enum:"member,lender,borrower,admin"`
	Uses    int      `json:"uses,omitempty" doc:"1 if 0" minimum:"0" maximum:"1000"`
	Expires Duration `json:"expires,omitempty" doc:"from now; 1h if 0"`
	Node    PeerID   `json:"node,omitempty" doc:"the only node it admits; required for admin"`
}

// InviteToken is a new invite with its token.
type InviteToken struct {
	Invite
	Token string `json:"token" doc:"one string; whoever has it can join"`
}

// JoinRequest hands a token to a node. DryRun only checks it.
type JoinRequest struct {
	Token string `json:"token" maxLength:"4096"`
}

// JoinResult says which network a node is now in.
type JoinResult struct {
	Network NetworkID `json:"network"`
	Role    Role      `json:"role"`
	Via     PeerID    `json:"via" doc:"the member that admitted it; empty after a network key was restored"`
	Expires time.Time `json:"expires" doc:"of the membership certificate"`
}

// NetworkKey is a network's key, encrypted with a passphrase: an armored age file.
type NetworkKey struct {
	Network NetworkID `json:"network,omitempty"`
	Export  string    `json:"export" maxLength:"8192"`
}

// KeyRequest is about the network's key. Export is empty when it asks for one.
type KeyRequest struct {
	Passphrase string `json:"passphrase" maxLength:"1024"`
	Export     string `json:"export,omitempty" maxLength:"8192"`
}

// Member is an admitted node as the membership log knows it, seen or not.
type Member struct {
	ID       PeerID    `json:"id"`
	Name     string    `json:"name"`
	Role     Role      `json:"role"`
	Invite   InviteID  `json:"invite,omitempty" doc:"empty for the network's first node"`
	Admitted time.Time `json:"admitted"`
	By       PeerID    `json:"by" doc:"the member that countersigned"`
	Expires  time.Time `json:"expires"`
	Revoked  bool      `json:"revoked"`
	Self     bool      `json:"self"`
}

// RoleRequest gives a member a role.
type RoleRequest struct {
	Role Role `json:"role" enum:"member,lender,borrower,admin"`
}

// RevokeRequest ends memberships: of a node, or of an invite and optionally all it admitted.
type RevokeRequest struct {
	Node        PeerID   `json:"node,omitempty"`
	Invite      InviteID `json:"invite,omitempty"`
	AllAdmitted bool     `json:"all_admitted,omitempty" doc:"with invite: revoke the nodes it admitted too"`
	Reason      string   `json:"reason,omitempty" maxLength:"200"`
}
