package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Env is the world a command runs in.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Dir            string // relative paths on the command line are below it
	Program        string // path of this program, to start it again

	// Signals asks to stop: the first one lets the command end in order, the
	// second ends it at once. Nil means the process's own SIGINT and SIGTERM.
	Signals <-chan os.Signal
	// Terminal tells whether a stream is one, and how wide. Nil means to look.
	Terminal func(stream any) (width int, ok bool)
}

// Deps are the things a command can do only through the rest of the program.
type Deps struct {
	Version string
	// Up runs a node until ctx is done.
	Up func(ctx context.Context, opts UpOptions) error
	// Join admits a home whose node does not run.
	Join func(ctx context.Context, home, token string) (api.JoinResult, error)
	// Agent is the hidden command that runs inside sandboxes.
	Agent func(args []string) int
	// Demo starts a pool and renders an animation on it.
	Demo func(ctx context.Context, opts DemoOptions) error
}

// UpOptions says how to run a node. The settings are those of the home's
// config.json with the environment above it; what is here stands above both.
type UpOptions struct {
	Home     string
	Port     int    // 0: as configured
	LogLevel string // empty: as configured
	LogJSON  bool
	Log      io.Writer // where the log goes
	// Ready is called once, when the node answers on its socket.
	Ready func(api.Status)
}

// DemoOptions says what the demo renders. Zero values are the demo's defaults.
type DemoOptions struct {
	Scene   string // a Wavefront OBJ; empty: the teapot
	Frames  int
	Size    string // WIDTHxHEIGHT
	Samples int
	Nodes   int
	Out     string // folder for the pictures
	Program string // path of this program, to start nodes
	Stdout  io.Writer
	Stderr  io.Writer
	// Width is the terminal's on Stderr, 0 when it is none.
	Width int
}

// ProcessEnv is the world of the running process. The agent's is a bare one: in
// a sandbox there may be no working folder to find and no program to look up.
func ProcessEnv() (Env, error) {
	if len(os.Args) > 1 && os.Args[1] == agentName {
		return Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return Env{}, api.Errorf(api.KindInternal, "the working folder is gone: %w", err)
	}
	// Not os.Executable: it follows links, and a link's name may matter.
	program, err := exec.LookPath(os.Args[0])
	if err == nil {
		program, err = filepath.Abs(program)
	}
	if err != nil {
		if program, err = os.Executable(); err != nil {
			return Env{}, api.Errorf(api.KindInternal, "this program cannot find itself: %w", err)
		}
	}
	return Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Dir: dir, Program: program}, nil
}

// agentName is the hidden command that runs inside sandboxes.
const agentName = "agent"

// Main runs the command that args name (without the program's name) and returns
// the exit code. It returns before the command has ended only when a second
// signal asks for that; the process should then exit.
func Main(ctx context.Context, args []string, env Env, deps Deps) int {
	if len(args) > 0 && args[0] == agentName { // before anything else: every guest pays for it
		return deps.Agent(args[1:])
	}
	a := newApp(env, deps)
	signals := env.Signals
	if signals == nil {
		own := make(chan os.Signal, 2)
		signal.Notify(own, os.Interrupt, syscall.SIGTERM)
		defer signal.Stop(own)
		signals = own
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	code := make(chan int, 1)
	go func() { code <- a.execute(ctx, args) }()
	select {
	case c := <-code:
		return c
	case <-signals:
		cancel()
	}
	select {
	case c := <-code:
		return c
	case <-signals:
		return api.KindCanceled.ExitCode()
	}
}

// exitError ends the program with a code; err, which may be nil, is printed first.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return "exit"
	}
	return e.err.Error()
}
func (e *exitError) Unwrap() error { return e.err }

// execute runs a command, prints its error, and gives the exit code.
func (a *app) execute(ctx context.Context, args []string) int {
	now, err := newForm(args)
	if err != nil {
		a.out.problem(err)
		return api.KindOf(err).ExitCode()
	}
	if now != nil {
		a.out.note("hint: this is now: p2prc %s", strings.Join(now, " "))
		args = now
	}
	root := newRoot(a)
	root.SetArgs(args)
	root.SetOut(a.out.stdout)
	root.SetErr(a.out.stderr)
	cmd, err := root.ExecuteContextC(ctx)
	a.client.close()
	return a.out.ended(err, cmd != nil && cmd.Annotations[ownFailures] != "" && !a.array)
}

// ended says how a command ended, and gives its exit code. own says that the exit
// codes are a guest's.
func (o *output) ended(err error, own bool) int {
	var ee *exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &ee):
		if ee.err != nil {
			o.problem(ee.err)
		}
		return ee.code
	}
	o.problem(err)
	kind := api.KindOf(err)
	if !own {
		return kind.ExitCode()
	}
	code := guestCode(kind)
	if code == 125 { // it does not tell any more what it was
		o.note("kind: %s (exit code 125 is p2prc's, not the command's)", kind)
	}
	return code
}

// ownFailures marks commands that end with a guest's exit code.
const ownFailures = "own-failures-125"

// guestCode is the exit code of our own failure where the guest's code is the
// command's: 125, so that it cannot be taken for the guest's; only an
// interruption keeps its code.
func guestCode(k api.Kind) int {
	if k == api.KindCanceled {
		return k.ExitCode()
	}
	return 125
}
