// Package runtime is the contract between the lending side and what executes
// sandboxes: docker, wasm, process. Implementations live in sub-packages and
// pass the conformance suite in runtimetest.
//
// A [Runtime] opens sandboxes; a [Sandbox] executes many commands, one at a
// time, each in a fresh working directory that is gone when the next begins.
// Everything that has to do with who may use it, what is charged and what is
// sent to whom is the server's business; a runtime isolates, limits, measures
// and kills.
package runtime

import (
	"context"
	"io"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Runtime opens sandboxes. It is safe for concurrent use.
type Runtime interface {
	// Name is the runtime's name in records and job files.
	Name() api.RuntimeName
	// Probe tells whether the runtime works here, which isolation and limits it
	// can really give, and in words what is missing. It does not fail because
	// something is missing; its error means that the probe itself broke.
	Probe(ctx context.Context) (api.RuntimeInfo, error)
	// Open pays the start-up cost of a sandbox once. KindUnsupported: this
	// runtime cannot give what spec asks; KindInvalid: the module or image is
	// not one.
	Open(ctx context.Context, spec Spec) (Sandbox, error)
	// Recover finds the sandboxes of this node that outlived its last process
	// and removes or returns them. It is called once, before the first Open.
	Recover(ctx context.Context) ([]Sandbox, error)
	// Tidy removes from disk what closed sandboxes and earlier processes left. It
	// takes as long as it takes, and may be stopped and called again. It is called
	// after sandboxes were closed, and once some seconds after the start.
	Tidy(ctx context.Context) error
}

// ProcessUser is who commands run as in sandboxes of runtime process that have
// users of their own.
const ProcessUser = "task"

// Imager is a Runtime whose sandboxes are made from images that this machine has.
type Imager interface {
	// HasImage says what keeps an image from being run here, nil if nothing does.
	// KindInvalid: the name is none; KindUnsupported: it is not here, or is for
	// another machine.
	HasImage(ctx context.Context, image string) error
}

// Mortal is a Runtime of which a part lives elsewhere, and comes and goes.
type Mortal interface {
	// Changed tells, cheaply, whether Probe would answer otherwise than it last did.
	Changed(ctx context.Context) bool
}

// Spec says what a sandbox is opened for.
type Spec struct {
	ID       api.SandboxID
	Lease    api.LeaseID
	Borrower api.PeerID
	Module   string           // wasm: path of the module's bytes on this machine
	Image    string           // docker
	Network  api.GuestNetwork // docker
	Cap      api.Resources    // hard caps; a dimension of 0 is not capped
	PTYs     bool             // process: commands can make themselves pseudo terminals
	MaxProcs int              // processes at once; 0: not capped
	Lent     api.Resources    // to all guests; opening takes no more of it; a dimension of 0 is not known
}

// Command is one command to execute.
type Command struct {
	Args    []string // program and arguments; for wasm the module's name first
	Env     []string // KEY=value; nothing else is inherited
	Cwd     string   // slash-separated, below the task's directory; "" is the directory itself
	Files   []File   // put into the task's directory before the start
	Outputs []string // globs below the task's directory, collected after the end
	Limits  Limits
}

// File is an input: bytes of a file of this machine, copied to Path below the
// task's directory. Source's content never changes while a sandbox uses it
// (it is a blob), and a sandbox may keep it under its Source for later commands.
type File struct {
	Path   string
	Source string
	Size   int64
	Mode   uint32 // permission bits
}

// Limits bound one command; 0 is not limited.
type Limits struct {
	Wall   time.Duration
	CPU    time.Duration
	Output int64 // bytes of stdout plus stderr
	Disk   int64 // bytes of the task's directory, and of its inputs, which the sandbox keeps beside it
}

// Streams is where a command's bytes come from and go to. A slow writer slows
// the command down; it never costs memory.
type Streams struct {
	Stdin  io.Reader // nil: empty
	Stdout io.Writer // nil: dropped
	Stderr io.Writer // nil: dropped
	// Output is called once per collected file, in order of path, after the
	// command ended; it must read r to its end. Paths are clean, relative,
	// slash-separated and never leave the task's directory; links and special
	// files are not collected.
	Output func(path string, mode uint32, size int64, r io.Reader) error
}

// Result is how a command ended.
type Result struct {
	Exit  api.Exit
	Usage api.TaskUsage
}

// Sandbox is one isolated place. Exec calls must not overlap; the other methods
// may be called at any time, also while Exec runs.
type Sandbox interface {
	// ID is the id it was opened with.
	ID() api.SandboxID
	// Exec runs one command to its end. The error is the machine's failure
	// (KindLost when the sandbox is gone); how the command itself ended is in
	// Result only. When ctx is done the command is killed with everything it
	// started, and the error is ctx's.
	Exec(ctx context.Context, cmd Command, io Streams) (Result, error)
	// Usage is what the sandbox uses now and has used since it was opened.
	Usage(ctx context.Context) (Usage, error)
	// Pause freezes everything in the sandbox, whatever it does, within two
	// seconds; memory stays. Resume lets it go on. Both are idempotent.
	Pause(ctx context.Context) error
	Resume(ctx context.Context) error
	// Close kills all that is in the sandbox, and puts what it left on disk where
	// Tidy finds it. It is idempotent, works on a paused sandbox, and makes a running Exec
	// return with KindLost.
	Close(ctx context.Context) error
}

// Usage is a sandbox's use of the machine.
type Usage struct {
	CPUTime time.Duration // since it was opened
	Memory  int64         // bytes resident now
	Procs   int           // processes now, the agent's own included; 0 if unknown
}
