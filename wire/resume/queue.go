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

// worth is how much of a full chunk must be filled for that to be kept as it is: what
// is kept is counted in bytes, and takes little more memory than that.
const worth = maxData - maxData/8

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

// keep takes all of b, the beginning of what the pool of full chunks gave.
func (q *queue) keep(b []byte) {
	q.chunks = append(q.chunks, chunk{b: b})
	q.to += int64(len(b))
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

// take moves some bytes to p.
func (q *queue) take(p []byte) int {
	c := &q.chunks[0]
	n := copy(p, c.b[c.off:])
	c.off += n
	q.from += int64(n)
	if c.off == len(c.b) {
		q.pop().free()
	}
	return n
}

// pop takes the first chunk away.
func (q *queue) pop() chunk {
	c := q.chunks[0]
	q.from += int64(len(c.b) - c.off)
	q.chunks[0] = chunk{}
	if q.chunks = q.chunks[1:]; len(q.chunks) == 0 {
		q.chunks = nil
	}
	return c
}

// drop forgets the chunks that end at an offset or before.
func (q *queue) drop(offset int64) {
	for len(q.chunks) > 0 {
		n := int64(len(q.chunks[0].b) - q.chunks[0].off)
		if q.from+n > offset {
			return
		}
		q.pop().free()
	}
}

// free gives it back.
func (c chunk) free() {
	switch b := c.b; cap(b) {
	case maxData:
		full.Put((*[maxData]byte)(b[:maxData]))
	case little:
		small.Put((*[little]byte)(b[:little]))
	}
}

func (q *queue) empty() bool { return q.from == q.to }
