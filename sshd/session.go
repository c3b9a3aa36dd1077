package sshd

import (
	"cmp"
	"context"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/session"
)

const (
	maxEnv = 64 << 10 // bytes of environment that a client may set
	// ownFailure is the exit code when the failure is not the command's: ssh's own,
	// by which Ansible takes a host for unreachable.
	ownFailure = 255
)

// open opens a session in the connection's container.
type open func(ctx context.Context) (wire.Stream, error)

// command is one session channel: what was asked of it so far, and, once it was
// started, the session in the container.
type command struct {
	ch   ssh.Channel
	open open
	req  session.Request
	env  int // bytes in req.Env

	running *session.Client // nil until started and opened
	ended   chan struct{}   // closed when the command has ended; nil until started
	mu      sync.Mutex      // guards running
}

// serveSession runs at most one command, until the channel or ctx ends.
func serveSession(ctx context.Context, nc ssh.NewChannel, user string, open open) {
	ch, requests, err := nc.Accept()
	if err != nil {
		return // the connection is gone
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &command{ch: ch, open: open}
	if user != api.SSHUser {
		c.req.User = user
	}
	for r := range requests {
		had := c.ended
		ok := c.request(r)
		if r.WantReply {
			_ = r.Reply(ok, nil) // a client that is gone needs none
		}
		if had == nil && c.ended != nil { // not before: a command that ends at once would close the channel first
			go c.serve(ctx)
		}
	}
	cancel() // the channel is closed
	if c.ended != nil {
		<-c.ended
	}
	_ = ch.Close() // it may have ended from the other side
}

// request does what a client asks of the channel, and tells whether it did.
func (c *command) request(r *ssh.Request) bool {
	switch r.Type {
	case "env":
		var m struct{ Name, Value string }
		if ssh.Unmarshal(r.Payload, &m) != nil || c.ended != nil || c.env+len(r.Payload) > maxEnv {
			return false
		}
		c.env += len(r.Payload)
		c.req.Env = append(c.req.Env, m.Name+"="+m.Value)
		return true
	case "pty-req":
		var m struct {
			Term          string
			Cols, Rows    uint32
			Width, Height uint32
			Modes         string
		}
		if ssh.Unmarshal(r.Payload, &m) != nil || c.ended != nil {
			return false
		}
		c.req.Term, c.req.Size = cmp.Or(m.Term, "xterm"), size(m.Cols, m.Rows)
		return true
	case "window-change":
		var m struct{ Cols, Rows, Width, Height uint32 }
		if ssh.Unmarshal(r.Payload, &m) != nil {
			return false
		}
		return c.tell(func(s *session.Client) error { return s.Resize(size(m.Cols, m.Rows)) })
	case "signal":
		var m struct{ Name string }
		if ssh.Unmarshal(r.Payload, &m) != nil {
			return false
		}
		return c.tell(func(s *session.Client) error { return s.Signal(m.Name) })
	case "shell":
		return c.start(session.KindShell)
	case "exec":
		var m struct{ Command string }
		return ssh.Unmarshal(r.Payload, &m) == nil && c.start(session.KindShell, m.Command)
	case "subsystem":
		var m struct{ Name string }
		return ssh.Unmarshal(r.Payload, &m) == nil && m.Name == "sftp" && c.start(session.KindSFTP)
	}
	return false
}

// tell says something to the running command.
func (c *command) tell(what func(*session.Client) error) bool {
	c.mu.Lock()
	s := c.running
	c.mu.Unlock()
	return s != nil && what(s) == nil
}

// start notes the channel's command, which serve runs.
func (c *command) start(kind string, args ...string) bool {
	if c.ended != nil {
		return false
	}
	c.req.Kind, c.req.Args, c.ended = kind, args, make(chan struct{})
	return true
}

// serve runs the command beside the requests that follow.
func (c *command) serve(ctx context.Context) {
	defer close(c.ended)
	code, err := c.run(ctx)
	if err != nil {
		_, _ = c.ch.Stderr().Write([]byte(complaint(err))) // a client that is gone needs no reason
	}
	_, _ = c.ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{uint32(code)})) // nor a code
	_ = c.ch.Close()
}

func (c *command) run(ctx context.Context) (code int, err error) {
	st, err := c.open(ctx)
	if err != nil {
		return ownFailure, err
	}
	s := session.NewClient(st)
	defer s.Close()
	c.mu.Lock()
	c.running = s
	c.mu.Unlock()
	exit, err := s.Exec(ctx, c.req, session.Streams{Stdin: c.ch, Stdout: c.ch, Stderr: c.ch.Stderr()})
	if err != nil {
		return ownFailure, err
	}
	if exit.Msg != "" {
		err = api.Errorf(api.KindInvalid, "%s", exit.Msg)
	}
	return exit.Code, err
}

// complaint is an error for a terminal that may be raw.
func complaint(err error) string {
	msg := "p2prc: " + err.Error() + "\n"
	if hint := api.HintOf(err); hint != "" {
		msg += "hint: " + hint + "\n"
	}
	return strings.ReplaceAll(msg, "\n", "\r\n")
}

func size(cols, rows uint32) session.Size {
	const most = 1<<16 - 1
	return session.Size{Rows: uint16(min(rows, most)), Cols: uint16(min(cols, most))}
}
