package agent

import (
	"github.com/Akilan1999/p2p-rendering-computation/agent/task"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// version is the protocol's; a new meaning of a frame is a new version.
const version = 1

const (
	kindHello  wire.Kind = 1
	kindPut    wire.Kind = 2
	kindData   wire.Kind = 3
	kindDrop   wire.Kind = 4
	kindExec   wire.Kind = 5
	kindStdin  wire.Kind = 6
	kindKill   wire.Kind = 7
	kindStdout wire.Kind = 8
	kindStderr wire.Kind = 9
	kindCredit wire.Kind = 10
	kindFile   wire.Kind = 11
	kindExit   wire.Kind = 12
	kindFail   wire.Kind = 13
	kindFiles  wire.Kind = 14
	kindNear   wire.Kind = 15
)

const (
	maxToAgent  = wire.MaxFrame // an exec carries arguments and environment
	maxToNode   = 64 << 10
	chunk       = 32 << 10 // of file and stream data; stays below maxToNode
	stdinWindow = 256 << 10
	filesChunk  = 512 << 10 // of the names of inputs in one frame; JSON may write six times as much

	// MaxOutputs is the most files one command may leave to be collected.
	MaxOutputs = 100_000
	maxPath    = 4096
	maxMsg     = 1000
)

type hello struct {
	Version int  `json:"version"`
	Inline  bool `json:"inline,omitempty"`
	Near    bool `json:"near,omitempty"`
}

type put struct {
	ID   uint64 `json:"id"`
	Size int64  `json:"size"`
}

type drop struct {
	IDs []uint64 `json:"ids"`
}

type execMsg struct {
	Seq     uint64    `json:"seq"`
	Args    []string  `json:"args"`
	Env     []string  `json:"env,omitempty"`
	Cwd     string    `json:"cwd,omitempty"`
	Files   []fileRef `json:"files,omitempty"`
	Outputs []string  `json:"outputs,omitempty"`
	Stdin   bool      `json:"stdin,omitempty"`

	Limits task.Limits `json:"limits,omitzero"`
}

type fileRef struct {
	Path string `json:"path"`
	ID   uint64 `json:"id"`
	Mode uint32 `json:"mode"`
}

type filesMsg struct {
	Files []fileRef `json:"files"`
}

type kill struct {
	Seq uint64 `json:"seq"`
}

type credit struct {
	N int `json:"n"`
}

type fileMsg struct {
	Path string `json:"path"`
	Mode uint32 `json:"mode"`
	Size int64  `json:"size"`
}

type exitMsg struct {
	Seq       uint64    `json:"seq"`
	Code      int       `json:"code"`
	Signal    string    `json:"signal,omitempty"`
	Limit     api.Limit `json:"limit,omitempty"`
	Msg       string    `json:"msg,omitempty"`
	CPU       int64     `json:"cpu"` // nanoseconds
	MaxMemory int64     `json:"max_memory"`
}

type failMsg struct {
	Seq  uint64   `json:"seq"`
	Kind api.Kind `json:"kind"`
	Msg  string   `json:"msg"`
}
