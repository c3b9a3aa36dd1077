package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Kind classifies an error. The list is closed and append-only: the same words
// stand in Go, on the wire, and behind the exit codes of the command line.
type Kind string

// The kinds, each with its HTTP status and exit code in kindTable.
const (
	KindInternal    Kind = "internal"     // a defect of ours, or the operating system failed us
	KindInvalid     Kind = "invalid"      // the request makes no sense as written
	KindUsage       Kind = "usage"        // the command line makes no sense as written
	KindTasksFailed Kind = "tasks_failed" // the batch ran, some tasks failed
	KindNotRunning  Kind = "not_running"  // no node answers on the home's socket
	KindDenied      Kind = "denied"       // the caller may not do this
	KindNotFound    Kind = "not_found"    // no such thing
	KindNobody      Kind = "nobody_can"   // no node in the pool can do this as asked
	KindConflict    Kind = "conflict"     // the thing is in a state that forbids this
	KindTooLarge    Kind = "too_large"    // over a stated limit
	KindQuota       Kind = "quota"        // a budget is used up: disk, blobs, slots
	KindUnavailable Kind = "unavailable"  // another node or engine does not answer now; trying again may help
	KindTimeout     Kind = "timeout"      // it took longer than the time given
	KindCorrupt     Kind = "corrupt"      // bytes are not what their hash, signature or frame says
	KindUnsupported Kind = "unsupported"  // this build, system or version cannot do this
	KindLost        Kind = "lost"         // the machine failed, not the task
	KindWithdrawn   Kind = "withdrawn"    // the lending node's owner took the machine back
	KindCanceled    Kind = "canceled"     // somebody asked to stop
)

var kindTable = map[Kind]struct{ status, exit int }{
	KindInternal:    {http.StatusInternalServerError, 1},
	KindInvalid:     {http.StatusUnprocessableEntity, 2},
	KindUsage:       {http.StatusBadRequest, 2},
	KindTasksFailed: {http.StatusOK, 3},
	KindNotRunning:  {http.StatusServiceUnavailable, 10},
	KindDenied:      {http.StatusForbidden, 11},
	KindNotFound:    {http.StatusNotFound, 12},
	KindNobody:      {http.StatusConflict, 13},
	KindConflict:    {http.StatusConflict, 1},
	KindTooLarge:    {http.StatusRequestEntityTooLarge, 2},
	KindQuota:       {http.StatusInsufficientStorage, 1},
	KindUnavailable: {http.StatusServiceUnavailable, 1},
	KindTimeout:     {http.StatusGatewayTimeout, 1},
	KindCorrupt:     {http.StatusUnprocessableEntity, 1},
	KindUnsupported: {http.StatusNotImplemented, 1},
	KindLost:        {http.StatusBadGateway, 1},
	KindWithdrawn:   {http.StatusConflict, 1},
	KindCanceled:    {499, 130},
}

// Kinds lists every kind, for documents and tests.
func Kinds() []Kind {
	return []Kind{KindInternal, KindInvalid, KindUsage, KindTasksFailed, KindNotRunning, KindDenied, KindNotFound, KindNobody,
		KindConflict, KindTooLarge, KindQuota, KindUnavailable, KindTimeout, KindCorrupt, KindUnsupported, KindLost, KindWithdrawn, KindCanceled}
}

// Status is the HTTP status that carries the kind.
func (k Kind) Status() int {
	if row, ok := kindTable[k]; ok {
		return row.status
	}
	return http.StatusInternalServerError
}

// ExitCode is the exit code of a command that ends with the kind.
func (k Kind) ExitCode() int {
	if row, ok := kindTable[k]; ok {
		return row.exit
	}
	return 1
}

// Error is the one error of the house. Msg is a lower-case sentence without a
// period that makes sense to the owner; Hint says what to try next. Peers are
// sent Kind, Msg and Hint; the owner also gets Op and the chain.
type Error struct {
	Op   string // what was being done: "join", "job submit"
	Kind Kind
	Msg  string
	Hint string
	Err  error // the cause, may be nil
}

// Error is "op: msg: cause" with the empty parts left out.
func (e *Error) Error() string {
	s := e.Msg
	if s == "" {
		s = string(e.Kind)
	}
	if e.Op != "" {
		s = e.Op + ": " + s
	}
	if e.Err != nil {
		if c := e.Err.Error(); c != "" {
			s += ": " + c
		}
	}
	return s
}

// Unwrap gives the cause to errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error of a kind; a trailing error argument formatted with %w
// becomes its cause.
func Errorf(kind Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Msg: err.Error(), Err: hidden{errors.Unwrap(err)}.orNil()}
}

// hidden keeps a cause for errors.Is while its text already stands in Msg.
type hidden struct{ error }

func (h hidden) orNil() error {
	if h.error == nil {
		return nil
	}
	return h
}
func (h hidden) Error() string { return "" }
func (h hidden) Unwrap() error { return h.error }

// WithHint returns e with the hint set.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// KindOf is the kind of the outermost Error in err's chain. Context errors are
// KindCanceled and KindTimeout, nil is the empty kind, all else KindInternal.
func KindOf(err error) Kind {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, context.Canceled):
		return KindCanceled
	case errors.Is(err, context.DeadlineExceeded):
		return KindTimeout
	}
	return KindInternal
}

// HintOf is the first hint in err's chain.
func HintOf(err error) string {
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return ""
		}
		if e.Hint != "" {
			return e.Hint
		}
		err = e.Err
	}
	return ""
}

// Problem is an error as the API writes it (application/problem+json, RFC 9457).
type Problem struct {
	Type   string `json:"type" doc:"always about:blank"`
	Title  string `json:"title" doc:"the kind in words"`
	Status int    `json:"status"`
	Detail string `json:"detail" doc:"what went wrong"`
	Kind   Kind   `json:"kind" doc:"closed list; see docs/api.md"`
	Hint   string `json:"hint,omitempty" doc:"what to try next"`
	Op     string `json:"op,omitempty" doc:"what was being done; the owner's door only"`
}

// ProblemOf is err in its wire form. With owner false only what a peer may see is in it.
func ProblemOf(err error, owner bool) Problem {
	kind := KindOf(err)
	p := Problem{Type: "about:blank", Title: string(kind), Status: kind.Status(), Kind: kind, Hint: HintOf(err)}
	var e *Error
	switch {
	case errors.As(err, &e) && !owner:
		p.Detail = e.Msg
	case errors.As(err, &e):
		p.Detail, p.Op = (&Error{Kind: e.Kind, Msg: e.Msg, Err: e.Err}).Error(), e.Op
	case owner:
		p.Detail = err.Error()
	default:
		p.Detail = "something went wrong here"
	}
	return p
}

// Err turns a problem back into the error it was.
func (p Problem) Err() *Error {
	kind := p.Kind
	if _, known := kindTable[kind]; !known {
		kind = KindInternal // a newer node's kind: keep its words, treat it as unknown
	}
	return &Error{Op: p.Op, Kind: kind, Msg: p.Detail, Hint: p.Hint}
}
