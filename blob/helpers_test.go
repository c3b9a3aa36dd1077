package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lukechampine.com/blake3"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/leak"
	"github.com/Akilan1999/p2p-rendering-computation/store"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

func TestMain(m *testing.M) {
	if os.Getenv(inTmpfs) != "" {
		os.Exit(fillDisk())
	}
	leak.Main(m)
}

var (
	ctx   = context.Background()
	quiet = slog.New(slog.DiscardHandler)
)

// random is n bytes that depend on seed only.
func random(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	if _, err := r.Read(b); err != nil {
		panic(err)
	}
	return b
}

func openStore(t testing.TB, dir string, quota int64, idx Index) *Store {
	t.Helper()
	s, err := Open(dir, quota, idx, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func memStore(t testing.TB, quota int64) *Store {
	t.Helper()
	return openStore(t, t.TempDir(), quota, NewMemory())
}

func sqliteIndex(t testing.TB) Index {
	t.Helper()
	db, err := store.Open(ctx, filepath.Join(t.TempDir(), "state.db"), quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db.Blobs()
}

var _ Index = (*store.Blobs)(nil)

// eachIndex runs a test with both indexes.
func eachIndex(t *testing.T, test func(t *testing.T, idx Index)) {
	t.Run("memory", func(t *testing.T) { test(t, NewMemory()) })
	t.Run("sqlite", func(t *testing.T) { test(t, sqliteIndex(t)) })
}

func put(t testing.TB, s *Store, data []byte) api.BlobID {
	t.Helper()
	info, err := s.Put(ctx, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if info.ID != blake3.Sum256(data) || info.Size != int64(len(data)) {
		t.Fatalf("put says %+v", info)
	}
	return info.ID
}

// holds checks that the store has exactly these bytes, by every way to read them.
func holds(t testing.TB, s *Store, data []byte) {
	t.Helper()
	id := api.BlobID(blake3.Sum256(data))
	size, err := s.Size(id)
	if err != nil || size != int64(len(data)) || !s.Has(id) {
		t.Fatalf("size %d, %v, has %v; want %d", size, err, s.Has(id), len(data))
	}
	r, err := s.Reader(id)
	if err != nil {
		t.Fatal(err)
	}
	same(t, r, data)
	f, err := s.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	same(t, f, data)
	path, err := s.Path(id)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("the file has %d bytes, %v; want %d", len(got), err, len(data))
	}
}

func same(t testing.TB, r io.ReadCloser, data []byte) {
	t.Helper()
	got, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("read %d bytes, %v; want %d", len(got), err, len(data))
	}
}

func isKind(t testing.TB, err error, kind api.Kind) {
	t.Helper()
	if api.KindOf(err) != kind {
		t.Errorf("got %v (%s), want %s", err, api.KindOf(err), kind)
	}
}

// leftovers are the files in tmp/.
func leftovers(t testing.TB, s *Store) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(s.tmp())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// settled checks the accounts: nothing reserved, nothing left over, used as indexed.
func settled(t testing.TB, s *Store) {
	t.Helper()
	_, bytes, _, err := s.idx.Totals(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || s.reserved != 0 || s.used != bytes || s.quota > 0 && bytes > s.quota {
		t.Errorf("reserved %d, used %d, indexed %d, quota %d, %v", s.reserved, s.used, bytes, s.quota, err)
	}
	if left := leftovers(t, s); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// stream makes a wire.Stream of a connection.
type stream struct {
	net.Conn
	once sync.Once
}

func (s *stream) CloseWrite() error {
	if c, ok := s.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return s.Close()
}
func (s *stream) Reset() error { return s.Close() }
func (s *stream) Close() (err error) {
	s.once.Do(func() { err = s.Conn.Close() })
	return err
}

// holder is a peer: what it does with a stream.
type holder func(wire.Stream)

// pool is a Dialer to holders; tcp makes its streams TCP connections, else pipes.
type pool struct {
	tcp bool

	mu      sync.Mutex
	holders map[api.PeerID]holder
	dials   map[api.PeerID]int
	wg      sync.WaitGroup
	ends    []io.Closer
}

func newPool(t testing.TB) *pool {
	p := &pool{holders: map[api.PeerID]holder{}, dials: map[api.PeerID]int{}}
	t.Cleanup(p.end)
	return p
}

func (p *pool) end() {
	p.mu.Lock()
	for _, c := range p.ends {
		if err := c.Close(); err != nil {
			continue // closed already
		}
	}
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *pool) add(id api.PeerID, h holder) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holders[id] = h
}

// serve makes an honest holder of an exchange.
func (p *pool) serve(id api.PeerID, x *Exchange) {
	p.add(id, func(st wire.Stream) {
		x.Serve(ctx, api.Caller{Peer: "asker", Role: "member"}, st)
	})
}

func (p *pool) OpenStream(ctx context.Context, peer api.PeerID, protocol string) (wire.Stream, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dials[peer]++
	h := p.holders[peer]
	if h == nil || protocol != Protocol {
		return nil, api.Errorf(api.KindUnavailable, "%s cannot be reached", peer)
	}
	a, b, err := p.pair()
	if err != nil {
		return nil, err
	}
	p.ends = append(p.ends, a, b)
	p.wg.Go(func() { defer b.Close(); h(b) })
	return a, nil
}

func (p *pool) pair() (a, b *stream, err error) {
	if !p.tcp {
		x, y := net.Pipe()
		return &stream{Conn: x}, &stream{Conn: y}, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	x, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	y, err := l.Accept()
	return &stream{Conn: x}, &stream{Conn: y}, err
}

// exchange makes an Exchange over s that ends with the test.
func exchange(t testing.TB, s *Store, p *pool) *Exchange {
	t.Helper()
	x := NewExchange(s, p, quiet)
	t.Cleanup(func() {
		if err := x.close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

func deadline(t testing.TB) context.Context {
	c, cancel := context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancel)
	return c
}

func contains(err error, words ...string) bool {
	for _, w := range words {
		if err == nil || !strings.Contains(err.Error(), w) {
			return false
		}
	}
	return true
}

// memStream is a stream whose other side has said all it will say.
type memStream struct {
	in    *bytes.Reader
	out   bytes.Buffer
	ended bool
}

func (m *memStream) Read(p []byte) (int, error)       { return m.in.Read(p) }
func (m *memStream) Write(p []byte) (int, error)      { return m.out.Write(p) }
func (m *memStream) Close() error                     { m.ended = true; return nil }
func (m *memStream) Reset() error                     { m.ended = true; return nil }
func (m *memStream) CloseWrite() error                { return nil }
func (m *memStream) SetDeadline(time.Time) error      { return nil }
func (m *memStream) SetReadDeadline(time.Time) error  { return nil }
func (m *memStream) SetWriteDeadline(time.Time) error { return nil }
