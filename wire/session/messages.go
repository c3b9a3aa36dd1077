package session

import (
	"strings"
	"unicode"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

const (
	// Upgrade is the protocol's name in an HTTP upgrade.
	Upgrade = api.SessionProtocol
	// Window is how many bytes of input may be on their way.
	Window = 1 << 20
	// MaxRequest bounds what a client sends in one frame, MaxAnswer what a guest does.
	MaxRequest = 1 << 20
	MaxAnswer  = 64 << 10
	// Chunk is the most bytes of data that either side puts into one frame: with the
	// heads of frame and multiplexer they are one message of its 64 KiB.
	Chunk = 63 << 10
)

// The kinds of frames.
const (
	KindRequest wire.Kind = 1
	KindInput   wire.Kind = 2
	KindResize  wire.Kind = 3
	KindSignal  wire.Kind = 4
	KindOutput  wire.Kind = 5
	KindStderr  wire.Kind = 6
	KindCredit  wire.Kind = 7
	KindExit    wire.Kind = 8
	KindFail    wire.Kind = 9
	KindMain    wire.Kind = 10
)

// The requests.
const (
	KindExec  = "exec"
	KindShell = "shell"
	KindSFTP  = "sftp"
	KindPut   = "put"
	KindGet   = "get"
	KindDial  = "dial"
	KindInfo  = "main"
)

// Request says what a session is for.
type Request struct {
	Kind string `json:"kind"`

	// User does what is asked, with a user's rights and no others: a name or a
	// number, also user:group. Empty: the image's.
	User string `json:"user,omitempty"`

	// Of exec, shell and sftp. Env is added to the container's own; Cwd is the
	// container's own where it is empty, and of exec alone. Args of shell are one
	// line for the user's shell, or none for the shell itself.
	Args  []string `json:"args,omitempty"`
	Env   []string `json:"env,omitempty"`
	Cwd   string   `json:"cwd,omitempty"`
	Stdin bool     `json:"stdin,omitempty"`
	Term  string   `json:"term,omitempty"` // not empty: a terminal of this type
	Size  Size     `json:"size,omitzero"`

	// Of put and get. A put of one file has its bytes as the tar's only entry.
	// Where Path is a folder, what is put gets Name below it; else it becomes Path.
	Path string `json:"path,omitempty"`
	Name string `json:"name,omitempty"`
	Dir  bool   `json:"dir,omitempty"` // the tar holds what is in a folder

	Address string `json:"address,omitempty"` // of dial: host:port
}

// Size is a terminal's size in characters.
type Size struct {
	Rows uint16 `json:"rows"`
	Cols uint16 `json:"cols"`
}

// Signal is sent to the session's command and its group.
type Signal struct {
	Name string `json:"name"` // INT, TERM, HUP, QUIT, USR1, USR2, WINCH, KILL
}

// Main is the state of the container's main command.
type Main struct {
	Args  []string `json:"args,omitempty"` // empty: there is none
	Ended bool     `json:"ended,omitempty"`
	Exit  api.Exit `json:"exit,omitzero"`
}

// Credit lets the other side send more input.
type Credit struct {
	N int `json:"n"`
}

// Fail is why a session could not do what it was asked.
type Fail struct {
	Kind api.Kind `json:"kind"`
	Msg  string   `json:"msg"`
}

const maxText = 1000

// Clean bounds a text of a guest's and takes what could steer a terminal out of it.
func Clean(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
