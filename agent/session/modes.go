package session

// The modes of the hidden command `p2prc agent MODE` that Main runs.
const (
	ModeHold      = "hold"
	ModeSession   = "session"
	ModeSupervise = "supervise"
)

// NoteDir is where a container has a small tmpfs for the note about its main command.
const NoteDir = "/run/p2prc"
