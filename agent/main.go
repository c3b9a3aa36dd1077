package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/Akilan1999/p2p-rendering-computation/agent/near"
	"github.com/Akilan1999/p2p-rendering-computation/agent/process"
	"github.com/Akilan1999/p2p-rendering-computation/agent/session"
	"github.com/Akilan1999/p2p-rendering-computation/agent/task"
	"github.com/Akilan1999/p2p-rendering-computation/agent/wasi"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/cgroup"
	"github.com/Akilan1999/p2p-rendering-computation/internal/netguard"
	"github.com/Akilan1999/p2p-rendering-computation/internal/nsbox"
)

// The modes of the hidden command `p2prc agent MODE [ARGUMENT]`.
const (
	ModeBox       = "box"       // read an nsbox.Config from stdin, enter the box, become the command in it
	ModeWasm      = "wasm"      // serve on stdin and stdout; argument: Wasm as JSON
	ModeProcess   = "process"   // serve on stdin and stdout; argument: Process as JSON
	ModeContainer = "container" // the same as process 1 of a container
	ModeCompile   = "compile"   // compile and check a module; argument: Wasm as JSON; prints an api.Problem
	ModeProbe     = "probe"     // print ok and exit: proof that a box can be entered
	ModeGuard     = "guard"     // close the network namespace to all but the Internet and keep it; argument: netguard.Config as JSON
	// and those of package session, in long-lived containers
)

// Wasm configures the wasm mode.
type Wasm struct {
	Dirs
	Module      string `json:"module"`
	Cache       string `json:"cache,omitempty"`
	MemoryLimit int64  `json:"memory_limit,omitempty"` // bytes of linear memory; 0: 4 GiB
}

// Process configures the process mode.
type Process struct {
	Dirs
	Scratch []string `json:"scratch,omitempty"` // emptied after every task; the first one is TMPDIR
	Env     []string `json:"env,omitempty"`     // of every task that does not say otherwise
}

// Argument is v in the form that Main reads.
func Argument(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

// Main is the hidden command: the program that runs inside sandboxes. It returns
// the exit code.
func Main(args []string) int {
	code, err := run(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "agent:", err)
		return 1
	}
	return code
}

func run(args []string) (int, error) {
	if len(args) == 0 {
		return 0, errors.New("this command is for p2prc's own use")
	}
	switch args[0] {
	case session.ModeSession:
		spare()
		fallthrough
	case session.ModeHold, session.ModeSupervise, session.ModeSFTP:
		return session.Main(args[0], args[1:])
	}
	return 0, serveTasks(args)
}

// serveTasks runs the modes of an agent that executes tasks.
func serveTasks(args []string) error {
	arg := ""
	if len(args) > 1 {
		arg = args[1]
	}
	switch args[0] {
	case ModeBox:
		return nsbox.Main(os.Stdin) // returns only with an error
	case ModeProbe:
		_, err := fmt.Println("ok")
		return err
	case ModeGuard:
		return netguard.Main(arg)
	case ModeCompile:
		return compile(args[0], arg)
	case ModeWasm:
		var c Wasm
		if err := json.Unmarshal([]byte(arg), &c); err != nil {
			return err
		}
		if err := settle(args[0]); err != nil {
			return err
		}
		ex, err := wasi.New(context.Background(), c.Module, c.Cache, c.MemoryLimit)
		if err != nil {
			return err
		}
		holdStill()
		return serve(nil, c.Dirs, ex)
	case ModeProcess, ModeContainer:
		var c Process
		if err := json.Unmarshal([]byte(arg), &c); err != nil {
			return err
		}
		if err := settle(args[0]); err != nil {
			return err
		}
		spare()
		cfg := process.Config{Scratch: c.Scratch, Env: c.Env}
		var short io.ReadWriteCloser
		if args[0] == ModeContainer {
			cfg.Group = cgroup.Own()
			if n, err := near.New(); err == nil { // without it the engine carries everything
				defer n.Close()
				short = n
				// One thing follows the other, and to wake a thread for each takes longer than
				// the thing; but a read of stdin, which blocks, would have to give the only one back.
				runtime.GOMAXPROCS(1)
			}
		}
		ex, err := process.New(cfg)
		if err != nil {
			return err
		}
		return serve(short, c.Dirs, ex)
	}
	return fmt.Errorf("unknown mode %q", args[0])
}

// lean trades a little memory for few collections: the heap is a few hundred KB,
// which the default would collect many times a second.
func lean() { debug.SetGCPercent(400) }

func serve(short io.ReadWriteCloser, dirs Dirs, ex task.Executor) error {
	return Serve(context.Background(), stdio{hot: ex.Inline()}, short, dirs, ex)
}

// stdio is the stream to the node: on unix both are the same socket.
type stdio struct {
	hot bool // nothing else has to run while a read waits a moment
}

func (s stdio) Read(p []byte) (int, error) {
	if s.hot {
		await()
	}
	return os.Stdin.Read(p)
}

func (stdio) Write(p []byte) (int, error) { return os.Stdout.Write(p) }

var _ io.ReadWriter = stdio{}

// compile prints an empty object for a good module, else what is wrong with it.
func compile(mode, arg string) error {
	var c Wasm
	if err := json.Unmarshal([]byte(arg), &c); err != nil {
		return err
	}
	if err := settle(mode); err != nil {
		return err
	}
	answer := any(struct{}{})
	if err := wasi.Check(context.Background(), c.Module, c.Cache); err != nil {
		answer = api.ProblemOf(err, true)
	}
	return json.NewEncoder(os.Stdout).Encode(answer)
}
