package server

import "github.com/Akilan1999/p2p-rendering-computation/api"

// Recheck asks again who its borrowers are, when the network's membership may
// have changed. roles gives the role of every member; it is called at most once,
// without locks held. What a borrower may not run any more is withdrawn at once;
// what is finished is held for it as long as for anybody that is not heard of.
func (s *Server) Recheck(roles func() map[api.PeerID]api.Role) {
	s.mu.Lock()
	any := len(s.loans) > 0
	s.unlock()
	if !any {
		return
	}
	now := roles()
	s.mu.Lock()
	defer s.unlock()
	changed := false
	for _, l := range s.loans {
		if role := now[l.peer.id]; role != l.who.Role && !l.restored {
			l.who.Role, changed = role, true
		}
	}
	if !changed {
		return
	}
	s.enforceLocked()
	s.dispatchLocked()
	s.reshareLocked()
	s.dirty = true
}
