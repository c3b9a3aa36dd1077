// Package container is the protocol by which a borrowing node makes and uses
// long-lived containers on a lending one.
//
// One stream is one request. Frames are those of package wire, payloads JSON:
//
//	kind       direction    payload
//	1 request  to lender    [Request], once, first
//	2 row      to borrower  [Row], any number
//	3 end      to borrower  {}, the last frame of a request that was done
//	4 fail     to borrower  [api.Problem], the last frame of one that was not
//	5 session  to borrower  {}: what follows both ways is one session of wire/session
//
// A stream of [Shell] asks for a session in a sandbox of the lender's runtime
// process, and for nothing else, in the same frames and without an id. All such
// sessions of one borrower at one lender are in one sandbox, which lives until the last of them ends.
//
// A container belongs to the borrower that created it, as the connection proves;
// to everybody else it is not there. Its id is chosen by the borrower, so that a
// create whose answer was lost can be said again. The end of the stream ends what
// still streams, and a session with everything in it; a create goes on.
package container

import (
	"encoding/json"
	"errors"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

const (
	// Protocol is the stream protocol.
	Protocol = "/p2prc/exec/1"
	// Shell is that of sessions in no container.
	Shell = "/p2prc/shell/1"
	// MaxRequest and MaxRow bound a frame to and from the lender.
	MaxRequest = 1 << 20
	MaxRow     = 1 << 20
	// LogChunk is the most bytes of a log in one row.
	LogChunk = 32 << 10
)

// The kinds of frames.
const (
	KindRequest wire.Kind = 1
	KindRow     wire.Kind = 2
	KindEnd     wire.Kind = 3
	KindFail    wire.Kind = 4
	KindSession wire.Kind = 5
)

// The requests.
const (
	OpCreate    = "create"    // rows: Text, Build, Image, at last Container
	OpList      = "list"      // a row for each container of the caller's
	OpStart     = "start"     // a row: Container
	OpStop      = "stop"      // a row: Container
	OpRemove    = "remove"    // no row
	OpLogs      = "logs"      // rows: Log
	OpStats     = "stats"     // rows: Container, one a second while Follow
	OpTemplates = "templates" // a row for each: Template
	OpSession   = "session"   // session
)

// Request is what a borrower asks for.
type Request struct {
	Op     string             `json:"op"`
	ID     api.ContainerID    `json:"id,omitempty"`
	Spec   *api.ContainerSpec `json:"spec,omitempty"`
	Follow bool               `json:"follow,omitempty"`
	Tail   int                `json:"tail,omitempty"` // of logs: the last so many lines; 0: all there are
}

// Row is one of a request's answers.
type Row struct {
	api.ContainerEvent
	Log      *api.ContainerLog `json:"log,omitempty"`
	Template *api.Template     `json:"template,omitempty"`
}

// Ask sends a request on a fresh stream and calls row for each answer, until the
// end (nil) or the lender's refusal.
func Ask(st wire.Stream, req Request, row func(Row) error) error {
	r := wire.NewReader(st, MaxRow)
	if err := wire.NewWriter(st, MaxRequest).Send(KindRequest, req); err != nil {
		return broken(err)
	}
	for {
		kind, payload, err := r.Next()
		if err != nil {
			return broken(err)
		}
		switch kind {
		case KindRow:
			var m Row
			if err := wire.Decode(payload, &m); err != nil {
				return err
			}
			if err := row(m); err != nil {
				return err
			}
		case KindEnd:
			return nil
		case KindFail:
			return refusal(payload)
		default:
			return wire.UnknownKind(kind)
		}
	}
}

// OpenSession asks for a session; when it returns nil, the stream is one. It
// reads no byte beyond the answer.
func OpenSession(st wire.Stream, id api.ContainerID) error {
	if err := wire.NewWriter(st, MaxRequest).Send(KindRequest, Request{Op: OpSession, ID: id}); err != nil {
		return broken(err)
	}
	kind, payload, err := wire.ReadOne(st, MaxRow)
	switch {
	case err != nil:
		return broken(err)
	case kind == KindFail:
		return refusal(payload)
	case kind != KindSession:
		return wire.UnknownKind(kind)
	}
	return nil
}

func refusal(payload []byte) error {
	var p api.Problem
	if err := json.Unmarshal(payload, &p); err != nil || p.Kind == "" {
		return &api.Error{Kind: api.KindCorrupt, Msg: "the lender's refusal makes no sense", Err: err}
	}
	return p.Err()
}

// ErrBroken is the cause of an error that leaves open whether the lender did what
// it was asked.
var ErrBroken = errors.New("no answer came")

func broken(err error) error {
	if k := api.KindOf(err); k != api.KindInternal {
		return err
	}
	return &api.Error{Kind: api.KindUnavailable, Msg: "the connection to the lender broke", Err: errors.Join(ErrBroken, err)}
}
