package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
)

// Arguments called name are a container's name or id.

// PeersWhere is the peers for which a CEL expression over the record is true.
func (c *Client) PeersWhere(ctx context.Context, expr string) ([]Peer, error) {
	return get[[]Peer](ctx, c, url.Values{"where": {expr}}, "peers")
}

// CreateContainer has a peer make a container; fn, which may be nil, gets what is
// said meanwhile.
func (c *Client) CreateContainer(ctx context.Context, peer string, spec ContainerSpec, fn func(ContainerEvent)) (Container, error) {
	b, err := json.Marshal(spec)
	if err != nil {
		return Container{}, &Error{Kind: KindInvalid, Msg: "request cannot be written as JSON", Err: err}
	}
	resp, err := c.do(ctx, http.MethodPost, join([]string{"peers", peer, "containers"}), nil, jsonType, bytes.NewReader(b))
	if err != nil {
		return Container{}, err
	}
	defer resp.Body.Close()
	var made *Container
	err = c.rows(ctx, resp.Body, func(line []byte) error {
		var e ContainerEvent
		if err := json.Unmarshal(line, &e); err != nil {
			return &Error{Kind: KindCorrupt, Msg: "the node's answer makes no sense here", Err: err}
		}
		if e.Container != nil {
			made = e.Container
		} else if fn != nil {
			fn(e)
		}
		return nil
	})
	switch {
	case err != nil:
		return Container{}, err
	case made == nil:
		return Container{}, &Error{Kind: KindUnavailable, Msg: "the connection to the node broke"}
	}
	return *made, nil
}

// Containers is what this node has at its lenders.
func (c *Client) Containers(ctx context.Context) ([]Container, error) {
	return get[[]Container](ctx, c, nil, "containers")
}

// StartContainer runs a stopped container again.
func (c *Client) StartContainer(ctx context.Context, name string) (Container, error) {
	return post[Container](ctx, c, nil, "containers", name, "start")
}

// StopContainer ends what runs in a container and keeps its files.
func (c *Client) StopContainer(ctx context.Context, name string) (Container, error) {
	return post[Container](ctx, c, nil, "containers", name, "stop")
}

// RemoveContainer takes a container away; with force it is forgotten although its
// lender does not answer.
func (c *Client) RemoveContainer(ctx context.Context, name string, force bool) error {
	return c.call(ctx, http.MethodDelete, join([]string{"containers", name}), url.Values{"force": {strconv.FormatBool(force)}}, nil, nil)
}

// ContainerLogs hands out what a container's main command printed; tail 0 is all.
func (c *Client) ContainerLogs(ctx context.Context, name string, follow bool, tail int, fn func(ContainerLog) error) error {
	q := url.Values{"follow": {strconv.FormatBool(follow)}, "tail": {strconv.Itoa(tail)}}
	return stream(ctx, c, q, fn, "containers", name, "logs")
}

// ContainerStats hands out what a container uses, once or once a second.
func (c *Client) ContainerStats(ctx context.Context, name string, follow bool, fn func(Container) error) error {
	return stream(ctx, c, url.Values{"follow": {strconv.FormatBool(follow)}}, fn, "containers", name, "stats")
}

// Templates is what a peer's containers can be made from.
func (c *Client) Templates(ctx context.Context, peer string) ([]Template, error) {
	return get[[]Template](ctx, c, nil, "peers", peer, "templates")
}

// ContainerSession opens a session in a container: a stream of the protocol that
// docs/containers.md names. Closing it ends everything the session started.
func (c *Client) ContainerSession(ctx context.Context, name string) (io.ReadWriteCloser, error) {
	return c.upgrade(ctx, SessionProtocol, "containers", name, "session")
}

// ContainerSSH opens a connection to the node's SSH server, for a container.
func (c *Client) ContainerSSH(ctx context.Context, name string) (io.ReadWriteCloser, error) {
	return c.upgrade(ctx, SSHProtocol, "containers", name, "ssh")
}

// sshAhead is how many bytes may wait in the socket for the SSH server.
const sshAhead = 1 << 20

// ContainerSSHSocket is ContainerSSH for another process to go on with: nothing of what
// the server says is read here. It needs the socket of a home.
func (c *Client) ContainerSSHSocket(ctx context.Context, name string) (*net.UnixConn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", c.socket)
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // what is read next says so
	defer stop()
	req, err := c.upgradeRequest(ctx, SSHProtocol, "containers", name, "ssh")
	if err == nil {
		err = c.switched(ctx, conn, req)
	}
	if err != nil {
		_ = conn.Close() // it is given up
		return nil, err
	}
	u := conn.(*net.UnixConn)
	// OpenSSH moves what waits in its buffer after each write of a part of it. What
	// the system does not allow is not had.
	_ = u.SetWriteBuffer(sshAhead)
	return u, nil
}

// switched has the connection upgraded and reads the answer to it.
func (c *Client) switched(ctx context.Context, conn net.Conn, req *http.Request) error {
	if err := req.Write(conn); err != nil {
		return c.broken(ctx, err)
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(bytewise{conn}, 1), req)
	if err != nil {
		return c.broken(ctx, err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return problemFrom(resp)
	}
	return nil
}

// bytewise never reads ahead.
type bytewise struct{ io.Reader }

func (b bytewise) Read(p []byte) (int, error) { return b.Reader.Read(p[:min(1, len(p))]) }

// SessionProtocol is what a connection is upgraded to for a session.
const SessionProtocol = "p2prc-session/1"

// upgrade makes a connection a two-way stream of a protocol.
func (c *Client) upgrade(ctx context.Context, protocol string, path ...string) (io.ReadWriteCloser, error) {
	req, err := c.upgradeRequest(ctx, protocol, path...)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		defer drain(resp.Body)
		return nil, problemFrom(resp)
	}
	both, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		return nil, &Error{Kind: KindInternal, Msg: "this connection cannot become a stream"}
	}
	return both, nil
}

func (c *Client) upgradeRequest(ctx context.Context, protocol string, path ...string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+join(path), nil)
	if err != nil {
		return nil, &Error{Kind: KindInvalid, Msg: "request cannot be made", Err: err}
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", protocol)
	return req, nil
}
