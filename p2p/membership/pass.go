package membership

import (
	"cmp"
	"slices"
	"sort"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// pass is one stratum's look at the statements: which of them hold.
//
// A statement needs its signer, and sometimes others, to have been members at a
// certain time. Every need is a point on the time line of the one it is about;
// an accepted certificate covers a stretch of that line and takes the points on it
// off, each once, whatever the order. So the work grows with the number of
// statements, and not with its square as when all are looked at again and again:
// whoever can make statements could stall the others with those.
type pass struct {
	network        api.NetworkID
	inviteBy       map[hash]*statement
	revoked        map[api.PeerID]int64
	revokedInvites map[api.InviteID]int64
	allowed        map[hash]bool          // nil: all admissions may stand, else only these
	settled        map[hash]*item         // what holds already
	demoted        map[api.PeerID][]int64 // when the network key gave a role other than admin, in order

	lines    map[place]*line
	spans    map[api.PeerID][]span
	accepted map[hash]*item
	steps    int // of work, for a test
}

// place is one node's time line, as a member or as an admin.
type place struct {
	node  api.PeerID
	admin bool
}

// item is a statement on its way to be accepted.
type item struct {
	st      *statement
	left    int          // needs that are not met yet
	because []*statement // what met the others
}

// need is a moment at which somebody must have been a member (an admin).
type need struct {
	place
	at int64
}

// point is a need on its line.
type point struct {
	at int64
	of *item
}

// line is the points about one place that are not met yet.
type line struct {
	points []point // by time
	next   []int   // the way to the first point at or after that is not met
}

func (p *pass) byNetwork(s *statement) bool { return string(s.signer) == string(p.network) }

// run accepts what holds. list need not have an order: a signer's own
// certificate may even carry a slightly later time than what it signed.
func (p *pass) run(list []*statement) {
	p.lines, p.spans, p.accepted = map[place]*line{}, map[api.PeerID][]span{}, make(map[hash]*item, len(list))
	var queue []*item
	for _, s := range list {
		p.steps++
		if it := p.settled[s.hash]; it != nil {
			queue = append(queue, it)
			continue
		}
		needs, ok := p.needs(s)
		if !ok {
			continue
		}
		it := &item{st: s, left: len(needs)}
		for _, n := range needs {
			l := p.lines[n.place]
			if l == nil {
				l = &line{}
				p.lines[n.place] = l
			}
			l.points = append(l.points, point{n.at, it})
		}
		if len(needs) == 0 {
			queue = append(queue, it)
		}
	}
	for _, l := range p.lines {
		l.open()
	}
	for len(queue) > 0 {
		it := queue[0]
		queue = queue[1:]
		p.accepted[it.st.hash] = it
		if sp, ok := p.spanOf(it.st); ok {
			queue = append(queue, p.cover(it.st.subject(), sp)...)
		}
	}
}

// needs is what must be so for s to hold; ok is false where nothing makes it hold.
func (p *pass) needs(s *statement) (needs []need, ok bool) {
	if s.claim == nil && p.byNetwork(s) {
		return nil, true
	}
	at := s.body.at()
	admin := need{place{s.signer, true}, at}
	switch b := s.body.(type) {
	case *Grant:
		// An admin renews, and gives members other roles. It makes no admins, for it
		// could not unmake them.
		return []need{admin, {place{b.Node, b.Role == api.RoleAdmin}, at}}, s.signer != b.Node
	case *Admission:
		is := p.inviteBy[hash(b.Invite)]
		if is == nil || is.body.(*Invite).ID != s.claim.Invite || s.signer == s.claim.Node || (p.allowed != nil && !p.allowed[s.hash]) {
			return nil, false
		}
		inv, tol := is.body.(*Invite), Tolerance.Milliseconds()
		if at < inv.Created-tol || at > inv.Expires+tol || (inv.Node != "" && inv.Node != s.claim.Node) {
			return nil, false
		}
		if r := p.revokedInvites[inv.ID]; r != 0 && at > r {
			return nil, false
		}
		needs = []need{{place{s.signer, false}, at}}
		if !p.byNetwork(is) {
			// An invite outlives its admin's certificate as long as that is renewed,
			// and ends with a revocation.
			needs = append(needs, need{place{is.signer, true}, inv.Created}, need{place{is.signer, true}, at})
		}
		return needs, true
	}
	return []need{admin}, true
}

// cover adds a span to a node's time lines and returns what holds by it.
func (p *pass) cover(node api.PeerID, sp span) (ready []*item) {
	p.spans[node] = append(p.spans[node], sp)
	from, to := sp.from-Tolerance.Milliseconds(), sp.to+Tolerance.Milliseconds()
	if r := p.revoked[node]; r != 0 {
		to = min(to, r)
	}
	ready = p.meet(place{node, false}, from, to, sp.st)
	if sp.role != api.RoleAdmin {
		return ready
	}
	if d, ok := p.demotion(node, sp); ok {
		to = min(to, d)
	}
	return append(ready, p.meet(place{node, true}, from, to, sp.st)...)
}

// demotion is when the network key took back what sp gave.
func (p *pass) demotion(node api.PeerID, sp span) (int64, bool) {
	d := p.demoted[node]
	i := sort.Search(len(d), func(i int) bool { return d[i] >= sp.decided })
	if i == len(d) {
		return 0, false
	}
	return d[i], true
}

// isAdmin tells whether a node has an adminship that the network key has not taken back.
func (p *pass) isAdmin(node api.PeerID) bool {
	return slices.ContainsFunc(p.spans[node], func(sp span) bool {
		p.steps++
		_, gone := p.demotion(node, sp)
		return sp.role == api.RoleAdmin && !gone
	})
}

// meet takes the points of a line from one time to another off.
func (p *pass) meet(at place, from, to int64, by *statement) (ready []*item) {
	l := p.lines[at]
	if l == nil {
		return nil
	}
	i := sort.Search(len(l.points), func(i int) bool { return l.points[i].at >= from })
	for i = p.unmet(l, i); i < len(l.points) && l.points[i].at <= to; i = p.unmet(l, i) {
		p.steps++
		l.next[i] = i + 1
		it := l.points[i].of
		it.because = append(it.because, by)
		if it.left--; it.left == 0 {
			ready = append(ready, it)
		}
	}
	return ready
}

// open puts the points in order, with none met.
func (l *line) open() {
	slices.SortFunc(l.points, func(a, b point) int { return cmp.Compare(a.at, b.at) })
	l.next = make([]int, len(l.points)+1)
	for i := range l.next {
		l.next[i] = i
	}
}

// unmet is the first point of a line at or after i that is not met. It shortens
// the way for the next time.
func (p *pass) unmet(l *line, i int) int {
	for l.next[i] != i {
		p.steps++
		l.next[i] = l.next[l.next[i]]
		i = l.next[i]
	}
	return i
}
