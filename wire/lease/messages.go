package lease

import (
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// Protocol is the libp2p protocol id.
const Protocol = "/p2prc/lease/1"

// The defaults of the protocol; see the package comment.
const (
	RenewEvery   = 10 * time.Second
	TTL          = 30 * time.Second
	Grace        = 10 * time.Minute
	Reconnect    = 3 * time.Second
	MaxFrame     = 2 << 20
	MaxBatch     = 512
	MaxLeases    = 64
	MaxHeld      = 10_000
	InlineOutput = 16 << 10
)

// The kinds of frame. Numbers below 32 are the borrower's, above the lender's.
const (
	KindOpen    wire.Kind = 1
	KindAssign  wire.Kind = 2
	KindCancel  wire.Kind = 3
	KindAck     wire.Kind = 4
	KindRenew   wire.Kind = 5
	KindRelease wire.Kind = 6

	KindGrant     wire.Kind = 33
	KindRefuse    wire.Kind = 34
	KindUpdate    wire.Kind = 35
	KindStarted   wire.Kind = 36
	KindOutput    wire.Kind = 37
	KindFinished  wire.Kind = 38
	KindGivenBack wire.Kind = 39
	KindRenewed   wire.Kind = 40
)

// Key names an attempt within its lease.
type Key struct {
	Task    api.TaskID  `json:"t"`
	Attempt api.Attempt `json:"a"`
}

// Open asks for a lease, or for one that exists.
type Open struct {
	Lease   api.LeaseID      `json:"lease"`
	Job     api.JobID        `json:"job"`
	JobName string           `json:"job_name,omitempty"`
	Resume  bool             `json:"resume,omitempty"`
	Runtime api.RuntimeName  `json:"runtime"`
	Module  api.BlobID       `json:"module,omitempty"`
	Image   string           `json:"image,omitempty"`
	ImageID api.ImageID      `json:"image_id,omitempty"` // the very image, which the borrower gives to who lacks it
	Network api.GuestNetwork `json:"network,omitempty"`  // what its containers can reach
	Needs   api.Resources    `json:"needs"`              // of one slot
	Slots   int              `json:"slots"`              // wanted at most; 0: as many as there are
	Live    bool             `json:"live,omitempty"`     // send Output while tasks run
	Common  Common           `json:"common,omitzero"`    // shared by every task of the lease
}

// Common is what all tasks of a lease share, sent once.
type Common struct {
	Env     map[string]string `json:"env,omitempty"`
	Cwd     string            `json:"cwd,omitempty"`
	Inputs  []api.Input       `json:"inputs,omitempty"`
	Outputs []string          `json:"outputs,omitempty"`
	Limits  api.TaskLimits    `json:"limits,omitzero"`
}

// Task is one attempt to execute. Its lists add to Common's; its Env wins over Common's.
type Task struct {
	Key
	Args      []string          `json:"args"` // program and arguments; for wasm the module's own name first
	Env       map[string]string `json:"env,omitempty"`
	Stdin     string            `json:"stdin,omitempty"`
	StdinBlob api.BlobID        `json:"stdin_blob,omitzero"`
	Inputs    []api.Input       `json:"inputs,omitempty"`
	Outputs   []string          `json:"outputs,omitempty"`
}

// Assign gives tasks to the lender.
type Assign struct {
	Tasks []Task `json:"tasks"`
}

// Keys is the payload of Ack and Started.
type Keys struct {
	Keys []Key `json:"keys"`
}

// Cancel stops attempts.
type Cancel struct {
	Keys    []Key  `json:"keys"`
	Reason  string `json:"reason,omitempty"`
	Unbegun bool   `json:"unbegun,omitempty"` // only those that have not begun to run
}

// Grant says that the lease stands.
type Grant struct {
	Share
	TTL      api.Duration `json:"ttl"`
	Grace    api.Duration `json:"grace"`
	Running  []Key        `json:"running,omitempty"`  // after Resume: running or queued
	Finished []Key        `json:"finished,omitempty"` // after Resume: held, about to be sent
	Memory   string       `json:"memory,omitempty"`   // another one: the lender may have forgotten attempts that it began; "" never remembers
	Ended    []Key        `json:"ended,omitempty"`    // after Resume: of this memory, began and have no result
}

// Share is what the lease may use now. It is the payload of Update.
type Share struct {
	Slots  int           `json:"slots"`
	Credit int           `json:"credit"` // attempts outstanding at most; 0: send none now
	State  api.LendState `json:"state"`
	Reason string        `json:"reason,omitempty"`
}

// Refuse says no.
type Refuse struct {
	Kind api.Kind `json:"kind"`
	Msg  string   `json:"msg"`
	Hint string   `json:"hint,omitempty"`
}

// Output is a piece of a running task's output, sent best effort for the eye;
// the result holds the whole.
type Output struct {
	Key
	Stream string `json:"s"`            // stdout or stderr
	At     int64  `json:"at,omitempty"` // where in the stream Data begins
	Data   []byte `json:"d"`
}

// Result is how an attempt ended.
type Result struct {
	Key
	Exit   api.Exit         `json:"exit"`
	Usage  api.TaskUsage    `json:"usage"`
	Stdout api.Stream       `json:"stdout,omitzero"`
	Stderr api.Stream       `json:"stderr,omitzero"`
	Files  []api.OutputFile `json:"files,omitempty"`
}

// Finished carries results.
type Finished struct {
	Results []Result `json:"results"`
}

// GivenBack says that attempts will have no result here.
type GivenBack struct {
	Keys   []Key     `json:"keys"`
	Cause  api.Cause `json:"cause"` // lost, withdrawn or canceled
	Reason string    `json:"reason"`
}
