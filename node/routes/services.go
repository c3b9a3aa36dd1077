// Package routes is the route table of a node's API: every method, path,
// permission, audience, body limit and handler, in [Table].
//
// Handlers are thin: they resolve what a person typed (a peer's name, a job's
// prefix), call a service and answer. Who may call them is not their business;
// package door decides that from the table.
package routes

import (
	"context"
	"io"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/node/events"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// Services is what the handlers call. The table may be made without any, for
// its document; calling a handler then panics.
type Services struct {
	Node       Node
	Pool       Pool
	Members    Members
	Blobs      Blobs
	Images     Images
	Jobs       Jobs
	Lender     Lender
	Containers Containers
	Groups     Groups
	SSH        SSH
	Forwards   Forwards
	Tunnels    Tunnels
	Mappings   Mappings
	Gateway    Gateway
	Events     *events.Hub
	OpenAPI    []byte
}

// Node is the node itself.
type Node interface {
	Status(ctx context.Context) (api.Status, error)
	PeerStatus() api.PeerStatus
	Doctor(ctx context.Context) (api.Diagnosis, error)
	Specs(ctx context.Context) (api.Specs, error)
	SetLabels(ctx context.Context, labels map[string]string) error
	SetMeta(ctx context.Context, text string) error
	Shutdown()
}

// Pool is the peer table and what can be asked of a peer.
type Pool interface {
	Peers() []api.Peer
	Peer(id api.PeerID) (api.Peer, bool)
	Resolve(name string) (api.PeerID, error)
	Where(expr string) (func(*api.Peer) bool, error)
	AddAddr(ctx context.Context, addr string) (api.Peer, error)
	Refresh(ctx context.Context) error
	Ping(ctx context.Context, id api.PeerID) (time.Duration, error)
	Speed(ctx context.Context, id api.PeerID) (api.SpeedResult, error)
	PeerSpecs(ctx context.Context, id api.PeerID) (api.Specs, error)
}

// Members is the network's membership.
type Members interface {
	Invite(ctx context.Context, req api.InviteRequest) (api.InviteToken, error)
	Invites() []api.Invite
	RevokeInvite(ctx context.Context, id api.InviteID) error
	Join(ctx context.Context, token string) (api.JoinResult, error)
	Leave(ctx context.Context) error
	Members() []api.Member
	SetRole(ctx context.Context, node api.PeerID, role api.Role) error
	ExportKey(passphrase string) (api.NetworkKey, error)
	RemoveKey(ctx context.Context, export, passphrase string) error
	RestoreKey(ctx context.Context, export, passphrase string) (api.JoinResult, error)
	Revoke(ctx context.Context, req api.RevokeRequest) error
}

// Blobs is the content store.
type Blobs interface {
	Put(ctx context.Context, r io.Reader) (api.BlobInfo, error)
	PutTree(ctx context.Context, tar io.Reader) (api.TreeInfo, error)
	Tree(ctx context.Context, id api.BlobID) (api.Tree, error)
	Reader(id api.BlobID) (io.ReadSeekCloser, error)
	GC(ctx context.Context) (freed int64, err error)
	Stats(ctx context.Context) (api.BlobStats, error)
}

// Images is the images of container engines, this node's and its peers'.
type Images interface {
	ListFor(ctx context.Context, who api.Caller) ([]api.Image, error)
	Of(ctx context.Context, peer api.PeerID) ([]api.Image, error)
	Import(ctx context.Context, archive io.Reader) (api.Image, error)
	Send(ctx context.Context, req api.SendImage, tell func(api.ImageProgress) error) error
}

// Jobs is the borrowing side's engine.
type Jobs interface {
	Submit(ctx context.Context, spec api.JobSpec) (api.Job, error)
	Jobs() []api.Job
	Job(id api.JobID) (api.JobDetail, error)
	Tasks(ctx context.Context, id api.JobID, state api.TaskState, after api.TaskID, limit int) ([]api.Task, error)
	Task(ctx context.Context, id api.JobID, task api.TaskID) (api.Task, error)
	Pause(ctx context.Context, id api.JobID) error
	Resume(ctx context.Context, id api.JobID) error
	Cancel(ctx context.Context, id api.JobID, reason string) error
	Retry(ctx context.Context, id api.JobID) (int64, error)
	Remove(ctx context.Context, id api.JobID) error
	Why(ctx context.Context, id api.JobID) (api.Why, error)
	Log(ctx context.Context, id api.JobID, task api.TaskID, follow bool, fn func(api.LogChunk) error) error
	Results(ctx context.Context, id api.JobID, fn func(api.Task) error) error
}

// Containers is what this node has at its lenders. Names are of containers.
type Containers interface {
	Create(ctx context.Context, peer api.PeerID, spec api.ContainerSpec, each func(api.ContainerEvent) error) (api.Container, error)
	List(ctx context.Context) []api.Container
	Start(ctx context.Context, name string) (api.Container, error)
	Stop(ctx context.Context, name string) (api.Container, error)
	Remove(ctx context.Context, name string, force bool) error
	// Known is KindNotFound for a name that no container of this node has.
	Known(name string) error
	Logs(ctx context.Context, name string, follow bool, tail int, fn func(api.ContainerLog) error) error
	Stats(ctx context.Context, name string, follow bool, fn func(api.Container) error) error
	Session(ctx context.Context, name string) (wire.Stream, error)
	Templates(ctx context.Context, peer api.PeerID) ([]api.Template, error)
}

// Groups are named sets of containers.
type Groups interface {
	Groups(ctx context.Context) []api.Group
	Group(ctx context.Context, name string) (api.Group, error)
	CreateGroup(ctx context.Context, g api.Group) (api.Group, error)
	AddToGroup(ctx context.Context, name string, containers []string) (api.Group, error)
	RemoveFromGroup(ctx context.Context, name string, containers []string) (api.Group, error)
	RemoveGroup(ctx context.Context, name string) error
}

// SSH is the node's SSH server; container is a name or an id. What it answers with
// serves a connection until that is over.
type SSH interface {
	SSH(container string) (func(context.Context, wire.Stream), error)
}

// Forwards are local ports that lead to peers and containers.
type Forwards interface {
	Forward(ctx context.Context, spec api.ForwardSpec, tell func(api.ForwardEvent) error) error
}

// Tunnels are members' connections to what listens on or beside this machine.
type Tunnels interface {
	List() []api.Tunnel
	Close(id api.TunnelID) error
}

// Mappings are this node's ports at gateways.
type Mappings interface {
	Map(ctx context.Context, spec api.MapSpec) (api.Mapping, error)
	Mappings() []api.Mapping
	Unmap(ctx context.Context, id api.MappingID) error
}

// Gateway is what this node carries for members.
type Gateway interface {
	List() []api.Carried
	Close(id api.CarriedID) error
}

// Lender is the lending side.
type Lender interface {
	Status() api.LendStatus
	Sandboxes(ctx context.Context) []api.Sandbox
	Leases(peer api.PeerID) []api.LeaseView
	Limits() api.Limits
	SetLimits(ctx context.Context, l api.Limits) error
	LimitsEnd(l api.Limits) []api.Sandbox
	Policy() []api.Rule
	SetPolicy(ctx context.Context, rules []api.Rule) error
	PolicyEnd(rules []api.Rule) []api.Sandbox
	Pause(ctx context.Context, reason string) error
	Resume(ctx context.Context) error
	Drain(ctx context.Context, reason string) error
	Kill(ctx context.Context, id api.SandboxID, reason string) error
	PauseSandbox(ctx context.Context, id api.SandboxID) error
	ResumeSandbox(ctx context.Context, id api.SandboxID) error
	Usage(ctx context.Context, by []string, since time.Time) ([]api.UsageRow, error)
}
