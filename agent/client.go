package agent

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/agent/near"
	"github.com/Akilan1999/p2p-rendering-computation/agent/task"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// Client is the node's end. Exec calls must not overlap; Kill and Close may be
// called at any time.
type Client struct {
	conn   io.ReadWriteCloser
	r      *wire.Reader
	w      *wire.Writer
	inline bool
	near   bool // the agent offers a shorter way
	stage  stager

	mu   sync.Mutex // guards the rest
	seq  uint64     // of the command under way, or of the last one
	busy bool
	pump *pump // of the command under way, nil without one
}

// Command is one command to execute.
type Command struct {
	Args    []string
	Env     []string
	Cwd     string
	Files   []File
	Outputs []string // patterns of package internal/glob
	Limits  task.Limits
}

// File is an input: the bytes of the file Source on this machine, which never
// change while the sandbox lives, at Path below the task's directory.
type File struct {
	Path   string
	Source string
	Size   int64
	Mode   uint32
}

// Streams is where a command's bytes come from and go to. An error of Stdout,
// Stderr or Output becomes Exec's error once the command has ended; the owner of
// the writer kills the command if it should end early.
type Streams struct {
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	Output func(path string, mode uint32, size int64, r io.Reader) error
}

// Report is how a command ended, as the agent says: believable only as far as
// the sandbox is.
type Report struct {
	Exit      api.Exit
	CPU       time.Duration
	MaxMemory int64
	BytesIn   int64    // staged for this command
	Missing   []string // of Outputs: patterns that no file matched
}

// NewClient greets the agent behind conn. Whoever wants a deadline closes conn.
// The Client owns conn from then on, also when the error is not nil.
func NewClient(conn io.ReadWriteCloser) (*Client, error) {
	c := &Client{conn: conn, r: wire.NewReader(conn, maxToNode), w: wire.NewWriter(conn, maxToAgent), stage: newStager()}
	if err := c.greet(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, nil
}

func (c *Client) greet() error {
	if err := c.w.Send(kindHello, hello{Version: version}); err != nil {
		return lost(err)
	}
	kind, payload, err := c.r.Next()
	if err != nil {
		return lost(err)
	}
	if kind != kindHello {
		return wire.UnknownKind(kind)
	}
	var h hello
	if err := wire.Decode(payload, &h); err != nil {
		return err
	}
	if h.Version != version {
		return api.Errorf(api.KindUnsupported, "the agent speaks version %d, this node %d", h.Version, version)
	}
	c.inline, c.near = h.Inline, h.Near
	return nil
}

// Shorten has commands go to the agent directly, where its process is on this
// machine, as find says, and this one may reach into it. After an error they go on
// as before. It is called before Exec, and before anybody else has the Client.
func (c *Client) Shorten(find func() (pid int, err error)) error {
	if !c.near {
		return api.Errorf(api.KindUnsupported, "the agent offers no shorter way")
	}
	conn, err := near.Take(find)
	if err != nil {
		return err
	}
	if err := c.w.Write(kindNear, nil); err != nil {
		return errors.Join(lost(err), conn.Close())
	}
	s := shortened{Conn: conn, far: c.conn}
	go s.live()
	c.conn, c.r, c.w = s, wire.NewReader(s, maxToNode), wire.NewWriter(s, maxToAgent)
	return nil
}

// shortened is a way to an agent that ends with the one that it is shorter than.
type shortened struct {
	net.Conn
	far io.ReadWriteCloser
}

func (s shortened) live() {
	_, _ = io.Copy(io.Discard, s.far) // whatever ended it
	_ = s.Conn.Close()                // its reader sees that
}

// Close closes both ways.
func (s shortened) Close() error {
	err := s.Conn.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil // by live
	}
	return errors.Join(err, s.far.Close())
}

// Inline tells that Kill has no effect: only ending the agent ends a command.
func (c *Client) Inline() bool { return c.inline }

// Close ends the stream; a running Exec returns with KindLost, and the agent
// kills all it runs and exits.
func (c *Client) Close() error { return c.conn.Close() }

// Kill asks the agent to end the command under way, if there is one.
func (c *Client) Kill() error {
	c.mu.Lock()
	seq, busy := c.seq, c.busy
	c.mu.Unlock()
	if !busy {
		return nil
	}
	return c.w.Send(kindKill, kill{Seq: seq})
}

// Exec runs cmd to its end. KindLost: the agent is gone. KindCorrupt: it broke
// the protocol. After both the Client is of no more use. Other errors leave it
// usable: the machine could not run the command, or a stream of s failed.
//
// Exec does not wait for a Read of s.Stdin that is under way when the command
// ends; what that Read returns is dropped.
func (c *Client) Exec(cmd Command, s Streams) (Report, error) {
	var rep Report
	staged, refs, err := c.stage.send(c, cmd.Files)
	rep.BytesIn = staged
	if err != nil {
		return rep, c.giveUp(err)
	}
	seq := c.begin(s.Stdin)
	defer c.end()
	if err := c.sendExec(seq, cmd, refs, s.Stdin); err != nil {
		return rep, c.giveUp(lost(err))
	}
	in := &incoming{c: c, seq: seq, cmd: cmd, s: s, matched: make([]bool, len(cmd.Outputs))}
	if err := in.receive(&rep); err != nil {
		return rep, c.giveUp(err)
	}
	for i, ok := range in.matched {
		if !ok {
			rep.Missing = append(rep.Missing, cmd.Outputs[i])
		}
	}
	return rep, in.failed
}

// sendFiles names inputs ahead of their command, but for the last ones, which fit
// into its own frame.
func (c *Client) sendFiles(refs []fileRef) ([]fileRef, error) {
	from, size := 0, 0
	for i, f := range refs {
		if size += len(f.Path) + 64; size > filesChunk {
			if err := c.w.Send(kindFiles, filesMsg{refs[from:i]}); err != nil {
				return nil, err
			}
			from, size = i, len(f.Path)+64
		}
	}
	return refs[from:], nil
}

// giveUp closes the stream after an error that leaves it out of step, so that
// nothing stays blocked in a write to an agent that does not read.
func (c *Client) giveUp(err error) error {
	if k := api.KindOf(err); k == api.KindLost || k == api.KindCorrupt {
		return errors.Join(err, c.conn.Close())
	}
	return err
}

func (c *Client) begin(stdin io.Reader) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq++
	c.busy = true
	if stdin != nil && !small(stdin) {
		c.pump = newPump(c, stdin)
	}
	return c.seq
}

func (c *Client) end() {
	c.mu.Lock()
	p := c.pump
	c.busy, c.pump = false, nil
	c.mu.Unlock()
	if p != nil {
		p.stop()
	}
}

func (c *Client) sendExec(seq uint64, cmd Command, refs []fileRef, stdin io.Reader) error {
	refs, err := c.sendFiles(refs)
	if err != nil {
		return err
	}
	b, err := json.Marshal(execMsg{Seq: seq, Args: cmd.Args, Env: cmd.Env, Cwd: cmd.Cwd, Files: refs, Outputs: cmd.Outputs, Stdin: stdin != nil, Limits: cmd.Limits})
	if err != nil {
		return err
	}
	if err := c.w.Buffer(kindExec, b); err != nil {
		return err
	}
	if c.pump != nil {
		// Only now may the pump write: from here on this goroutine reads, and with
		// nobody reading, the agent would stop reading too.
		if err := c.w.Flush(); err != nil {
			return err
		}
		go c.pump.run()
		return nil
	}
	if stdin != nil { // it fits: the command and its input leave in one write
		p, err := io.ReadAll(stdin)
		if err != nil {
			return err
		}
		for len(p) > 0 {
			n := min(len(p), chunk)
			if err := c.w.Buffer(kindStdin, p[:n]); err != nil {
				return err
			}
			p = p[n:]
		}
		if err := c.w.Buffer(kindStdin, nil); err != nil {
			return err
		}
	}
	return c.w.Flush()
}

// small tells whether stdin is in memory and fits into one flush.
func small(stdin io.Reader) bool {
	l, ok := stdin.(interface{ Len() int })
	return ok && l.Len() <= chunk/2
}

// lost is what a broken stream to an agent means.
func lost(err error) error {
	var e *api.Error
	if errors.As(err, &e) {
		return e // a frame over the limit, a kind nobody knows
	}
	return &api.Error{Kind: api.KindLost, Msg: "the sandbox's agent is gone", Err: err}
}
