package child

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	goruntime "runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/agent"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/cgroup"
	"github.com/Akilan1999/p2p-rendering-computation/internal/nsbox"
	"github.com/Akilan1999/p2p-rendering-computation/internal/proctree"
)

// startWithin bounds how long a box and its agent may take to answer.
const startWithin = 30 * time.Second

// Launch says how an agent process is started.
type Launch struct {
	Agent []string     // argv prefix of the hidden command
	Name  string       // of the box
	Box   nsbox.Config // Argv and Env are filled in here
	Mode  string       // agent.ModeWasm, ...
	Arg   any          // the mode's argument
	Group *cgroup.Group

	MaxMemory int64 // Output only: bytes resident at which the process is killed; 0: no limit
}

// Proc is a running agent process.
type Proc struct {
	cmd    *exec.Cmd
	conn   io.ReadWriteCloser
	stderr *tail
	done   chan struct{} // closed when it is reaped
}

// Start starts the process and, with a box, sends its configuration.
func Start(l Launch) (*Proc, error) {
	arg, err := agent.Argument(l.Arg)
	if err != nil {
		return nil, err
	}
	argv := append(append([]string(nil), l.Agent...), l.Mode, arg)
	boxed := nsbox.Supported
	if boxed {
		l.Box.Argv, l.Box.Env = argv, environ()
		argv = append(append([]string(nil), l.Agent...), agent.ModeBox)
	}
	p := &Proc{cmd: exec.Command(argv[0], argv[1:]...), stderr: new(tail), done: make(chan struct{})}
	p.cmd.Env, p.cmd.Stderr, p.cmd.WaitDelay = environ(), p.stderr, time.Second
	p.cmd.SysProcAttr = nsbox.Attr(l.Box.Tier, l.Name)
	conn, started, err := connect(p.cmd)
	if err != nil {
		return nil, err
	}
	p.conn = conn
	if err := p.start(); err != nil {
		return nil, errors.Join(explain(err), started(), conn.Close())
	}
	if err := started(); err != nil {
		return nil, errors.Join(err, p.Kill())
	}
	if l.Group != nil {
		if err := l.Group.Add(p.Pid()); err != nil {
			return nil, errors.Join(err, p.Kill())
		}
	}
	if boxed { // nothing of the box runs before it has this
		if err := nsbox.Send(conn, l.Box); err != nil {
			return nil, errors.Join(p.failed(err), p.Kill())
		}
	}
	return p, nil
}

// environ is the agent's own environment: nothing of this process's.
func environ() []string {
	if goruntime.GOOS == "windows" {
		return nil // a program needs its system's variables there
	}
	return []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "GOTRACEBACK=none"}
}

// start forks on a thread that stays until the child is reaped: on Linux a
// child may ask to die with its parent, and to the kernel the parent is a thread.
func (p *Proc) start() error {
	begun := make(chan error)
	go func() {
		goruntime.LockOSThread()
		defer goruntime.UnlockOSThread()
		err := p.cmd.Start()
		begun <- err
		if err != nil {
			return
		}
		// How it ended does not matter: a lost agent shows in its stream.
		_ = p.cmd.Wait()
		close(p.done)
	}()
	return <-begun
}

// explain puts the usual reason beside a refusal to start.
func explain(err error) error {
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("user namespaces are not allowed here: %w", err)
	}
	return err
}

// Pid is the process's number on this machine.
func (p *Proc) Pid() int { return p.cmd.Process.Pid }

// Kill kills the process and waits until it is reaped. What a box of its own
// namespaces holds dies with it.
func (p *Proc) Kill() error {
	err := p.cmd.Process.Kill() // an error is "already finished", or shows in the wait
	select {
	case <-p.done:
		return ignoreClosed(p.conn.Close())
	case <-time.After(5 * time.Second):
		return errors.Join(fmt.Errorf("agent process %d cannot be killed", p.Pid()), err, ignoreClosed(p.conn.Close()))
	}
}

func ignoreClosed(err error) error {
	if errors.Is(err, io.ErrClosedPipe) || errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// Greet waits for the agent's hello.
func (p *Proc) Greet(ctx context.Context) (*agent.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { p.conn.Close() })
	defer stop()
	c, err := agent.NewClient(p.conn)
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, p.failed(err)
	}
	return c, nil
}

// failed puts what the process said on its way out beside err.
func (p *Proc) failed(err error) error {
	select {
	case <-p.done:
	case <-time.After(time.Second):
	}
	if s := p.stderr.String(); s != "" {
		return fmt.Errorf("%s", s)
	}
	return err
}

// ErrMemory says that a process was ended because it used more memory than it may.
var ErrMemory = errors.New("it used more memory than it may")

// Output runs a short-lived agent mode in a box and answers with what it printed.
func Output(ctx context.Context, l Launch) ([]byte, error) {
	p, err := Start(l)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { p.cmd.Process.Kill() })
	defer stop()
	over := false
	var watching sync.WaitGroup
	if l.MaxMemory > 0 {
		watching.Go(func() { over = p.holdMemory(l.MaxMemory) })
	}
	b, err := io.ReadAll(io.LimitReader(p.conn, 64<<10))
	kill := p.Kill()
	watching.Wait()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case over:
		return nil, ErrMemory
	}
	if s := p.stderr.String(); s != "" {
		return b, errors.New(s)
	}
	return b, errors.Join(err, kill)
}

// holdMemory waits until the process ends, and tells whether it killed it because
// it used more than limit.
func (p *Proc) holdMemory(limit int64) bool {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.done:
			return false
		case <-tick.C:
		}
		if u, err := proctree.Usage(p.Pid()); err == nil && u.Memory > limit {
			return p.cmd.Process.Kill() == nil
		}
	}
}

// Probe tries whether a box of tier t can be entered, and says why not.
func Probe(ctx context.Context, l Launch) error {
	l.Mode = agent.ModeProbe
	b, err := Output(ctx, l)
	switch {
	case bytes.Equal(bytes.TrimSpace(b), []byte("ok")):
		return nil // whatever it grumbled: a program under the race detector misses /proc
	case err != nil:
		return err
	}
	return api.Errorf(api.KindInternal, "the agent did not answer")
}

// tail keeps the end of what a process wrote to stderr.
type tail struct {
	mu sync.Mutex // guards b
	b  []byte
}

const tailSize = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p[max(0, len(p)-tailSize):]...)
	t.b = t.b[max(0, len(t.b)-tailSize):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.b))
}
