package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
)

// Client speaks to a node's API. Its methods are named for the routes and
// return what the routes answer; every error is an [*Error] with the Kind the
// node gave it. It is safe for concurrent use. Arguments called peer or job are
// what a person types: the node resolves names and unique prefixes.
type Client struct {
	base   string // "http://host", without a slash at the end
	http   *http.Client
	socket string // for messages; empty when not on a unix socket
}

// NewClient speaks over the unix socket of a home. Nothing is dialed yet: when
// no node answers, each call fails with KindNotRunning.
func NewClient(socket string) *Client {
	var d net.Dialer
	return &Client{base: "http://p2prc", socket: socket, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return d.DialContext(ctx, "unix", socket)
		},
		MaxIdleConnsPerHost: 8,
		DisableCompression:  true,
	}}}
}

// NewHTTPClient speaks to the API found at base ("http://127.0.0.1:8088")
// through hc, which may dial anything that carries HTTP.
func NewHTTPClient(base string, hc *http.Client) *Client {
	return &Client{base: strings.TrimRight(base, "/"), http: hc}
}

// Close drops idle connections. The client may be used again.
func (c *Client) Close() { c.http.CloseIdleConnections() }

const (
	jsonType     = "application/json"
	bytesType    = "application/octet-stream"
	tarType      = "application/x-tar"
	maxProblem   = 64 << 10
	maxAnswer    = 256 << 20 // of one JSON answer: a million tasks' listing is paged far below
	maxStreamRow = 16 << 20
)

// do sends a request and returns its answer if the status is below 300. The
// caller closes the body.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, contentType string, body io.Reader) (*http.Response, error) {
	if strings.Contains(path, "//") || strings.HasSuffix(path, "/") { // join escapes slashes: these stand for nothing
		return nil, Errorf(KindUsage, "an empty word stands where a name or an id belongs").WithHint("a variable of your shell may be empty")
	}
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, &Error{Kind: KindInvalid, Msg: "request cannot be made", Err: err}
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer drain(resp.Body)
	return nil, problemFrom(resp)
}

// broken is the error for a connection that could not be made or ended early.
func (c *Client) broken(ctx context.Context, err error) error {
	var known *Error
	var op *net.OpError
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &known):
		return known
	case errors.As(err, &op) && op.Op == "dial" && errors.Is(err, syscall.EACCES):
		return &Error{Kind: KindDenied, Msg: "the node's socket belongs to another user", Hint: "run this as the user that runs the node", Err: err}
	case errors.As(err, &op) && op.Op == "dial" && c.socket != "":
		return &Error{Kind: KindNotRunning, Msg: "no node answers at " + c.socket, Hint: "start one with: p2prc up", Err: hidden{err}}
	}
	if ue := (*url.Error)(nil); errors.As(err, &ue) {
		err = ue.Err // its text would repeat method and address
	}
	return &Error{Kind: KindUnavailable, Msg: "the connection to the node broke", Err: err}
}

// problemFrom reads the error an answer carries.
func problemFrom(resp *http.Response) error {
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	var p Problem
	if err == nil && json.Unmarshal(b, &p) == nil && p.Kind != "" {
		return p.Err()
	}
	return &Error{Kind: kindOfStatus(resp.StatusCode), Msg: fmt.Sprintf("the node answered %s", resp.Status)}
}

func kindOfStatus(status int) Kind {
	switch status {
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return KindUnsupported // no such route: another version
	case http.StatusForbidden, http.StatusUnauthorized:
		return KindDenied
	case http.StatusServiceUnavailable, http.StatusBadGateway:
		return KindUnavailable
	}
	return KindInternal
}

// Do sends one request to any route, such as one that this version does not know:
// target is its path and query. The answer's status is below 300, and the caller
// closes its body.
func (c *Client) Do(ctx context.Context, method, target, contentType string, body io.Reader) (*http.Response, error) {
	path, query, _ := strings.Cut(target, "?")
	values, err := url.ParseQuery(query)
	if err != nil || !strings.HasPrefix(path, "/") {
		return nil, Errorf(KindInvalid, "%q is not the path of a route", clip(target, 80))
	}
	return c.do(ctx, method, path, values, contentType, body)
}

// call sends in as JSON (nothing if nil) and decodes the answer into out (nothing if nil).
func (c *Client) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	var body io.Reader
	var contentType string
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return &Error{Kind: KindInvalid, Msg: "request cannot be written as JSON", Err: err}
		}
		body, contentType = bytes.NewReader(b), jsonType
	}
	return c.send(ctx, method, path, query, contentType, body, out)
}

func (c *Client) send(ctx context.Context, method, path string, query url.Values, contentType string, body io.Reader, out any) error {
	resp, err := c.do(ctx, method, path, query, contentType, body)
	if err != nil {
		return err
	}
	defer drain(resp.Body)
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(out); err != nil {
		var syntax *json.SyntaxError
		var typ *json.UnmarshalTypeError
		if errors.As(err, &syntax) || errors.As(err, &typ) {
			return &Error{Kind: KindCorrupt, Msg: "the node's answer makes no sense here", Hint: "is the node another version than this program?", Err: err}
		}
		return c.broken(ctx, err)
	}
	return nil
}

// get is a GET whose answer is a T.
func get[T any](ctx context.Context, c *Client, query url.Values, path ...string) (T, error) {
	var out T
	err := c.call(ctx, http.MethodGet, join(path), query, nil, &out)
	return out, err
}

// post is a POST of in whose answer is a T.
func post[T any](ctx context.Context, c *Client, in any, path ...string) (T, error) {
	var out T
	err := c.call(ctx, http.MethodPost, join(path), nil, in, &out)
	return out, err
}

// act is a POST of in without an answer.
func (c *Client) act(ctx context.Context, in any, path ...string) error {
	return c.call(ctx, http.MethodPost, join(path), nil, in, nil)
}

// join makes a path below /v1 of segments, escaping each.
func join(segments []string) string {
	var b strings.Builder
	b.WriteString("/v1")
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

// drain reads the little that may be left, so that the connection is used again.
func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 4<<10) // best effort: a failed read only costs the connection
	_ = body.Close()                         // a read side has nothing to lose
}
