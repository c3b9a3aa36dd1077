package server

import (
	"cmp"
	"context"
	"errors"
	"io"
	"regexp"
	"slices"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/policy"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

const (
	openWait   = 10 * time.Second // for the first message of a stream
	maxStreams = 1024             // of all borrowers together
)

// ServeLease speaks the lender's side of the lease protocol on st until the
// stream or the lease ends. It blocks; from must be a verified caller. Many
// streams may be served at once.
func (s *Server) ServeLease(ctx context.Context, from api.Caller, st wire.Stream) {
	defer st.Close() //nolint:errcheck // nothing is left to lose
	stop := context.AfterFunc(ctx, func() { reset(st) })
	defer stop()
	select {
	case <-s.ready:
	case <-ctx.Done():
		return
	}
	s.mu.Lock()
	if s.down || s.streams >= maxStreams {
		s.unlock()
		s.refuse(from, st, api.Errorf(api.KindUnavailable, "this node takes no leases now"))
		return
	}
	s.streams++
	s.talks.Add(1)
	s.unlock()
	defer func() {
		s.mu.Lock()
		s.streams--
		s.unlock()
		s.talks.Done()
	}()

	r := wire.NewReader(st, lease.MaxFrame)
	se, err := s.accept(ctx, from, st, r)
	if err != nil {
		s.refuse(from, st, err)
		return
	}
	s.converse(ctx, from, se, r)
}

// refuse says no to the borrower and counts it.
func (s *Server) refuse(from api.Caller, st wire.Stream, err error) {
	s.countRefusal(from, err)
	if werr := refuse(st, err); werr != nil {
		s.log.Debug("a refusal could not be sent", "peer", from.Peer, "err", werr)
		reset(st)
	}
}

func (s *Server) countRefusal(from api.Caller, err error) {
	s.refused.Add(1)
	who := from.String()
	if name := s.name(from.Peer); name != "" {
		who += " (" + name + ")"
	}
	s.log.Warn("refused a lease", "caller", who, "err", err)
	if s.cfg.OnEvent != nil {
		s.cfg.OnEvent(api.Event{Time: time.Now().UTC(), Type: api.EventRefused, Msg: who + " was refused a lease: " + err.Error()})
	}
}

// accept reads Open and finds or makes the lease it asks for.
func (s *Server) accept(ctx context.Context, from api.Caller, st wire.Stream, r *wire.Reader) (*session, error) {
	if err := st.SetReadDeadline(time.Now().Add(openWait)); err != nil {
		return nil, api.Errorf(api.KindUnavailable, "the stream is broken: %w", err)
	}
	kind, payload, err := r.Next()
	if err != nil {
		return nil, api.Errorf(api.KindInvalid, "no open message came: %w", err)
	}
	if kind != lease.KindOpen {
		return nil, wire.UnknownKind(kind)
	}
	var o lease.Open
	if err := wire.Decode(payload, &o); err != nil {
		return nil, err
	}
	if err := checkOpen(o); err != nil {
		return nil, err
	}
	if err := st.SetReadDeadline(time.Time{}); err != nil {
		return nil, api.Errorf(api.KindUnavailable, "the stream is broken: %w", err)
	}
	if err := s.checkImage(ctx, from, o); err != nil {
		return nil, err
	}
	return s.attach(from, st, o)
}

var sane = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

// checkOpen refuses what no borrower of ours would send.
func checkOpen(o lease.Open) error {
	switch {
	case !sane.MatchString(string(o.Lease)) || !sane.MatchString(string(o.Job)):
		return api.Errorf(api.KindInvalid, "the lease or the job has no usable id")
	case !o.Runtime.Valid():
		return api.Errorf(api.KindInvalid, "unknown runtime %q", clip(string(o.Runtime)))
	case o.Slots < 0 || len(o.JobName) > 400 || len(o.Image) > 1000:
		return api.Errorf(api.KindInvalid, "malformed open message")
	case o.Runtime == api.RuntimeWasm && o.Module.IsZero():
		return api.Errorf(api.KindInvalid, "a lease of runtime wasm names its module")
	case o.Runtime == api.RuntimeDocker && o.Image == "":
		return api.Errorf(api.KindInvalid, "a lease of runtime docker names its image")
	case !o.Network.Valid() || !o.Network.None() && o.Runtime != api.RuntimeDocker:
		return api.Errorf(api.KindInvalid, "runtime %s has no network %q", o.Runtime, clip(string(o.Network)))
	case o.ImageID != "" && (!o.ImageID.Valid() || o.Runtime != api.RuntimeDocker):
		return api.Errorf(api.KindInvalid, "malformed open message")
	}
	return policy.CheckNeeds(o.Needs)
}

// imageWait bounds how long a runtime may take to tell whether it has an image.
const imageWait = 5 * time.Second

// checkImage refuses a lease whose image cannot be run here, before the borrower
// sends tasks for it. Who may not run anything learns nothing about images.
func (s *Server) checkImage(ctx context.Context, from api.Caller, o lease.Open) error {
	rt, ok := s.runtimes[o.Runtime].(runtime.Imager)
	if !ok {
		return nil
	}
	s.mu.Lock()
	why := s.barredLocked(from, o.Runtime, o.Network, policy.Slot(o.Needs, s.limits.Load().PerGuest))
	s.unlock()
	if why != nil {
		return why
	}
	ctx, cancel := context.WithTimeout(ctx, imageWait)
	defer cancel()
	err := rt.HasImage(ctx, cmp.Or(string(o.ImageID), o.Image))
	if s.cfg.Images == nil || api.KindOf(err) != api.KindUnsupported {
		return err
	}
	if o.ImageID != "" { // it is brought here before the first task
		return s.TakesImages(ctx, from)
	}
	if s.Pulls(ctx, from, o.Image) != nil {
		return err
	}
	return nil
}

// Pulls says why an image that is only named is not pulled for a member: no row of
// the owner's policy lets it be.
func (s *Server) Pulls(_ context.Context, from api.Caller, name string) error {
	s.mu.Lock()
	defer s.unlock()
	if policy.Decide(s.rules, from, api.ActionPull, api.ImageResource(name)).Allow {
		return nil
	}
	return api.Errorf(api.KindUnsupported, "image %.200s is not on this machine", name).
		WithHint("load it into your own engine, which gives it to lenders that lack it, or have its owner load it there (docker pull, docker load) or let you have it pulled: p2prc lend policy allow PEER pull:%.200s", name)
}

// MayRun says why the owner's rules let a member run nothing on a runtime.
func (s *Server) MayRun(ctx context.Context, who api.Caller, name api.RuntimeName) error {
	if err := s.waitReady(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.unlock()
	if why := s.barredLocked(who, name, api.GuestNone, api.Resources{}); why != nil {
		return why
	}
	return nil
}

// TakesImages says why the owner's policy lets a member bring no images. A node
// that is just starting finds out first what it can run.
func (s *Server) TakesImages(ctx context.Context, from api.Caller) error {
	if err := s.waitReady(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.unlock()
	switch {
	case !slices.Contains(s.limits.Load().Runtimes, api.RuntimeDocker) || !s.infos[api.RuntimeDocker].Available:
		return api.Errorf(api.KindUnsupported, "this node runs no containers")
	case !policy.Decide(s.rules, from, api.ActionImage, api.RuntimeResource(api.RuntimeDocker)).Allow:
		return api.Errorf(api.KindDenied, "the image is not on this node, and its owner's policy does not let you bring any")
	}
	return nil
}

func (s *Server) waitReady(ctx context.Context) error {
	select {
	case <-s.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ImageLimit is how many bytes of images are kept for borrowers.
func (s *Server) ImageLimit() int64 { return s.limits.Load().Images }

// attach makes st the stream of the lease that o asks for.
func (s *Server) attach(from api.Caller, st wire.Stream, o lease.Open) (*session, error) {
	name := s.name(from.Peer)
	s.mu.Lock()
	var old *session
	defer func() {
		s.unlock()
		if old != nil {
			reset(old.st)
		}
	}()
	if s.down {
		return nil, api.Errorf(api.KindUnavailable, "the node is shutting down")
	}
	l, err := s.findLocked(name, from, o)
	if err != nil {
		return nil, err
	}
	old = l.out.Load()
	se := newSession(st, l, func(ctx context.Context, keys []lease.Key) ([]lease.Held, error) {
		return s.cfg.Store.Results(ctx, l.id, keys)
	})
	l.who, l.seen, l.released, l.ceiling = from, time.Now(), false, 0
	l.active = l.seen
	l.out.Store(se)
	s.barLocked(l)
	s.reshareLocked()
	g := &lease.Grant{Share: s.shareLocked(l), TTL: api.Duration(lease.TTL), Grace: api.Duration(lease.Grace), Memory: l.memory, Ended: slices.Clone(l.gaveUp)}
	l.share, l.ceiling = g.Share, max(l.ceiling, g.Credit)
	var again []outgoing
	var begun []lease.Key
	for k, at := range l.attempts {
		if at.state == attemptOver {
			continue
		}
		g.Running = append(g.Running, k)
		if at.begun {
			begun = append(begun, k)
		}
	}
	for k, h := range l.held {
		g.Finished = append(g.Finished, k)
		again = append(again, outgoing{key: k, size: h.size})
	}
	sortKeys(g.Running)
	sortKeys(begun)
	sortKeys(g.Finished)
	slices.SortFunc(again, func(a, b outgoing) int { return compareKeys(a.key, b.key) })
	se.put(func(out *outbox) { *out = outbox{grant: g, started: begun, keys: len(begun)} }) // grant and starts stand for whatever was queued since
	se.finished(again...)
	s.dirty = true
	return se, nil
}

// findLocked is the loan that o names, or a new one if the owner's rules allow it.
func (s *Server) findLocked(name string, from api.Caller, o lease.Open) (*loan, error) {
	if l := s.loans[o.Lease]; l != nil {
		switch {
		case l.peer.id != from.Peer:
			return nil, api.Errorf(api.KindDenied, "that lease is another borrower's")
		case l.ended:
			return nil, api.Errorf(api.KindUnavailable, "that lease is just being ended")
		case l.open.Job != o.Job || l.open.Runtime != o.Runtime:
			return nil, api.Errorf(api.KindConflict, "lease %s is of another job", o.Lease)
		case l.restored:
			l.open, l.restored = o, false
			l.needs = policy.Slot(o.Needs, s.limits.Load().PerGuest)
		case l.open.Module != o.Module || l.open.Image != o.Image || l.open.ImageID != o.ImageID || l.open.Network != o.Network || l.open.Needs != o.Needs:
			return nil, api.Errorf(api.KindConflict, "lease %s was opened for something else", o.Lease)
		}
		l.wanted = o.Slots
		l.live.Store(o.Live)
		return l, nil
	}
	needs := policy.Slot(o.Needs, s.limits.Load().PerGuest)
	if why := s.barredLocked(from, o.Runtime, o.Network, needs); why != nil {
		return nil, why
	}
	if p := s.peers[from.Peer]; p != nil && p.loans >= lease.MaxLeases {
		return nil, api.Errorf(api.KindQuota, "%d leases of yours are open here, which is the most", p.loans)
	}
	l := s.addLoanLocked(name, from, o)
	l.needs = needs
	return l, nil
}

func (s *Server) addLoanLocked(name string, from api.Caller, o lease.Open) *loan {
	p := s.peers[from.Peer]
	if p == nil {
		p = &peer{id: from.Peer, name: name}
		s.peers[from.Peer] = p
	}
	p.loans++
	now := time.Now()
	l := &loan{
		id: o.Lease, peer: p, who: from, open: o, since: now.UTC(), seen: now, active: now,
		attempts: map[lease.Key]*attempt{}, held: map[lease.Key]held{}, pins: map[int64]int{}, slots: map[*slot]struct{}{},
	}
	l.forget()
	l.wanted = o.Slots
	l.live.Store(o.Live)
	l.ctx, l.cancel = context.WithCancel(context.Background()) // ends with the lease, not with a stream
	s.loans[o.Lease] = l
	return l
}

// barredLocked says why the owner's rules forbid who to run this, or nil.
func (s *Server) barredLocked(who api.Caller, name api.RuntimeName, on api.GuestNetwork, needs api.Resources) *api.Error {
	limits, info := s.limits.Load(), s.infos[name]
	switch {
	case who.Role == "":
		return api.Errorf(api.KindDenied, "you are no member of this network any more")
	case !who.Role.Borrows():
		return api.Errorf(api.KindDenied, "a %s does not submit work", who.Role)
	case !slices.Contains(limits.Runtimes, name):
		return api.Errorf(api.KindDenied, "this node does not lend runtime %s", name)
	case !info.Available:
		return api.Errorf(api.KindUnsupported, "runtime %s does not work on this node", name)
	}
	d := policy.Decide(s.rules, who, api.ActionRun, api.RuntimeResource(name))
	if !d.Allow {
		return api.Errorf(api.KindDenied, "the owner's policy does not let you run on runtime %s", name)
	}
	if info.Isolation == isolationNone && !d.ByName {
		return api.Errorf(api.KindDenied, "runtime %s isolates nothing on this node, and its owner does not name you", name)
	}
	if why := s.netBarredLocked(s.rules, who, on); why != nil {
		return why
	}
	if limits.Total.Disk == 0 {
		return api.Errorf(api.KindQuota, "there is no free disk on this node to lend")
	}
	if !needs.Fits(limits.PerGuest) || !needs.Fits(limits.PerPeer) || !needs.Fits(limits.Total) {
		return api.Errorf(api.KindQuota, "a task needs more than this node lends to one guest (%s)", describe(limits.PerGuest))
	}
	return nil
}

// netBarredLocked says why containers of who cannot be on a network here under a
// policy, or nil.
// An engine that has not answered yet forbids nothing: what it gave goes on.
func (s *Server) netBarredLocked(rules []api.Rule, who api.Caller, on api.GuestNetwork) *api.Error {
	info := s.infos[api.RuntimeDocker]
	switch {
	case on.None():
		return nil
	case !policy.Decide(rules, who, api.ActionNetwork, api.NetworkResource(on)).Allow:
		return api.Errorf(api.KindDenied, "the owner's policy does not let your containers have network %s", on).
			WithHint("its owner can: p2prc lend policy allow YOU network:%s", on)
	case info.Available && !slices.Contains(info.Networks, on):
		return api.Errorf(api.KindUnsupported, "containers on this node cannot have network %s", on).
			WithHint("its owner sees why: p2prc lend status")
	}
	return nil
}

// isolationNone is what a runtime says where nothing stands between a guest and
// the machine; only peers the owner lists by name may use it then.
const isolationNone = "none"

// barLocked notes whether l may run under the present rules.
func (s *Server) barLocked(l *loan) {
	l.barred = ""
	if l.restored {
		return
	}
	if why := s.barredLocked(l.who, l.open.Runtime, l.open.Network, l.needs); why != nil {
		l.barred = why.Msg
	}
}

// converse runs an attached stream to its end.
func (s *Server) converse(ctx context.Context, from api.Caller, se *session, r *wire.Reader) {
	ctx, cancel := context.WithCancel(ctx)
	wrote := make(chan error, 1)
	go func() {
		err := se.run(ctx)
		cancel()
		if err != nil || se.st.SetReadDeadline(time.Now().Add(byeWait)) != nil {
			reset(se.st)
		}
		wrote <- err
	}()
	err := s.listen(ctx, se, r)
	s.mu.Lock()
	if se.loan.out.CompareAndSwap(se, nil) {
		se.loan.seen = time.Now()
		s.reshareLocked()
	}
	s.unlock()
	cancel()
	werr := <-wrote
	switch {
	case errors.Is(err, io.EOF) || werr == nil:
	case api.KindOf(err) == api.KindCorrupt || api.KindOf(err) == api.KindInvalid:
		s.countRefusal(from, err)
		reset(se.st)
	default:
		s.log.Debug("a lease's stream broke", "lease", se.loan.id, "read", err, "write", werr)
		reset(se.st)
	}
}

// listen handles what the borrower sends until the stream ends.
func (s *Server) listen(ctx context.Context, se *session, r *wire.Reader) error {
	for {
		if err := se.waitRoom(ctx); err != nil {
			return err
		}
		kind, payload, err := r.Next()
		if err != nil {
			return err
		}
		if err := s.message(se, kind, payload); err != nil {
			return err
		}
	}
}

func reset(st wire.Stream) { _ = st.Reset() } // it is given up either way
