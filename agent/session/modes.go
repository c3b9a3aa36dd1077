package session

// The modes of the hidden command `p2prc agent MODE` that Main runs.
const (
	ModeHold      = "hold"
	ModeSession   = "session"
	ModeSupervise = "supervise"
)
