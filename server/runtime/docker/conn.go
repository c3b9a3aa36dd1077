package docker

import (
	"encoding/binary"
	"io"
	"strings"
	"sync"

	"github.com/moby/moby/client"
)

// conn is the stream to an agent through the engine: what it writes comes in
// frames of eight bytes' head, {stream, 0, 0, 0, size of four bytes}, which tell
// its output from its errors.
type conn struct {
	hijacked client.HijackedResponse
	left     uint32 // of the output frame under way
	stderr   tail
}

const streamOut = 1

// Read is the agent's output. It is not safe for concurrent use.
func (c *conn) Read(p []byte) (int, error) {
	for c.left == 0 {
		var head [8]byte
		if _, err := io.ReadFull(c.hijacked.Reader, head[:]); err != nil {
			return 0, err
		}
		size := binary.BigEndian.Uint32(head[4:])
		if head[0] == streamOut {
			c.left = size
			continue
		}
		if _, err := io.CopyN(&c.stderr, c.hijacked.Reader, int64(size)); err != nil {
			return 0, err
		}
	}
	n, err := c.hijacked.Reader.Read(p[:min(len(p), int(c.left))])
	c.left -= uint32(n)
	return n, err
}

func (c *conn) Write(p []byte) (int, error) { return c.hijacked.Conn.Write(p) }

func (c *conn) Close() error { return c.hijacked.Conn.Close() }

// tail keeps the end of what an agent complained of.
type tail struct {
	mu sync.Mutex // guards b
	b  []byte
}

const tailSize = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p[max(0, len(p)-tailSize):]...)
	t.b = t.b[max(0, len(t.b)-tailSize):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.b))
}
