package job

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// lender is a fake lending node that speaks the real protocol and keeps its
// promises: it holds results until they are acknowledged, over broken streams
// and over kill(). What it should do wrong is set on it.
type lender struct {
	id     api.PeerID
	slots  int
	credit int
	exec   func(lease.Task) lease.Result // nil: exit 0, stdout is the joined args
	takes  func(lease.Task) time.Duration
	stages func(lease.Task) bool                                     // its inputs never come
	tweak  func(w *wire.Writer, kind wire.Kind, payload []byte) bool // true: it was answered by the test itself
	refuse *lease.Refuse

	mu      sync.Mutex
	gone    bool // cannot be dialled
	leases  map[api.LeaseID]*loaned
	streams map[*memStream]bool
	ran     map[api.TaskID]int // executions that ended here
	begun   map[api.TaskID]int
	opens   int
	resumes int
	maxOut  int // most attempts outstanding
	broke   string
	epoch   int
}

type loaned struct {
	open    lease.Open
	queue   []lease.Task
	staging []lease.Task
	running map[lease.Key]bool
	held    map[lease.Key]lease.Result
	w       *wire.Writer
	st      *memStream
	over    bool
	share   lease.Share
}

func newLender(id api.PeerID, slots int) *lender {
	return &lender{id: id, slots: slots, credit: 1024, leases: map[api.LeaseID]*loaned{}, streams: map[*memStream]bool{},
		ran: map[api.TaskID]int{}, begun: map[api.TaskID]int{}}
}

func (l *lender) away() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gone
}

// cut breaks all streams; with away nobody reaches it until back.
func (l *lender) cut(away bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = away
	for st := range l.streams {
		st.Reset()
	}
}

func (l *lender) back() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = false
}

// kill is kill -9: what ran and was queued is gone, held results are not.
func (l *lender) kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = true
	l.epoch++
	for st := range l.streams {
		st.Reset()
	}
	for _, x := range l.leases {
		x.queue, x.running = nil, map[lease.Key]bool{}
	}
}

// freeze is SIGSTOP: nothing moves, streams stay open.
func (l *lender) freeze(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for st := range l.streams {
		st.in.freeze(on)
		st.out.freeze(on)
	}
}

func (l *lender) setShare(sh lease.Share) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range l.leases {
		x.share = sh
		l.send(x, lease.KindUpdate, sh)
		l.start(x)
	}
}

func (l *lender) serve(st *memStream) {
	w, r := wire.NewWriter(st, lease.MaxFrame), wire.NewReader(st, lease.MaxFrame)
	l.mu.Lock()
	l.streams[st] = true
	l.mu.Unlock()
	var x *loaned
	defer func() {
		l.mu.Lock()
		delete(l.streams, st)
		if x != nil && x.st == st {
			x.st, x.w = nil, nil
		}
		l.mu.Unlock()
		st.Close()
	}()
	for {
		kind, payload, err := r.Next()
		if err != nil {
			return
		}
		if l.tweak != nil && l.tweak(w, kind, payload) {
			continue
		}
		l.mu.Lock()
		var done bool
		if x == nil {
			x, done = l.open(st, w, kind, payload)
		} else {
			done = l.handle(x, kind, payload)
		}
		l.mu.Unlock()
		if done {
			return
		}
	}
}

func (l *lender) open(st *memStream, w *wire.Writer, kind wire.Kind, payload []byte) (*loaned, bool) {
	var o lease.Open
	if kind != lease.KindOpen || wire.Decode(payload, &o) != nil {
		l.broke = "first frame is no Open"
		return nil, true
	}
	l.opens++
	x := l.leases[o.Lease]
	switch {
	case l.refuse != nil:
		w.Send(lease.KindRefuse, l.refuse)
		return nil, true
	case o.Resume && x == nil:
		w.Send(lease.KindRefuse, lease.Refuse{Kind: api.KindNotFound, Msg: "no such lease"})
		return nil, true
	case o.Resume:
		l.resumes++
		if x.st != nil {
			x.st.Reset()
		}
	default:
		x = &loaned{open: o, running: map[lease.Key]bool{}, held: map[lease.Key]lease.Result{}, share: lease.Share{Slots: l.slots, Credit: l.credit, State: api.LendOpen}}
		l.leases[o.Lease] = x
	}
	x.w, x.st = w, st
	g := lease.Grant{Share: x.share, TTL: api.Duration(lease.TTL), Grace: api.Duration(lease.Grace), Memory: fmt.Sprint("after ", l.epoch)}
	for k := range x.running {
		g.Running = append(g.Running, k)
	}
	for _, t := range x.queue {
		g.Running = append(g.Running, t.Key)
	}
	for k := range x.held {
		g.Finished = append(g.Finished, k)
	}
	l.send(x, lease.KindGrant, g)
	if began := slices.Collect(maps.Keys(x.running)); len(began) > 0 {
		l.send(x, lease.KindStarted, lease.Keys{Keys: sortKeys(began)})
	}
	for _, k := range sortKeys(slices.Collect(maps.Keys(x.held))) {
		l.send(x, lease.KindFinished, lease.Finished{Results: []lease.Result{x.held[k]}})
	}
	return x, false
}

func sortKeys(k []lease.Key) []lease.Key { slices.SortFunc(k, compareKeys); return k }

func (l *lender) send(x *loaned, kind wire.Kind, v any) {
	if x.w != nil {
		w := x.w
		if err := w.Send(kind, v); err != nil && !errors.Is(err, errReset) {
			x.w = nil
		}
	}
}

func (l *lender) handle(x *loaned, kind wire.Kind, payload []byte) (done bool) {
	switch kind {
	case lease.KindAssign:
		var a lease.Assign
		if wire.Decode(payload, &a) != nil || len(a.Tasks) > lease.MaxBatch {
			l.broke = "bad Assign"
			return true
		}
		for _, t := range a.Tasks {
			if _, held := x.held[t.Key]; held || x.running[t.Key] {
				l.broke = fmt.Sprintf("task %d attempt %d assigned twice", t.Task, t.Attempt)
			}
			if l.stages != nil && l.stages(t) {
				x.staging = append(x.staging, t)
			} else {
				x.queue = append(x.queue, t)
			}
		}
		n := len(x.queue) + len(x.staging) + len(x.running)
		l.maxOut = max(l.maxOut, n)
		if n > l.credit {
			l.broke = fmt.Sprintf("%d attempts outstanding, credit %d", n, l.credit)
		}
		l.start(x)
	case lease.KindCancel:
		var k lease.Cancel
		if wire.Decode(payload, &k) != nil {
			l.broke = "bad Cancel"
			return true
		}
		var back []lease.Key
		for _, key := range k.Keys {
			is := func(t lease.Task) bool { return t.Key == key }
			if slices.ContainsFunc(x.queue, is) || slices.ContainsFunc(x.staging, is) {
				x.queue, x.staging = slices.DeleteFunc(x.queue, is), slices.DeleteFunc(x.staging, is)
				back = append(back, key)
			} else if x.running[key] && !k.Unbegun {
				delete(x.running, key)
				back = append(back, key)
			}
		}
		if len(back) > 0 {
			l.send(x, lease.KindGivenBack, lease.GivenBack{Keys: back, Cause: api.CauseCanceled, Reason: "canceled"})
		}
		l.start(x)
	case lease.KindAck:
		var k lease.Keys
		if wire.Decode(payload, &k) != nil {
			l.broke = "bad Ack"
			return true
		}
		for _, key := range k.Keys {
			delete(x.held, key)
		}
	case lease.KindRenew:
		l.send(x, lease.KindRenewed, struct{}{})
	case lease.KindRelease:
		x.over = true
	default:
		l.broke = "unknown kind"
		return true
	}
	if x.over && len(x.queue)+len(x.running)+len(x.held) == 0 {
		delete(l.leases, x.open.Lease)
		return true
	}
	return false
}

// start runs queued tasks while there are slots; those that take no time end at once, in a batch.
func (l *lender) start(x *loaned) {
	var began []lease.Key
	var batch []lease.Result
	for len(x.queue) > 0 && len(x.running) < x.share.Slots && (x.share.State == api.LendOpen || x.share.State == "") {
		t := x.queue[0]
		x.queue = x.queue[1:]
		began = append(began, t.Key)
		l.begun[t.Task]++
		d := time.Duration(0)
		if l.takes != nil {
			d = l.takes(t)
		}
		if d == 0 {
			batch = append(batch, l.result(x, t, d))
			continue
		}
		x.running[t.Key] = true
		epoch := l.epoch
		time.AfterFunc(d, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.epoch == epoch && x.running[t.Key] {
				delete(x.running, t.Key)
				r := l.result(x, t, d)
				l.send(x, lease.KindFinished, lease.Finished{Results: []lease.Result{r}})
				l.start(x)
			}
		})
	}
	for len(began) > 0 {
		n := min(len(began), lease.MaxBatch)
		l.send(x, lease.KindStarted, lease.Keys{Keys: began[:n]})
		began = began[n:]
	}
	for len(batch) > 0 {
		n := min(len(batch), lease.MaxBatch)
		l.send(x, lease.KindFinished, lease.Finished{Results: batch[:n]})
		batch = batch[n:]
	}
}

func (l *lender) result(x *loaned, t lease.Task, took time.Duration) lease.Result {
	l.ran[t.Task]++
	r := lease.Result{Stdout: api.Stream{Inline: []byte(fmt.Sprint(t.Args)), Size: int64(len(fmt.Sprint(t.Args)))}}
	if l.exec != nil {
		r = l.exec(t)
	}
	r.Key, r.Usage.Wall = t.Key, api.Duration(took)
	x.held[t.Key] = r
	return r
}

func (l *lender) counts() (ran, begun map[api.TaskID]int, broke string, held int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range l.leases {
		held += len(x.held)
	}
	return maps.Clone(l.ran), maps.Clone(l.begun), l.broke, held
}
