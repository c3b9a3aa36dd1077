package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/agent/task"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// flushAfter is how long a command's output may wait for more before it is sent.
const flushAfter = 20 * time.Millisecond

// Dirs are the agent's own folders.
type Dirs struct {
	Work  string `json:"work,omitempty"`  // tasks run in a folder of it; it holds nothing else
	Stage string `json:"stage,omitempty"` // inputs are kept here
}

// Serve is the guest end: it executes what comes over conn with ex, one command
// after another, until the stream ends (nil) or breaks. short is what is offered as a
// shorter way than conn, nil for nothing. When ctx is done and conn is an io.Closer, it
// is closed.
func Serve(ctx context.Context, conn io.ReadWriter, short io.ReadWriteCloser, dirs Dirs, ex task.Executor) error {
	s := &server{
		conn: conn, short: short, r: wire.NewReader(conn, maxToAgent), w: wire.NewWriter(conn, maxToNode),
		ex: ex,
	}
	var err error
	if s.work, err = openWorkdir(dirs.Work, !ex.Inline()); err != nil {
		return err
	}
	defer s.work.close()
	if s.stage, err = openStage(dirs.Stage); err != nil {
		return err
	}
	defer s.stage.close()
	if c, ok := conn.(io.Closer); ok {
		stop := context.AfterFunc(ctx, func() { c.Close() })
		defer stop()
	}
	err = s.loop()
	s.endTask()
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
		return nil
	}
	return err
}

func openDir(dir string) (*os.Root, error) {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.OpenRoot(dir)
}

type server struct {
	conn  io.ReadWriter
	short io.ReadWriteCloser // nil: none is offered any more
	r     *wire.Reader
	w     *wire.Writer
	ex    task.Executor
	work  *workdir
	stage *stage
	files []fileRef   // of the exec that follows
	late  atomic.Bool // a flush is on its way

	mu      sync.Mutex // guards the rest
	running *running   // the command under way, if it does not run inline
	err     error      // why the stream to the node broke
}

// running is a command that executes beside the loop.
type running struct {
	seq  uint64
	feed *feed
	kill context.CancelFunc
	done chan struct{} // closed when the directory is gone too
}

func (s *server) loop() error {
	greeted := false
	for {
		kind, payload, err := s.r.Next()
		if err != nil {
			return err
		}
		if !greeted && kind != kindHello {
			return wire.UnknownKind(kind)
		}
		switch kind {
		case kindHello:
			greeted = true
			if err := s.w.Send(kindHello, hello{Version: version, Inline: s.ex.Inline(), Near: s.short != nil}); err != nil {
				return err
			}
		case kindNear:
			if s.short == nil {
				return wire.UnknownKind(kind)
			}
			s.shorten()
		case kindPut:
			var m put
			if err := wire.Decode(payload, &m); err != nil {
				return err
			}
			if err := s.keep(m); err != nil {
				return err
			}
		case kindDrop:
			var m drop
			if err := wire.Decode(payload, &m); err != nil {
				return err
			}
			s.stage.drop(m.IDs)
		case kindExec:
			m := new(execMsg)
			if err := wire.Decode(payload, m); err != nil {
				return err
			}
			m.Files, s.files = append(s.files, m.Files...), nil
			s.short = nil // what commands print goes by w, from here on
			if err := s.start(m); err != nil {
				return err
			}
		case kindFiles:
			var m filesMsg
			if err := wire.Decode(payload, &m); err != nil {
				return err
			}
			s.files = append(s.files, m.Files...)
		case kindStdin:
			s.feedRunning(payload)
		case kindKill:
			var m kill
			if err := wire.Decode(payload, &m); err != nil {
				return err
			}
			s.killRunning(m.Seq)
		default:
			return wire.UnknownKind(kind)
		}
	}
}

// shorten goes the short way from here on.
func (s *server) shorten() {
	far, short := s.conn, s.short
	s.short, s.r, s.w = nil, wire.NewReader(short, maxToAgent), wire.NewWriter(short, maxToNode)
	go func() {
		_, _ = io.Copy(io.Discard, far) // whatever ended it
		_ = short.Close()               // the loop sees that
	}()
}

// keep stores the data frames that follow a put.
func (s *server) keep(m put) error {
	sink := s.stage.begin(m)
	for {
		kind, payload, err := s.r.Next()
		if err != nil {
			return err
		}
		if kind != kindData {
			return wire.UnknownKind(kind)
		}
		if len(payload) == 0 {
			sink.end()
			return nil
		}
		sink.write(payload)
	}
}

// start executes m: here when the executor is inline, else beside the loop.
func (s *server) start(m *execMsg) error {
	if s.ex.Inline() {
		var in io.Reader
		if m.Stdin {
			in = &pull{s: s}
		}
		tidy()
		return s.execute(context.Background(), m, in)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.mu.Lock()
	prev := s.running
	run := &running{seq: m.Seq, kill: cancel, done: make(chan struct{})}
	var in io.Reader
	if m.Stdin {
		run.feed = newFeed(s.sendCredit)
		in = run.feed
	}
	s.running = run
	s.mu.Unlock()
	go func() {
		defer close(run.done)
		if prev != nil {
			<-prev.done
		}
		s.broken(s.execute(ctx, m, in))
		cancel()
		if run.feed != nil {
			run.feed.close()
		}
	}()
	return nil
}

// execute runs one command from making its directory to removing it.
func (s *server) execute(ctx context.Context, m *execMsg, in io.Reader) error {
	end, root, err := s.run(ctx, m, in)
	if err == nil && end.Limit == api.LimitNone {
		err = s.collect(root, m.Outputs, &end)
	}
	if err != nil {
		err = s.w.Send(kindFail, failMsg{Seq: m.Seq, Kind: api.KindOf(err), Msg: cut(err.Error())})
	} else {
		err = s.w.Send(kindExit, exitMsg{Seq: m.Seq, Code: end.Code, Signal: end.Signal, Limit: end.Limit, Msg: cut(end.Msg),
			CPU: int64(end.CPU), MaxMemory: end.MaxMemory})
	}
	if err != nil {
		return err
	}
	return s.work.clean()
}

// run makes the directory, stages the inputs and executes.
func (s *server) run(ctx context.Context, m *execMsg, in io.Reader) (task.End, *os.Root, error) {
	if len(m.Args) == 0 {
		return task.End{}, nil, api.Errorf(api.KindInvalid, "a command without a program")
	}
	root, err := s.work.take()
	if err != nil {
		return task.End{}, nil, err
	}
	if err := s.place(root, m.Files); err != nil {
		return task.End{}, root, err
	}
	cwd, err := cleanCwd(m.Cwd)
	if err != nil {
		return task.End{}, root, err
	}
	if cwd != "." {
		if err := root.MkdirAll(cwd, 0o755); err != nil {
			return task.End{}, root, fmt.Errorf("cannot make the working directory: %w", err)
		}
	}
	end, err := s.ex.Exec(ctx, &task.Task{Args: m.Args, Env: m.Env, Dir: s.work.dir(), Cwd: cwd, Root: root,
		Stdin: in, Stdout: &out{s, kindStdout}, Stderr: &out{s, kindStderr}, Limits: m.Limits})
	return end, root, err
}

func (s *server) place(root *os.Root, files []fileRef) error {
	p := newPlacer(s.stage, root)
	defer p.close()
	for _, f := range files {
		if err := p.place(f); err != nil {
			return fmt.Errorf("cannot stage %s: %w", f.Path, err)
		}
	}
	return nil
}

// out sends what a command prints. Small pieces wait a moment for more, so that
// a short command's output and its exit leave in one write.
type out struct {
	s    *server
	kind wire.Kind
}

func (o *out) Write(p []byte) (int, error) {
	n := 0
	for len(p) > 0 {
		c := p[:min(len(p), chunk)]
		if err := o.s.w.Buffer(o.kind, c); err != nil {
			return n, err
		}
		n, p = n+len(c), p[len(c):]
	}
	// The flush is left to happen when the command ends first: setting and
	// stopping a timer for each of thousands of commands a second costs more.
	if o.s.late.CompareAndSwap(false, true) {
		time.AfterFunc(flushAfter, o.s.flush)
	}
	return n, nil
}

func (s *server) flush() {
	s.late.Store(false)
	s.broken(s.w.Flush())
}

func (s *server) sendCredit(n int) error {
	b, err := json.Marshal(credit{N: n})
	if err != nil {
		return err
	}
	return s.w.Write(kindCredit, b)
}

func (s *server) feedRunning(p []byte) {
	s.mu.Lock()
	run := s.running
	s.mu.Unlock()
	if run != nil && run.feed != nil {
		run.feed.put(p) // of a command that ended: dropped
	}
}

func (s *server) killRunning(seq uint64) {
	s.mu.Lock()
	run := s.running
	s.mu.Unlock()
	if run != nil && run.seq == seq {
		run.kill()
	}
}

// endTask kills what runs beside the loop and waits until it is gone.
func (s *server) endTask() {
	s.mu.Lock()
	run := s.running
	s.mu.Unlock()
	if run == nil {
		return
	}
	if run.feed != nil {
		run.feed.close()
	}
	run.kill()
	<-run.done
}

// broken remembers that the node cannot be reached; reading will end too.
func (s *server) broken(err error) {
	if err == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}
