package membership

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// MaxProof is the most statements a proof of membership may have.
const MaxProof = 256

func (l *Log) sumLocked() {
	hs := make([]hash, 0, len(l.all))
	for h := range l.all {
		hs = append(hs, h)
	}
	slices.SortFunc(hs, func(a, b hash) int { return bytes.Compare(a[:], b[:]) })
	d := sha256.New()
	for _, h := range hs {
		d.Write(h[:])
	}
	d.Sum(l.sum[:0])
}

// Sum is equal for equal logs.
func (l *Log) Sum() []byte {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return bytes.Clone(l.sum[:])
}

// shortHash is how many bytes of a hash name a statement in a comparison of
// logs; a clash only delays a statement until the next one arrives.
const shortHash = 8

// Summary names every statement here, for Missing on another member.
func (l *Log) Summary() []byte {
	l.mu.RLock()
	defer l.mu.RUnlock()
	out := make([]byte, 0, shortHash*len(l.all))
	for h := range l.all {
		out = append(out, h[:shortHash]...)
	}
	return out
}

// Missing is what a log with this summary lacks, oldest first.
func (l *Log) Missing(summary []byte) [][]byte {
	have := make(map[[shortHash]byte]bool, len(summary)/shortHash)
	for ; len(summary) >= shortHash; summary = summary[shortHash:] {
		have[[shortHash]byte(summary)] = true
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	var lack []*statement
	for h, s := range l.all {
		if !have[[shortHash]byte(h[:shortHash])] {
			lack = append(lack, s)
		}
	}
	return raws(lack)
}

// All is every statement, oldest first.
func (l *Log) All() [][]byte { return l.Missing(nil) }

// Knows tells whether the log says anything of id: admitted, revoked or too late.
func (l *Log) Knows(id api.PeerID) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.view.standings[id] != nil || l.view.revoked[id] != 0
}

// Proof is what another member needs to verify that id is one, in its role and
// as long as it is: the certificates that say so, and those by which their signers
// could sign them. It is empty for a stranger.
func (l *Log) Proof(id api.PeerID) [][]byte {
	l.mu.RLock()
	defer l.mu.RUnlock()
	st := l.view.standings[id]
	if st == nil || st.late {
		return nil
	}
	var out []*statement
	seen := map[hash]bool{}
	for queue := []*statement{st.decides, st.last}; len(queue) > 0 && len(out) < MaxProof; queue = queue[1:] {
		s := queue[0]
		if seen[s.hash] {
			continue
		}
		seen[s.hash] = true
		out = append(out, s)
		if s.claim != nil {
			queue = append(queue, l.view.inviteBy[hash(s.body.(*Admission).Invite)])
		}
		if it := l.view.because[s.hash]; it != nil { // an invite's reasons are its admission's too
			queue = append(queue, it.because...)
		}
	}
	return raws(out)
}

func raws(list []*statement) [][]byte {
	slices.SortFunc(list, func(a, b *statement) int {
		if a.body.at() != b.body.at() {
			return int(min(max(a.body.at()-b.body.at(), -1), 1))
		}
		return bytes.Compare(a.hash[:], b.hash[:])
	})
	out := make([][]byte, len(list))
	for i, s := range list {
		out[i] = s.raw
	}
	return out
}
