package resume

import "sync"

// queue holds the bytes of a stream between two offsets.
type queue struct {
	from, to int64
	chunks   []chunk
}

// chunk is some of them; those before off were taken.
type chunk struct {
	b   []byte
	off int
}

// little is the room of a chunk that begins with few bytes: idle connections hold one.
const little = 4 << 10

var (
	full  = sync.Pool{New: func() any { return new([maxData]byte) }}
	small = sync.Pool{New: func() any { return new([little]byte) }}
)

// add takes some of p, at least one byte, and says how many.
func (q *queue) add(p []byte) int {
	last := len(q.chunks) - 1
	if last < 0 || len(q.chunks[last].b) == cap(q.chunks[last].b) {
		var b []byte
		if len(p) > little {
			b = full.Get().(*[maxData]byte)[:0]
		} else {
			b = small.Get().(*[little]byte)[:0]
		}
		q.chunks = append(q.chunks, chunk{b: b})
		last++
	}
	c := &q.chunks[last]
	n := min(len(p), cap(c.b)-len(c.b))
	c.b = append(c.b, p[:n]...)
	q.to += int64(n)
	return n
}

// at is some bytes from an offset on; they do not change while they are held.
func (q *queue) at(offset int64) []byte {
	skip := offset - q.from
	for _, c := range q.chunks {
		if n := int64(len(c.b) - c.off); skip >= n {
			skip -= n
			continue
		}
		return c.b[c.off+int(skip):]
	}
	return nil
}

// take moves bytes to p.
func (q *queue) take(p []byte) (n int) {
	for n < len(p) && len(q.chunks) > 0 {
		c := &q.chunks[0]
		k := copy(p[n:], c.b[c.off:])
		c.off += k
		n += k
		q.from += int64(k)
		if c.off == len(c.b) {
			q.free()
		}
	}
	return n
}

// drop forgets the chunks that end at an offset or before.
func (q *queue) drop(offset int64) {
	for len(q.chunks) > 0 {
		n := int64(len(q.chunks[0].b) - q.chunks[0].off)
		if q.from+n > offset {
			return
		}
		q.from += n
		q.free()
	}
}

// free gives the first chunk back.
func (q *queue) free() {
	switch b := q.chunks[0].b; cap(b) {
	case maxData:
		full.Put((*[maxData]byte)(b[:maxData]))
	case little:
		small.Put((*[little]byte)(b[:little]))
	}
	q.chunks[0] = chunk{}
	if q.chunks = q.chunks[1:]; len(q.chunks) == 0 {
		q.chunks = nil
	}
}

func (q *queue) empty() bool { return q.from == q.to }
