package job

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

var errReset = errors.New("stream reset")

// half is one direction of an in-memory stream, with a bound like a socket's.
type half struct {
	mu       sync.Mutex
	cond     *sync.Cond
	buf      []byte
	eof      bool
	err      error
	rd, wd   time.Time
	frozen   bool // SIGSTOP of the reader's peer: bytes stay where they are
	maxBytes int
}

func newHalf() *half {
	h := &half{maxBytes: 256 << 10}
	h.cond = sync.NewCond(&h.mu)
	return h
}

func (h *half) deadline(d *time.Time, t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	*d = t
	if !t.IsZero() {
		time.AfterFunc(time.Until(t), func() { h.mu.Lock(); h.cond.Broadcast(); h.mu.Unlock() })
	}
	h.cond.Broadcast()
}

func passed(t time.Time) bool { return !t.IsZero() && !time.Now().Before(t) }

func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.err != nil:
			return 0, h.err
		case len(h.buf) > 0 && !h.frozen:
			n := copy(p, h.buf)
			h.buf = h.buf[n:]
			h.cond.Broadcast()
			return n, nil
		case h.eof && !h.frozen:
			return 0, io.EOF
		case passed(h.rd):
			return 0, os.ErrDeadlineExceeded
		}
		h.cond.Wait()
	}
}

func (h *half) write(p []byte) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(p) > 0 {
		switch room := h.maxBytes - len(h.buf); {
		case h.err != nil:
			return n, h.err
		case h.eof:
			return n, io.ErrClosedPipe
		case room > 0:
			k := min(room, len(p))
			h.buf = append(h.buf, p[:k]...)
			p, n = p[k:], n+k
			h.cond.Broadcast()
			continue
		case passed(h.wd):
			return n, os.ErrDeadlineExceeded
		}
		h.cond.Wait()
	}
	return n, nil
}

func (h *half) end(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.eof = true
	} else if h.err == nil {
		h.err = err
	}
	h.cond.Broadcast()
}

func (h *half) freeze(on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.frozen = on
	h.cond.Broadcast()
}

type memStream struct{ in, out *half }

func streamPair() (a, b *memStream) {
	x, y := newHalf(), newHalf()
	return &memStream{x, y}, &memStream{y, x}
}

func (s *memStream) Read(p []byte) (int, error)  { return s.in.read(p) }
func (s *memStream) Write(p []byte) (int, error) { return s.out.write(p) }
func (s *memStream) CloseWrite() error           { s.out.end(nil); return nil }
func (s *memStream) Close() error                { s.out.end(nil); s.in.end(errReset); return nil }
func (s *memStream) Reset() error                { s.out.end(errReset); s.in.end(errReset); return nil }
func (s *memStream) SetReadDeadline(t time.Time) error {
	s.in.deadline(&s.in.rd, t)
	return nil
}
func (s *memStream) SetWriteDeadline(t time.Time) error {
	s.out.deadline(&s.out.wd, t)
	return nil
}
func (s *memStream) SetDeadline(t time.Time) error {
	return errors.Join(s.SetReadDeadline(t), s.SetWriteDeadline(t))
}

var _ wire.Stream = (*memStream)(nil)

// pool is a network of fake lenders: a Dialer and a Directory.
type pool struct {
	mu      sync.Mutex
	lenders map[api.PeerID]*lender
	peers   []api.Peer
	wg      sync.WaitGroup
}

func newPool() *pool { return &pool{lenders: map[api.PeerID]*lender{}} }

func (p *pool) Peers() []api.Peer {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]api.Peer(nil), p.peers...)
}

func (p *pool) OpenStream(ctx context.Context, peer api.PeerID, _ string) (wire.Stream, error) {
	p.mu.Lock()
	l := p.lenders[peer]
	p.mu.Unlock()
	if l == nil || l.away() {
		return nil, api.Errorf(api.KindUnavailable, "peer %s cannot be reached", peer)
	}
	a, b := streamPair()
	p.wg.Go(func() { l.serve(b) })
	return a, nil
}

func fakePeer(id api.PeerID) api.Peer {
	return api.Peer{State: api.PeerAlive, Record: api.Record{ID: id, Name: "n-" + string(id), Seq: 1, Role: api.RoleMember, Lending: api.LendOpen,
		Total: api.Resources{CPU: 8, Memory: 8 << 30}, Free: api.Resources{CPU: 8, Memory: 8 << 30},
		Specs: api.Specs{OS: "linux (debian 12)", Cores: 8, Memory: 16 << 30}, Labels: map[string]string{"room": "lab"},
		Runtimes: []api.RuntimeInfo{{Name: api.RuntimeWasm, Available: true, Enabled: true}, {Name: api.RuntimeProcess, Available: true, Enabled: true}}}}
}

func (p *pool) add(l *lender) *lender {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lenders[l.id] = l
	p.peers = append(p.peers, fakePeer(l.id))
	return l
}
