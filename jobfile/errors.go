package jobfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Error is something wrong in a job file, with its place.
type Error struct {
	File      string
	Line, Col int    // from 1
	Excerpt   string // the line and a caret below the place, two lines

	err *api.Error
}

// Error is "file:line:col: message".
func (e *Error) Error() string { return e.err.Error() }

// Unwrap gives the [api.Error] with Kind and hint.
func (e *Error) Unwrap() error { return e.err }

// mark is a place in the text, from 1.
type mark struct{ line, col int }

// fail is an error at a place.
func (r *reader) fail(m mark, hint, format string, args ...any) error {
	msg := fmt.Sprintf(format, args...)
	return &Error{
		File: r.file, Line: m.line, Col: m.col, Excerpt: r.excerpt(m),
		err: &api.Error{Kind: api.KindInvalid, Msg: fmt.Sprintf("%s:%d:%d: %s", r.file, m.line, m.col, msg), Hint: hint},
	}
}

// excerpt shows a place: its line, clipped, and a caret under the column.
func (r *reader) excerpt(m mark) string {
	lines := bytes.Split(r.text, []byte("\n"))
	if m.line < 1 || m.line > len(lines) {
		return ""
	}
	line := []rune(strings.TrimRight(string(lines[m.line-1]), "\r"))
	from, to := 0, len(line)
	if m.col > 60 {
		from = min(m.col-40, len(line))
	}
	to = min(to, from+100)
	pad := strings.Map(func(c rune) rune {
		if c == '\t' {
			return '\t'
		}
		return ' '
	}, string(line[from:max(from, min(m.col-1, to))]))
	number := fmt.Sprintf("%4d | ", m.line)
	return number + string(line[from:to]) + "\n" + strings.Repeat(" ", len(number)-2) + "| " + pad + "^"
}

// keyError is something wrong with the value of a key, found by Check, which
// does not know places.
type keyError struct {
	key string // "command[1]", "each.frame"
	err *api.Error
}

func (e *keyError) Error() string { return e.key + ": " + e.err.Error() }
func (e *keyError) Unwrap() error { return e.err }

func wrong(key, hint, format string, args ...any) error {
	return &keyError{key, &api.Error{Kind: api.KindInvalid, Msg: fmt.Sprintf(format, args...), Hint: hint}}
}

// locate gives an error of Check its place, as near as is known.
func (r *reader) locate(err error) error {
	var ke *keyError
	if !errors.As(err, &ke) {
		return err
	}
	for key := ke.key; ; {
		if m, ok := r.at[key]; ok {
			return r.fail(m, ke.err.Hint, "%s", ke.err.Msg)
		}
		i := strings.LastIndexAny(key, ".[")
		if i < 0 {
			return r.fail(mark{1, 1}, ke.err.Hint, "%s", ke.err.Msg)
		}
		key = key[:i]
	}
}
