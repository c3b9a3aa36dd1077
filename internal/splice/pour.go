package splice

import (
	"io"
	"sync"
)

// A stream that waits after little came holds little. One that fills that is read in
// pieces of large.
const (
	little = 4 << 10
	large  = 64 << 10
)

var pieces = sync.Pool{New: func() any { return new([large]byte) }}

// pour copies until from ends.
func pour(to io.Writer, from io.Reader) error {
	var first [little]byte
	var piece *[large]byte
	defer func() {
		if piece != nil {
			pieces.Put(piece)
		}
	}()
	buf := first[:]
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if _, werr := to.Write(buf[:n]); werr != nil {
				return werr
			}
		}
		switch {
		case err == io.EOF: //nolint:errorlint // wrapped, it is a connection that broke
			return nil
		case err != nil:
			return err
		case piece == nil && n == len(buf):
			piece = pieces.Get().(*[large]byte)
			buf = piece[:]
		case piece != nil && n <= len(first):
			pieces.Put(piece)
			buf, piece = first[:], nil
		}
	}
}
