package membership

import (
	"crypto/sha256"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// MaxLog is the most statements a log holds, those of the network key aside. Only
// admins, and invites that admins made, can make it grow.
const MaxLog = 50_000

// Log is one network's statements and what they mean. It is safe for concurrent use.
type Log struct {
	network api.NetworkID
	most    int // MaxLog, less in a test

	mu   sync.RWMutex // guards what follows
	all  map[hash]*statement
	view view
	sum  [sha256.Size]byte // of the sorted hashes: equal logs have equal sums
}

// NewLog is the empty log of a network.
func NewLog(network api.NetworkID) *Log {
	l := &Log{network: network, most: MaxLog, all: map[hash]*statement{}}
	l.view = work(network, nil)
	l.sumLocked()
	return l
}

// Network is the network this log is of.
func (l *Log) Network() api.NetworkID { return l.network }

// Add takes statements in and returns those that are new and were kept, in the
// order given. What is known already is skipped; what its signer had no right to
// sign (or whose signer's own statements are not here yet) is dropped silently,
// because a set that grows by gossip meets such things in honest use. The error,
// KindCorrupt or KindDenied, is about the first statement that is malformed, of
// another network or from the future; nothing after it is looked at.
func (l *Log) Add(now time.Time, raws ...[]byte) (added [][]byte, err error) {
	return l.add(now.Add(Tolerance).UnixMilli(), raws)
}

// Load is Add for statements that this node saved itself: they are taken
// whatever the clock says now, or a clock set back would end a membership.
func (l *Log) Load(raws ...[]byte) error {
	_, err := l.add(math.MaxInt64, raws)
	return err
}

func (l *Log) add(latest int64, raws [][]byte) (added [][]byte, err error) {
	fresh, err := l.fresh(latest, raws)
	if len(fresh) == 0 {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	fresh = l.matteringLocked(fresh)
	if len(fresh) == 0 {
		return nil, err
	}
	if len(l.all)+len(fresh) > l.most {
		// The network key's word has room always: it must be able to revoke an admin
		// who filled the log.
		fresh = slices.DeleteFunc(fresh, func(s *statement) bool { return string(s.signer) != string(l.network) })
		err = api.Errorf(api.KindQuota, "the membership log is full (%d statements)", l.most).WithHint("found a new network and invite its members anew")
	}
	tryAll := make([]*statement, 0, len(l.all)+len(fresh))
	for _, s := range l.all {
		tryAll = append(tryAll, s)
	}
	v := work(l.network, append(tryAll, fresh...))
	for _, s := range fresh {
		if v.kept[s.hash] {
			l.all[s.hash] = s
			added = append(added, s.raw)
		}
	}
	if len(added) > 0 {
		l.view = v
		// What a revocation by the network key has made void goes, so that logs
		// end up equal whatever came first.
		maps.DeleteFunc(l.all, func(h hash, _ *statement) bool { return !v.kept[h] })
		l.sumLocked()
	}
	return added, err
}

// fresh opens what is not known yet, up to the first that is no good. Strangers
// may send a lot of it, so the log is not locked meanwhile.
func (l *Log) fresh(latest int64, raws [][]byte) (fresh []*statement, err error) {
	seen := make(map[hash]bool, len(raws))
	for _, raw := range raws {
		h := sha(raw)
		if seen[h] || l.has(h) {
			continue
		}
		seen[h] = true
		var s *statement
		if s, err = open(l.network, raw); err != nil {
			break
		}
		if s.body.at() > latest {
			err = api.Errorf(api.KindDenied, "a statement is from the future").WithHint("set the clocks of both machines")
			break
		}
		fresh = append(fresh, s)
	}
	return fresh, err
}

func (l *Log) has(h hash) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.all[h] != nil
}

// matteringLocked is the statements of fresh that may be kept: those signed by
// the network, or by a node that a certificate here, or among them, is about. It
// looks at signers only: what a stranger makes up must not cost a look at the whole log.
func (l *Log) matteringLocked(fresh []*statement) []*statement {
	may, waiting := map[hash]bool{}, map[api.PeerID][]*statement{}
	var queue []*statement
	for _, s := range fresh {
		switch {
		case l.all[s.hash] != nil:
		case string(s.signer) == string(l.network) || l.view.subjects[s.signer]:
			queue = append(queue, s)
		default:
			waiting[s.signer] = append(waiting[s.signer], s)
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		s := queue[0]
		may[s.hash] = true
		if node := s.subject(); node != "" {
			queue = append(queue, waiting[node]...)
			delete(waiting, node)
		}
	}
	return slices.DeleteFunc(fresh, func(s *statement) bool { return !may[s.hash] })
}

// Check is nil when id may act as a member now, and says why not otherwise (KindDenied).
func (l *Log) Check(id api.PeerID, now time.Time) (api.Role, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	s, known := l.view.standings[id]
	switch {
	case l.view.revoked[id] != 0:
		return "", api.Errorf(api.KindDenied, "membership was revoked").WithHint("a revoked node comes back only as a new one: remove its identity.key and join with a new invite")
	case known && s.late:
		return "", api.Errorf(api.KindDenied, "the invite was used up by other nodes").WithHint("ask an admin for a new invite")
	case !known:
		return "", api.Errorf(api.KindDenied, "not a member of this network").WithHint("ask an admin for an invite and use `p2prc join`")
	case now.Add(-Tolerance).UnixMilli() > s.expires:
		return "", api.Errorf(api.KindDenied, "membership expired on %s", time.UnixMilli(s.expires).UTC().Format(time.DateOnly)).WithHint("ask an admin for a new invite")
	}
	return s.role, nil
}

// Decided is when a node's role was decided, in Unix milliseconds; 0 for a stranger.
func (l *Log) Decided(id api.PeerID) int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if s := l.view.standings[id]; s != nil {
		return s.decided
	}
	return 0
}

// InviteState says whether an invite can admit node now: nil, or KindDenied with
// the reason, or KindNotFound when this log does not know the invite.
func (l *Log) InviteState(id api.InviteID, node api.PeerID, now time.Time) (*Invite, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	inv, _, err := l.inviteStateLocked(id, node, now)
	return inv, err
}

func (l *Log) inviteStateLocked(id api.InviteID, node api.PeerID, now time.Time) (inv *Invite, h hash, err error) {
	st := l.view.invites[id]
	if st == nil {
		return nil, h, api.Errorf(api.KindNotFound, "this member does not know the invite").WithHint("the node that made the invite must have been connected to others since; try again when it is up, or ask for a new invite")
	}
	inv, h = st.body.(*Invite), st.hash
	ask := "ask an admin for a new invite"
	switch used := l.view.used[id]; {
	case l.view.revokedInvites[id] != 0:
		return nil, h, api.Errorf(api.KindDenied, "the invite was revoked").WithHint("%s", ask)
	case l.view.revoked[node] != 0:
		return nil, h, api.Errorf(api.KindDenied, "this node was revoked").WithHint("a revoked node comes back only as a new one: remove its identity.key and join with a new invite")
	case now.Add(-Tolerance).UnixMilli() > inv.Expires:
		return nil, h, api.Errorf(api.KindDenied, "the invite expired at %s", time.UnixMilli(inv.Expires).UTC().Format(time.RFC3339)).WithHint("%s", ask)
	case now.Add(Tolerance).UnixMilli() < inv.Created:
		return nil, h, api.Errorf(api.KindDenied, "the invite is from the future").WithHint("set the clocks of both machines")
	case inv.Node != "" && inv.Node != node:
		return nil, h, api.Errorf(api.KindDenied, "the invite is for another node").WithHint("it admits only %s", inv.Node)
	case !slices.Contains(used, node) && len(used) >= inv.Uses:
		return nil, h, api.Errorf(api.KindDenied, "the invite is used up").WithHint("%s", ask)
	}
	return inv, h, nil
}

// Members lists every node that was ever admitted, revoked and expired ones too, oldest first.
func (l *Log) Members() []api.Member {
	l.mu.RLock()
	defer l.mu.RUnlock()
	out := make([]api.Member, 0, len(l.view.standings))
	for id, s := range l.view.standings {
		if s.late {
			continue
		}
		out = append(out, api.Member{ID: id, Role: s.role, Invite: s.invite, Admitted: time.UnixMilli(s.admitted).UTC(), By: s.by,
			Expires: time.UnixMilli(s.expires).UTC(), Revoked: l.view.revoked[id] != 0})
	}
	slices.SortFunc(out, func(a, b api.Member) int {
		if c := a.Admitted.Compare(b.Admitted); c != 0 {
			return c
		}
		return strings.Compare(string(a.ID), string(b.ID))
	})
	return out
}

// Invites lists every invite, oldest first.
func (l *Log) Invites() []api.Invite {
	l.mu.RLock()
	defer l.mu.RUnlock()
	out := make([]api.Invite, 0, len(l.view.invites))
	for id, st := range l.view.invites {
		i := st.body.(*Invite)
		out = append(out, api.Invite{ID: id, Role: i.Role, Uses: i.Uses, Used: min(len(l.view.used[id]), i.Uses), Node: i.Node,
			Created: time.UnixMilli(i.Created).UTC(), Expires: time.UnixMilli(i.Expires).UTC(), Revoked: l.view.revokedInvites[id] != 0})
	}
	slices.SortFunc(out, func(a, b api.Invite) int { return a.Created.Compare(b.Created) })
	return out
}
