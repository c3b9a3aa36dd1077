package wavefront

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
	"strconv"
	"unsafe"
)

// lines gives the fields of each line that has any, with continued lines joined.
type lines struct {
	file   string
	r      *bufio.Reader
	line   int // the first line of what fields holds, from 1
	next   int // the line that is read next
	buf    []byte
	fields [][]byte // valid until the next scan
}

func newLines(file string, r io.Reader) *lines {
	return &lines{file: file, r: bufio.NewReaderSize(r, 64<<10), next: 1}
}

func (l *lines) errorf(format string, args ...any) *Error {
	return errorAt(l.file, l.line, format, args...)
}

// scan reads the next line with fields; io.EOF is the end of the file.
func (l *lines) scan() error {
	for {
		l.buf, l.line = l.buf[:0], l.next
		if err := l.joined(); err != nil {
			return err
		}
		text := l.buf
		if i := bytes.IndexByte(text, '#'); i >= 0 {
			text = text[:i]
		}
		l.fields = split(l.fields[:0], text)
		if len(l.fields) > 0 {
			return nil
		}
	}
}

// joined appends a line, and those it continues on, to buf.
func (l *lines) joined() error {
	for {
		part, err := l.r.ReadSlice('\n')
		if len(l.buf)+len(part) > MaxLine {
			e := l.errorf("line is longer than %d bytes", MaxLine)
			e.TooLarge = true
			return e
		}
		l.buf = append(l.buf, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF):
			if len(l.buf) == 0 {
				return io.EOF
			}
			return nil
		case err != nil:
			return err
		}
		l.next++
		l.buf = bytes.TrimRight(l.buf, "\r\n")
		if !bytes.HasSuffix(l.buf, []byte{'\\'}) {
			return nil
		}
		l.buf[len(l.buf)-1] = ' '
	}
}

func split(into [][]byte, text []byte) [][]byte {
	start := -1
	for i, c := range text {
		blank := c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f'
		switch {
		case blank && start >= 0:
			into = append(into, text[start:i])
			start = -1
		case !blank && start < 0:
			start = i
		}
	}
	if start >= 0 {
		into = append(into, text[start:])
	}
	return into
}

// number reads a finite number that a float32 can hold.
func (l *lines) number(field []byte) (float32, error) {
	// The string is only looked at while field is valid; a copy for each of
	// millions of coordinates would be most of the time spent.
	f, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(field), len(field)), 64)
	var syntax *strconv.NumError
	if errors.As(err, &syntax) && errors.Is(syntax.Err, strconv.ErrSyntax) {
		return 0, l.errorf("%q is not a number", clip(field))
	}
	if math.IsNaN(f) || math.Abs(f) > math.MaxFloat32/4 {
		return 0, l.errorf("%q is not a finite number in range", clip(field))
	}
	return float32(f), nil
}

// vec reads the three numbers after the keyword; more are passed over.
func (l *lines) vec() (Vec, error) {
	var v Vec
	if len(l.fields) < 4 {
		return v, l.errorf("%s needs three numbers, has %d", l.fields[0], len(l.fields)-1)
	}
	for i := range v {
		f, err := l.number(l.fields[i+1])
		if err != nil {
			return v, err
		}
		v[i] = f
	}
	return v, nil
}

func clip(b []byte) string {
	if len(b) > 40 {
		return string(b[:40]) + "..."
	}
	return string(b)
}
