package splice

import (
	"io"
	"sync"
)

// A stream that waits after little came holds little. One that fills that is read in
// pieces of large.
const (
	little = 4 << 10
	large  = 64<<10 - 17
)

var pieces = sync.Pool{New: func() any { return new([large]byte) }}

// giver is a stream that shows its bytes where they lie, until it ends or do fails. try is
// offered those that come while do waits for some, if it is not nil.
type giver interface {
	Give(do func(p []byte) error, try func(p []byte) int) error
}

// tryer is a stream that takes what it can without waiting.
type tryer interface {
	TryWrite(p []byte) int
}

// keeper is a stream that gives room for what is written, and keeps that. What Piece gave
// goes back by Keep, a part of it, or by Drop.
type keeper interface {
	Piece() []byte
	Keep(p []byte) error
	Drop(p []byte)
}

// pour copies until from ends.
func pour(to io.Writer, from io.Reader, came func(n int)) error {
	if g, ok := from.(giver); ok {
		var try func([]byte) int
		if t, ok := to.(tryer); ok {
			try = func(p []byte) int {
				n := t.TryWrite(p)
				came(n)
				return n
			}
		}
		return g.Give(func(p []byte) error {
			came(len(p))
			_, err := to.Write(p)
			return err
		}, try)
	}
	keep, ok := to.(keeper)
	if !ok {
		keep = pooled{to}
	}
	var first [little]byte
	var piece []byte
	defer func() {
		if piece != nil {
			keep.Drop(piece)
		}
	}()
	for {
		buf := first[:]
		if piece != nil {
			buf = piece
		}
		n, err := from.Read(buf)
		came(n)
		full := n == len(buf)
		if n > 0 {
			var werr error
			if n > little {
				werr = keep.Keep(piece[:n])
				piece = nil
			} else {
				_, werr = to.Write(buf[:n])
			}
			if werr != nil {
				return werr
			}
		}
		switch {
		case err == io.EOF: //nolint:errorlint // wrapped, it is a connection that broke
			return nil
		case err != nil:
			return err
		case piece == nil && (full || n > little):
			piece = keep.Piece()
		case piece != nil && n <= little:
			keep.Drop(piece)
			piece = nil
		}
	}
}

// pooled makes a keeper of what is none.
type pooled struct{ io.Writer }

func (pooled) Piece() []byte { return pieces.Get().(*[large]byte)[:] }
func (pooled) Drop(p []byte) { pieces.Put((*[large]byte)(p[:large])) }

func (k pooled) Keep(p []byte) error {
	_, err := k.Write(p)
	k.Drop(p)
	return err
}
