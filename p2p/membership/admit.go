package membership

import (
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Admit countersigns a claim with a member's key, after checking that its invite
// can admit node now. The statement is signed but not yet added to the log. Errors are those of
// InviteState, KindCorrupt for a bad claim, and KindDenied where it was made for another node or
// at another time: a replay.
func (l *Log) Admit(claim []byte, node api.PeerID, key crypto.PrivKey, now time.Time) ([]byte, error) {
	c, err := OpenClaim(l.network, claim)
	if err != nil {
		return nil, err
	}
	if c.Node != node {
		return nil, api.Errorf(api.KindDenied, "the proof of the invite was made by another node")
	}
	if err := CheckClock(c.Time, now); err != nil {
		return nil, err
	}
	l.mu.RLock()
	_, h, err := l.inviteStateLocked(c.Invite, node, now)
	l.mu.RUnlock()
	if err != nil {
		return nil, err
	}
	return Sign(&Admission{Network: l.network, Invite: h[:], Claim: claim, Time: now.UnixMilli(), Expires: now.Add(Lifetime).UnixMilli()}, key)
}

// CheckClock is nil when the other side's clock (Unix milliseconds) is within
// Tolerance of now, and KindDenied with the difference otherwise.
func CheckClock(theirs int64, now time.Time) error {
	diff := time.UnixMilli(theirs).Sub(now)
	if diff.Abs() <= Tolerance {
		return nil
	}
	word := "ahead of"
	if diff < 0 {
		word = "behind"
	}
	return api.Errorf(api.KindDenied, "the clock of the machine that connects is %s %s the member's", diff.Abs().Round(time.Second), word).
		WithHint("set the clocks of both machines (NTP); %s of difference is tolerated", Tolerance)
}
