package p2p

import (
	"bytes"
	"context"
	"crypto/sha256"
	"maps"
	"slices"
	"sync"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Store keeps what must outlive a run. Implementations are safe for concurrent use.
type Store interface {
	MembershipStore
	PeerStore
}

// MembershipStore keeps the signed statements of networks.
type MembershipStore interface {
	// Statements returns every statement of a network, in any order.
	Statements(ctx context.Context, network api.NetworkID) ([][]byte, error)
	// AddStatements keeps statements; one that is there already is left alone. They
	// are durable when it returns.
	AddStatements(ctx context.Context, network api.NetworkID, statements [][]byte) error
}

// PeerStore keeps the peer table.
type PeerStore interface {
	// KnownPeers returns the remembered peers of a network.
	KnownPeers(ctx context.Context, network api.NetworkID) ([]api.KnownPeer, error)
	// SaveKnownPeers adds or replaces peers of a network.
	SaveKnownPeers(ctx context.Context, network api.NetworkID, peers []api.KnownPeer) error
}

// MemoryStore is a Store that forgets everything with the process.
type MemoryStore struct {
	mu         sync.Mutex // guards what follows
	statements map[api.NetworkID]map[[sha256.Size]byte][]byte
	peers      map[api.NetworkID]map[api.PeerID]api.KnownPeer
}

var _ Store = (*MemoryStore)(nil)

// Statements implements MembershipStore.
func (m *MemoryStore) Statements(_ context.Context, network api.NetworkID) ([][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Values(m.statements[network])), nil
}

// AddStatements implements MembershipStore.
func (m *MemoryStore) AddStatements(_ context.Context, network api.NetworkID, statements [][]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.statements == nil {
		m.statements = map[api.NetworkID]map[[sha256.Size]byte][]byte{}
	}
	if m.statements[network] == nil {
		m.statements[network] = map[[sha256.Size]byte][]byte{}
	}
	for _, s := range statements {
		m.statements[network][sha256.Sum256(s)] = bytes.Clone(s)
	}
	return nil
}

// KnownPeers implements PeerStore.
func (m *MemoryStore) KnownPeers(_ context.Context, network api.NetworkID) ([]api.KnownPeer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Values(m.peers[network])), nil
}

// SaveKnownPeers implements PeerStore.
func (m *MemoryStore) SaveKnownPeers(_ context.Context, network api.NetworkID, peers []api.KnownPeer) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.peers == nil {
		m.peers = map[api.NetworkID]map[api.PeerID]api.KnownPeer{}
	}
	if m.peers[network] == nil {
		m.peers[network] = map[api.PeerID]api.KnownPeer{}
	}
	for _, p := range peers {
		p.Record = bytes.Clone(p.Record)
		m.peers[network][p.ID] = p
	}
	return nil
}
