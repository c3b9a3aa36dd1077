package server

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// maxSaves bounds one transaction; what is more waits for the next.
const maxSaves = 2048

// journal writes down what must outlive this process before anybody is told of
// it. One goroutine takes all that gathered while it wrote the last batch, so
// that a disk that needs 5 ms for a sync still journals thousands of results a
// second.
type journal struct {
	store   Store
	blobs   Blobs
	log     *slog.Logger
	gather  time.Duration                  // least time between two batches
	saved   func(done []saving, err error) // told after each batch
	pinning func(l *loan, results int) int64

	wake chan struct{}

	mu   sync.Mutex // guards what follows; a leaf
	next pending
}

// saving is a result on its way to the disk.
type saving struct {
	at    *attempt
	key   lease.Key
	body  []byte
	blobs []api.BlobID
	pin   int64
	// bytes of blobs
	stored int64
}

type pending struct {
	saves   []saving
	drops   []lease.Held
	unpin   []string
	end     []api.LeaseID
	usage   map[usageKey]api.UsageRow
	flushed []chan error
}

type usageKey struct {
	day  string
	peer api.PeerID
	job  api.JobID
}

// pinPrefix begins the names of all owners of pins made here, and of no others.
const pinPrefix = "lease/"

// pinOwner is the owner of the pins of one generation of a lease's outputs.
func pinOwner(id api.LeaseID, generation int64) string {
	return fmt.Sprintf(pinPrefix+"%s/%d", id, generation)
}

// inputOwner is the owner of the pins of a lease's shared inputs.
func inputOwner(id api.LeaseID) string { return pinPrefix + string(id) + "/in" }

func (j *journal) put(fn func(p *pending)) {
	j.mu.Lock()
	fn(&j.next)
	j.mu.Unlock()
	notify(j.wake)
}

// charge adds to the ledger.
func (j *journal) charge(who api.PeerID, job api.JobID, now time.Time, row api.UsageRow) {
	k := usageKey{now.UTC().Format(time.DateOnly), who, job}
	j.put(func(p *pending) {
		if p.usage == nil {
			p.usage = map[usageKey]api.UsageRow{}
		}
		sum := p.usage[k]
		sum.Day, sum.Peer, sum.Job = k.day, k.peer, k.job
		p.usage[k] = addUsage(sum, row)
	})
}

func addUsage(a, b api.UsageRow) api.UsageRow {
	a.Tasks += b.Tasks
	a.CPUSeconds += b.CPUSeconds
	a.MemorySeconds += b.MemorySeconds
	a.GPUSeconds += b.GPUSeconds
	a.BytesIn += b.BytesIn
	a.BytesOut += b.BytesOut
	return a
}

// flush returns when everything put before it is durable.
func (j *journal) flush(ctx context.Context) error {
	c := make(chan error, 1)
	j.put(func(p *pending) { p.flushed = append(p.flushed, c) })
	select {
	case err := <-c:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run writes batches until stop is closed and nothing is left to write.
func (j *journal) run(ctx context.Context, stop <-chan struct{}) {
	var last time.Time
	for {
		select {
		case <-j.wake:
			if early := j.gather - time.Since(last); early > 0 {
				select {
				case <-time.After(early):
				case <-stop:
				}
			}
			j.write(ctx)
			last = time.Now()
		case <-stop:
			for j.write(ctx) {
			}
			return
		}
	}
}

// write makes one batch durable and tells whether there was one.
func (j *journal) write(ctx context.Context) bool {
	j.mu.Lock()
	p := j.next
	j.next = pending{}
	if len(p.saves) > maxSaves {
		// what ends or flushes must come after every save put before it
		j.next = pending{saves: p.saves[maxSaves:], end: p.end, unpin: p.unpin, drops: p.drops, flushed: p.flushed}
		p.saves, p.end, p.unpin, p.drops, p.flushed = p.saves[:maxSaves:maxSaves], nil, nil, nil, nil
		notify(j.wake)
	}
	j.mu.Unlock()
	if len(p.saves)+len(p.drops)+len(p.end)+len(p.unpin)+len(p.usage)+len(p.flushed) == 0 {
		return false
	}
	err := j.apply(ctx, &p)
	if err != nil {
		j.log.Error("the lender's journal cannot be written", "err", err, "results", len(p.saves))
		j.mu.Lock()
		j.next.again(p) // with the next batch; the server's tick sees to it that there is one
		j.mu.Unlock()
	}
	if len(p.saves) > 0 {
		j.saved(p.saves, err)
	}
	for _, c := range p.flushed {
		c <- err
	}
	return err == nil || len(p.saves) > 0
}

// again keeps what a failed batch should have changed for the next one. Results
// are not kept: their attempts are given back.
func (p *pending) again(failed pending) {
	p.drops = append(failed.drops, p.drops...)
	p.unpin = append(failed.unpin, p.unpin...)
	p.end = append(failed.end, p.end...)
	for k, row := range failed.usage {
		if p.usage == nil {
			p.usage = map[usageKey]api.UsageRow{}
		}
		sum := p.usage[k]
		sum.Day, sum.Peer, sum.Job = k.day, k.peer, k.job
		p.usage[k] = addUsage(sum, row)
	}
}

// apply pins, writes and unpins. The order is what keeps a crash harmless: a
// lease is known before anything is pinned for it, outputs are pinned before the
// journal names them, and pins go before the results that need them: a result
// without pins was acknowledged, so its borrower has it.
func (j *journal) apply(ctx context.Context, p *pending) error {
	b := lease.Batch{Drop: p.drops, End: p.end}
	for _, row := range p.usage {
		b.Usage = append(b.Usage, row)
	}
	groups, opens := byLoan(p.saves)
	pinned := false
	for _, g := range groups {
		pinned = pinned || len(g.blobs) > 0
	}
	if pinned && len(opens) > 0 {
		if err := j.store.Apply(ctx, lease.Batch{Open: opens}); err != nil {
			return err
		}
		opens = nil
	}
	b.Open = opens
	for l, g := range groups {
		if len(g.blobs) == 0 {
			continue
		}
		gen := j.pinning(l, len(g.with))
		if err := j.blobs.Pin(ctx, pinOwner(l.id, gen), g.blobs...); err != nil {
			return err
		}
		for _, i := range g.with {
			p.saves[i].pin = gen
		}
	}
	for _, sv := range p.saves {
		b.Save = append(b.Save, lease.Held{Lease: sv.at.loan.id, Key: sv.key, Pin: sv.pin, Size: len(sv.body), Result: sv.body})
	}
	for _, owner := range p.unpin {
		if err := j.blobs.Unpin(ctx, owner); err != nil {
			j.log.Warn("outputs that nobody needs stay pinned for now", "owner", owner, "err", err)
			j.mu.Lock()
			j.next.unpin = append(j.next.unpin, owner) // with the next batch, whenever that is
			j.mu.Unlock()
		}
	}
	p.unpin = nil // done, should what follows fail
	if b.Empty() {
		return nil
	}
	return j.store.Apply(ctx, b)
}

// group is what one batch has of one lease.
type group struct {
	blobs []api.BlobID
	with  []int // the saves that have blobs
}

func byLoan(saves []saving) (map[*loan]*group, []lease.Record) {
	groups := map[*loan]*group{}
	var opens []lease.Record
	for i, sv := range saves {
		l := sv.at.loan
		g := groups[l]
		if g == nil {
			g = &group{}
			groups[l] = g
			if !l.recorded.Load() {
				opens = append(opens, l.record())
			}
		}
		if len(sv.blobs) > 0 {
			g.blobs = append(g.blobs, sv.blobs...)
			g.with = append(g.with, i)
		}
	}
	return groups, opens
}
