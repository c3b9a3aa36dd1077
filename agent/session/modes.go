package session

// The modes of the hidden command `p2prc agent MODE` that Main runs.
const (
	ModeHold      = "hold"
	ModeSession   = "session"
	ModeSupervise = "supervise"
	ModeSFTP      = "sftp"
)

// Config is the argument of modes hold and session.
type Config struct {
	User string `json:"user,omitempty"` // the image's: name or number, also user:group; empty: root
	Home string `json:"home,omitempty"` // where the container's environment names one; else the user's own
}

// NoteDir is where a container has a small tmpfs for the note about its main command.
const NoteDir = "/run/p2prc"
