// Package wire is the one framing and the one codec of P2PRC's stream
// protocols: between nodes, and between a node and the agent in a sandbox.
//
// A frame is
//
//	uint32 big-endian  length of what follows: 1 + len(payload)
//	uint8              kind, its meaning given by the protocol
//	bytes              payload
//
// A payload is either raw bytes (file and output data) or JSON (everything
// else); the protocol's list of kinds says which. Readers bound a frame's
// length before they allocate, ignore unknown JSON fields, and refuse unknown
// kinds. A new meaning of an old frame is a new protocol id.
package wire

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// MaxFrame is the largest payload any protocol may allow, in bytes.
const MaxFrame = 4 << 20

// Stream is a two-way byte stream between two nodes, as a transport gives it.
// It is safe for one reader and one writer at a time.
type Stream interface {
	io.ReadWriteCloser
	// CloseWrite ends this side's data; the other side reads EOF.
	CloseWrite() error
	// Reset ends both directions at once; the other side reads an error.
	Reset() error
	SetDeadline(t time.Time) error
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
}

// Kind is a frame's first byte; each protocol lists its own.
type Kind uint8

// ErrFrameTooLarge is the cause of the error when a peer announces a frame over the limit.
var ErrFrameTooLarge = errors.New("frame too large")

// Reader reads frames. It is not safe for concurrent use.
type Reader struct {
	r   *bufio.Reader
	max int
	buf []byte
}

// NewReader reads frames of at most max payload bytes (capped at MaxFrame) from r.
func NewReader(r io.Reader, max int) *Reader { return NewReaderSize(r, max, 32<<10) }

// NewReaderSize is NewReader with the size of what is read ahead.
func NewReaderSize(r io.Reader, max, ahead int) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, ahead), max: min(max, MaxFrame)}
}

// Next reads a frame. The payload is valid until the next call. At a clean end
// between frames the error is io.EOF; inside a frame io.ErrUnexpectedEOF.
func (r *Reader) Next() (Kind, []byte, error) {
	kind, n, err := r.Head()
	if err != nil {
		return 0, nil, err
	}
	payload, err := r.payload(n)
	if err != nil {
		return 0, nil, unexpected(err)
	}
	return kind, payload, nil
}

// Head reads what comes before a payload, which is n bytes: the next call is Payload,
// with as many. Errors are those of Next.
func (r *Reader) Head() (kind Kind, n int, err error) {
	var head [4]byte
	if _, err := io.ReadFull(r.r, head[:]); err != nil {
		return 0, 0, err
	}
	length := int64(binary.BigEndian.Uint32(head[:]))
	if length < 1 {
		return 0, 0, &api.Error{Kind: api.KindCorrupt, Msg: "empty frame"}
	}
	if length-1 > int64(r.max) {
		return 0, 0, &api.Error{Kind: api.KindCorrupt, Msg: fmt.Sprintf("frame of %d bytes, limit %d", length-1, r.max), Err: ErrFrameTooLarge}
	}
	b, err := r.r.ReadByte()
	if err != nil {
		return 0, 0, unexpected(err)
	}
	return Kind(b), int(length - 1), nil
}

// Payload fills p.
func (r *Reader) Payload(p []byte) error {
	_, err := io.ReadFull(r.r, p)
	return unexpected(err)
}

// payload grows the buffer as bytes arrive, so that a length alone never costs memory.
func (r *Reader) payload(n int) ([]byte, error) {
	const step = 64 << 10
	for have := 0; have < n; {
		want := min(n, have+step)
		if cap(r.buf) < want {
			grown := make([]byte, want, min(n, 2*want))
			copy(grown, r.buf[:have])
			r.buf = grown
		}
		r.buf = r.buf[:cap(r.buf)]
		if _, err := io.ReadFull(r.r, r.buf[have:want]); err != nil {
			return nil, err
		}
		have = want
	}
	if n == 0 {
		return nil, nil
	}
	return r.buf[:n], nil
}

// ReadOne reads one frame and not a byte beyond it, for a stream that is
// something else from there on.
func ReadOne(r io.Reader, max int) (Kind, []byte, error) {
	one := &Reader{r: bufio.NewReaderSize(bytewise{r}, 16), max: min(max, MaxFrame)}
	return one.Next()
}

// bytewise never reads ahead: a buffer that asks it for more gets one byte.
type bytewise struct{ io.Reader }

func (b bytewise) Read(p []byte) (int, error) { return b.Reader.Read(p[:min(1, len(p))]) }

// Buffered is how many bytes can be read without waiting; 0 means Next may block.
func (r *Reader) Buffered() int { return r.r.Buffered() }

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Piece is the largest payload whose frame goes out in one write, and MaxPiece that
// frame's size: with the head of a multiplexer's own frame they fill four records of TLS.
const (
	Piece    = MaxPiece - headLen
	MaxPiece = 64<<10 - 12
	headLen  = 5
)

// Writer writes frames through a buffer. It is safe for concurrent use; frames
// of different callers never mix.
type Writer struct {
	mu   sync.Mutex // guards what follows
	w    io.Writer
	buf  *[MaxPiece]byte // nil: nothing is queued
	have int
	err  error // of a write; there are no more
	max  int
}

var buffers = sync.Pool{New: func() any { return new([MaxPiece]byte) }}

// NewWriter writes frames of at most max payload bytes (capped at MaxFrame) to w.
func NewWriter(w io.Writer, max int) *Writer { return &Writer{w: w, max: min(max, MaxFrame)} }

// Write sends one frame of raw bytes and flushes.
func (w *Writer) Write(kind Kind, payload []byte) error { return w.write(kind, payload, true) }

// Buffer queues one frame of raw bytes; Flush or Write sends it.
func (w *Writer) Buffer(kind Kind, payload []byte) error { return w.write(kind, payload, false) }

// Send writes one frame whose payload is v as JSON, and flushes.
func (w *Writer) Send(kind Kind, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.write(kind, b, true)
}

// Flush sends what is queued.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flushLocked()
	return w.err
}

func (w *Writer) write(kind Kind, payload []byte, flush bool) error {
	if len(payload) > w.max {
		return &api.Error{Kind: api.KindTooLarge, Msg: fmt.Sprintf("frame of %d bytes, limit %d", len(payload), w.max), Err: ErrFrameTooLarge}
	}
	var head [headLen]byte
	binary.BigEndian.PutUint32(head[:4], uint32(1+len(payload)))
	head[4] = byte(kind)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.addLocked(head[:])
	w.addLocked(payload)
	if flush {
		w.flushLocked()
	}
	return w.err
}

// addLocked queues p, and sends what is queued whenever the buffer is full.
func (w *Writer) addLocked(p []byte) {
	for len(p) > 0 && w.err == nil {
		if w.buf == nil {
			w.buf = buffers.Get().(*[MaxPiece]byte)
		}
		n := copy(w.buf[w.have:], p)
		w.have, p = w.have+n, p[n:]
		if w.have == MaxPiece {
			w.flushLocked()
		}
	}
}

func (w *Writer) flushLocked() {
	if w.buf == nil {
		return
	}
	if w.err == nil {
		_, w.err = w.w.Write(w.buf[:w.have])
	}
	buffers.Put(w.buf)
	w.buf, w.have = nil, 0
}

// Decode reads a JSON payload into v: unknown fields are ignored, anything
// malformed is KindCorrupt.
func Decode(payload []byte, v any) error {
	if err := json.Unmarshal(payload, v); err != nil {
		return &api.Error{Kind: api.KindCorrupt, Msg: "malformed message", Err: err}
	}
	return nil
}

// UnknownKind is the error for a kind the protocol does not list.
func UnknownKind(k Kind) error {
	return &api.Error{Kind: api.KindCorrupt, Msg: fmt.Sprintf("unknown frame kind %d", k)}
}
