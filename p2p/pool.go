package p2p

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/p2p/membership"
)

// pool is a network as this home knows it, with a host running or not. A home
// that joins or leaves gets a new one.
type pool struct {
	id    api.NetworkID
	log   *membership.Log
	table *table
	store Store

	mu  sync.Mutex     // guards key
	key crypto.PrivKey // the network key, nil where it is not held
}

// networkKey is the network key, nil where it is not held.
func (p *pool) networkKey() crypto.PrivKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.key
}

// hold makes key the network key here; nil: none is held any more.
func (p *pool) hold(key crypto.PrivKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key = key
}

// openPool loads a network from the store.
func openPool(ctx context.Context, id api.NetworkID, key crypto.PrivKey, store Store, self api.PeerID, log *slog.Logger) (*pool, error) {
	p := &pool{id: id, key: key, log: membership.NewLog(id), table: newTable(), store: store}
	statements, err := store.Statements(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := p.log.Load(statements...); err != nil {
		// One that rotted on disk must not cost the others: load what holds.
		log.Warn("membership log is damaged", "err", err)
		for _, s := range statements {
			if err := p.log.Load(s); err != nil {
				log.Warn("dropped a statement", "err", err)
			}
		}
		if err := p.log.Load(statements...); err != nil {
			log.Debug("membership log loaded in part", "err", err)
		}
	}
	known, err := store.KnownPeers(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, k := range known {
		rec, err := openRecord(k.Record)
		if err != nil || rec.ID != k.ID || rec.ID == self {
			continue // its node will send a good one
		}
		p.table.restore(rec, k)
	}
	return p, nil
}

// add takes statements in and makes the new ones durable.
func (p *pool) add(ctx context.Context, now time.Time, statements ...[]byte) ([][]byte, error) {
	added, err := p.log.Add(now, statements...)
	if len(added) > 0 {
		if serr := p.store.AddStatements(ctx, p.id, added); serr != nil {
			return added, &api.Error{Kind: api.KindInternal, Msg: "cannot save the membership log", Err: serr}
		}
	}
	return added, err
}

// savePeers writes what changed in the peer table.
func (p *pool) savePeers(ctx context.Context) error {
	dirty := p.table.takeDirty()
	if len(dirty) == 0 {
		return nil
	}
	if err := p.store.SaveKnownPeers(ctx, p.id, dirty); err != nil {
		p.table.redirty(dirty)
		return err
	}
	return nil
}

// alone tells whether no other node was ever admitted and stands.
func (p *pool) alone(self api.PeerID) bool {
	for _, m := range p.log.Members() {
		if m.ID != self && !m.Revoked {
			return false
		}
	}
	return true
}
