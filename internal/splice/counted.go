package splice

import "sync/atomic"

// Counted adds up the bytes that are read from a Stream.
type Counted struct {
	Stream
	N *atomic.Int64
}

// Read implements io.Reader.
func (c Counted) Read(p []byte) (int, error) {
	n, err := c.Stream.Read(p)
	c.N.Add(int64(n))
	return n, err
}
