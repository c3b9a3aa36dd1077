package node

import (
	"net/http"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/client/job"
	"github.com/Akilan1999/p2p-rendering-computation/node/door"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

// What an embedding program may bring along.
type (
	// Strategy decides how a job's tasks go to lenders.
	Strategy = job.Strategy
	// NewStrategy makes the strategy of one job, which it may refuse.
	NewStrategy = job.NewStrategy
	// Lender is a lease as a strategy sees it.
	Lender = job.Lender
	// View is a job as a strategy sees it.
	View = job.View
	// Runtime opens sandboxes; package server/runtime is its contract.
	Runtime = runtime.Runtime
)

// What a strategy's Lane may answer besides a lane's number.
const (
	AnyLane = job.AnyLane
	NoLane  = job.NoLane
)

// OwnRoutes is where the paths of an embedding program begin.
const OwnRoutes = "/x/"

// Route is a route of an embedding program at this node's doors. It becomes a row
// of the route table: callers are judged before its handler sees them.
type Route struct {
	Method  string // GET, POST, ...
	Path    string // below OwnRoutes, with {names} as net/http's ServeMux reads them
	MaxBody int64  // bytes of a request's body; 0: none is read
	// Peers lets members call it too, over the network. Without, only the owner does.
	Peers   bool
	Handler http.Handler
}

// CallerOf is who asks, for a Route's handler.
func CallerOf(r *http.Request) api.Caller { return door.WhoOf(r.Context()).Caller }

// PeersClient speaks to members' doors: the host of a URL is a peer's id, as in
// http://ID/x/hello. An answer's header must come within 15 s, the whole of it
// within a minute.
func (n *Node) PeersClient() *http.Client { return n.doors }

func rowsOf(routes []Route) (rows []door.Row) {
	for _, r := range routes {
		row := door.Row{Method: r.Method, Path: r.Path, MaxBody: r.MaxBody, Permission: door.Own, Audience: door.Owner, Handler: door.Plain(r.Handler)}
		if r.Peers {
			row.Permission, row.Audience = door.Member, door.Both
		}
		rows = append(rows, row)
	}
	return rows
}

// checkExtensions refuses what cannot be brought along, as KindInvalid.
func (o *Options) checkExtensions() error {
	mux := http.NewServeMux()
	for _, r := range o.Routes {
		if err := r.check(mux); err != nil {
			return err
		}
	}
	for name, make := range o.Strategies {
		if name == "" || name == "spread" || name == "pin" || make == nil {
			return api.Errorf(api.KindInvalid, "a strategy cannot be called %q, or is none", name)
		}
	}
	names := map[api.RuntimeName]bool{}
	for _, r := range o.Runtimes {
		if name := r.Name(); !strings.HasPrefix(string(name), "x-") || !name.Valid() || names[name] {
			return api.Errorf(api.KindInvalid, "a runtime cannot be called %q", name).WithHint("x- and a word that no other has")
		}
		names[r.Name()] = true
	}
	return nil
}

// check tries the route on a mux, which panics at patterns that make no sense or
// mean the same as another.
func (r Route) check(mux *http.ServeMux) (err error) {
	if r.Method == "" || r.Method != strings.ToUpper(r.Method) || !strings.HasPrefix(r.Path, OwnRoutes) || r.Handler == nil || r.MaxBody < 0 {
		return api.Errorf(api.KindInvalid, "route %s %s: want a method, a path below %s and a handler", r.Method, r.Path, OwnRoutes)
	}
	defer func() {
		if v := recover(); v != nil {
			err = api.Errorf(api.KindInvalid, "route %s %s: %v", r.Method, r.Path, v)
		}
	}()
	mux.Handle(r.Method+" "+r.Path, r.Handler)
	return nil
}
