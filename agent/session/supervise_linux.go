package session

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Akilan1999/p2p-rendering-computation/agent/process"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/session"
)

// Between a session and its supervisor two pipes carry frames: orders on fd 3,
// whose end means that all is to die, and one answer on fd 4.
const (
	ordersFD = 3
	answerFD = 4

	kindStart  wire.Kind = 1 // start
	kindSignal wire.Kind = 2 // session.Signal
	kindEnd    wire.Kind = 3 // api.Exit
	kindFailed wire.Kind = 4 // session.Fail
)

type start struct {
	Args []string            `json:"args"`
	Env  []string            `json:"env"`
	Dir  string              `json:"dir"`
	TTY  bool                `json:"tty,omitempty"`
	User *syscall.Credential `json:"user"`
	// Leave lets live on what the command left behind, when it ended by itself.
	Leave bool `json:"leave,omitempty"`
}

const killWithin = 5 * time.Second

// supervisor is the child that runs a session's command.
type supervisor struct {
	cmd    *exec.Cmd
	orders *os.File
	answer *os.File
	w      *wire.Writer
	once   sync.Once
	late   *time.Timer // set once
}

// supervised starts the command with the child's ends of std, which it closes here.
func supervised(what start, std *stdio) (*supervisor, error) {
	defer std.closeChild()
	ordersR, orders, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer ordersR.Close()
	answer, answerW, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, orders.Close())
	}
	defer answerW.Close()
	s := &supervisor{orders: orders, answer: answer, w: wire.NewWriter(orders, wire.MaxFrame)}
	s.cmd = exec.Command("/proc/self/exe", "agent", ModeSupervise)
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = std.child[0], std.child[1], std.child[2]
	s.cmd.ExtraFiles = []*os.File{ordersR, answerW}
	s.cmd.Env = []string{"GOMAXPROCS=2"}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := s.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("the command's supervisor cannot be started: %w", err), orders.Close(), answer.Close())
	}
	if err := s.w.Send(kindStart, what); err != nil {
		s.kill()
		return s, nil // wait says why
	}
	return s, nil
}

func (s *supervisor) signal(name string) { _ = s.w.Send(kindSignal, session.Signal{Name: name}) } // one that is gone needs none

// kill makes the supervisor kill everything, and sees to it that it does.
func (s *supervisor) kill() {
	s.once.Do(func() {
		_ = s.orders.Close() // it ends by that
		s.late = time.AfterFunc(killWithin, func() {
			_ = s.cmd.Process.Kill() // what it leaves dies with the container
		})
	})
}

// wait returns how the command ended, when all it started is dead.
func (s *supervisor) wait() (exit api.Exit, err error) {
	defer s.answer.Close()
	kind, payload, err := wire.NewReader(s.answer, session.MaxAnswer).Next()
	werr := s.cmd.Wait()
	s.kill()
	s.late.Stop()
	switch {
	case err != nil:
		return exit, api.Errorf(api.KindLost, "the command's supervisor is gone: %w", errors.Join(err, werr))
	case kind == kindFailed:
		var m session.Fail
		if err := wire.Decode(payload, &m); err != nil {
			return exit, err
		}
		return exit, &api.Error{Kind: m.Kind, Msg: m.Msg}
	}
	return exit, wire.Decode(payload, &exit)
}

// supervise is the mode supervise: its standard streams are the command's.
func supervise() error {
	orders, answer := os.NewFile(ordersFD, "orders"), os.NewFile(answerFD, "answer")
	syscall.CloseOnExec(ordersFD)
	syscall.CloseOnExec(answerFD)
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return err
	}
	deaf()
	r, w := wire.NewReader(orders, wire.MaxFrame), wire.NewWriter(answer, session.MaxAnswer)
	kind, payload, err := r.Next()
	if err != nil {
		return err
	}
	var what start
	if kind != kindStart {
		return wire.UnknownKind(kind)
	}
	if err := wire.Decode(payload, &what); err != nil {
		return err
	}
	group := make(chan int, 1)
	dead := make(chan struct{})
	go func() {
		defer close(dead)
		obey(r, group)
	}()
	end, err := process.Supervise(process.Program{
		Args: what.Args, Env: what.Env, Dir: what.Dir, Files: []uintptr{0, 1, 2}, TTY: what.TTY,
		User: what.User, Leave: what.Leave,
	}, dead, func(pgid int) {
		group <- pgid
		letGo()
	})
	if err != nil {
		return w.Send(kindFailed, session.Fail{Kind: api.KindOf(err), Msg: session.Clean(err.Error())})
	}
	return w.Send(kindEnd, api.Exit{Code: end.Code, Signal: end.Signal, Msg: end.Msg})
}

// letGo gives up the command's streams, so that a pipe that the command closed
// is closed and a terminal that it left ends.
func letGo() {
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return // they end with this process
	}
	for fd := range 3 {
		_ = unix.Dup3(null, fd, 0) // as above
	}
	_ = unix.Close(null)
}

// obey passes signals on until the orders end. The first one waits for the
// command to be there; one that cannot start ends this process.
func obey(r *wire.Reader, group <-chan int) {
	for pgid := 0; ; {
		kind, payload, err := r.Next()
		if err != nil || kind != kindSignal {
			return
		}
		var m session.Signal
		if wire.Decode(payload, &m) != nil {
			return
		}
		if pgid == 0 {
			pgid = <-group
		}
		if sig := signals[m.Name]; sig != 0 {
			_ = unix.Kill(-pgid, sig) // one that is gone needs none
		}
	}
}

var signals = map[string]unix.Signal{
	"HUP": unix.SIGHUP, "INT": unix.SIGINT, "QUIT": unix.SIGQUIT, "KILL": unix.SIGKILL, "TERM": unix.SIGTERM,
	"USR1": unix.SIGUSR1, "USR2": unix.SIGUSR2, "WINCH": unix.SIGWINCH, "CONT": unix.SIGCONT, "STOP": unix.SIGSTOP,
}
