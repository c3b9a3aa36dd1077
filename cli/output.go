package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"unicode"

	"github.com/charmbracelet/x/term"
	"github.com/mattn/go-isatty"
	"github.com/mattn/go-runewidth"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/jobfile"
)

// output is where a command's words go.
type output struct {
	stdout, stderr io.Writer
	width          int  // of the terminal on stdout, 0 when it is none
	errWidth       int  // of the terminal on stderr, 0 when it is none
	color          bool // on stdout
	errColor       bool
}

func newOutput(env Env) *output {
	look := env.Terminal
	if look == nil {
		look = terminal
	}
	o := &output{stdout: env.Stdout, stderr: env.Stderr}
	if w, ok := look(env.Stdout); ok {
		o.width = max(w, 20)
	}
	if w, ok := look(env.Stderr); ok {
		o.errWidth = max(w, 20)
	}
	plain := env.Getenv("NO_COLOR") != "" || env.Getenv("TERM") == "dumb"
	o.color, o.errColor = o.width > 0 && !plain, o.errWidth > 0 && !plain
	if env.Getenv("TERM") == "dumb" {
		o.errWidth = 0 // it cannot redraw: plain lines
	}
	return o
}

// terminal looks at a real stream.
func terminal(stream any) (int, bool) {
	f, ok := stream.(*os.File)
	if !ok || !isatty.IsTerminal(f.Fd()) {
		return 0, false
	}
	width, _, err := term.GetSize(f.Fd())
	if err != nil || width <= 0 {
		width = 80
	}
	return width, true
}

// problem prints an error as error:, the place it is about, and hint:.
func (o *output) problem(err error) {
	msg := err.Error()
	if api.KindOf(err) == api.KindCanceled && errIsBareCancel(err) {
		msg = "interrupted"
	}
	fmt.Fprintf(o.stderr, "%s %s\n", paint(o.errColor, red, "error:"), clean(msg, true))
	var je *jobfile.Error
	if errors.As(err, &je) && je.Excerpt != "" {
		fmt.Fprintln(o.stderr, clean(je.Excerpt, true))
	}
	if hint := api.HintOf(err); hint != "" {
		fmt.Fprintf(o.stderr, "%s %s\n", paint(o.errColor, cyan, "hint:"), clean(hint, true))
	}
}

// errIsBareCancel tells whether err says nothing but that it was canceled.
func errIsBareCancel(err error) bool {
	var e *api.Error
	return !errors.As(err, &e)
}

// note prints a line for people on stderr.
func (o *output) note(format string, args ...any) {
	fmt.Fprintln(o.stderr, clean(fmt.Sprintf(format, args...), true))
}

// line prints a line of result on stdout.
func (o *output) line(format string, args ...any) error {
	_, err := fmt.Fprintln(o.stdout, clean(fmt.Sprintf(format, args...), true))
	return err
}

// json prints v, an API type, on stdout. A nil list is written as an empty one.
func (o *output) json(v any) error {
	enc := json.NewEncoder(o.stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// list prints rows as JSON or as a table.
func list[T any](o *output, asJSON bool, rows []T, header []string, row func(T) []string) error {
	if asJSON {
		if rows == nil {
			rows = []T{}
		}
		return o.json(rows)
	}
	t := table{header: header}
	for _, r := range rows {
		t.rows = append(t.rows, row(r))
	}
	return t.print(o)
}

// table is text in columns.
type table struct {
	header []string
	rows   [][]string
}

// print writes the table, two blanks between columns. On a terminal the header
// is bold and the last column is cut at the edge; elsewhere nothing is cut.
func (t table) print(o *output) error {
	widths := make([]int, len(t.header))
	all := append([][]string{t.header}, t.rows...)
	for _, row := range all {
		for i, cell := range row {
			row[i] = clean(cell, false)
			widths[i] = max(widths[i], runewidth.StringWidth(row[i]))
		}
	}
	var b strings.Builder
	for n, row := range all {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell)
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-runewidth.StringWidth(cell)+2))
			}
		}
		text := strings.TrimRight(line.String(), " ")
		if o.width > 0 {
			text = runewidth.Truncate(text, o.width, "…")
		}
		if n == 0 {
			text = paint(o.color, bold, text)
		}
		b.WriteString(text + "\n")
	}
	_, err := io.WriteString(o.stdout, b.String())
	return err
}

// The colours.
const (
	bold  = "1"
	red   = "31"
	cyan  = "36"
	green = "32"
	faint = "2"
)

func paint(on bool, code, s string) string {
	if !on {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// clean takes control characters out: names, reasons and messages come from
// other machines, and must not move a terminal's cursor.
func clean(s string, lines bool) string {
	return strings.Map(func(r rune) rune {
		if lines && (r == '\n' || r == '\t') {
			return r
		}
		if r == '\n' || r == '\t' {
			return ' '
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return '?'
		}
		return r
	}, s)
}

// lineWriter prints whole lines behind a prefix, so that lines of many tasks do
// not mix. It is safe for concurrent use when its destination is.
type lineWriter struct {
	mu     sync.Mutex
	w      io.Writer
	prefix string
	rest   []byte
}

// maxLine is when a line without an end is printed anyway, in bytes.
const maxLine = 64 << 10

func (l *lineWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []byte // all the lines that end here go out in one write
	for rest := p; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n') + 1
		if room := maxLine - len(l.rest); i == 0 && len(rest) > room || i > room+1 {
			i = room
		}
		if i == 0 {
			l.rest = append(l.rest, rest...)
			break
		}
		out = l.line(out, rest[:i])
		rest = rest[i:]
	}
	if len(out) > 0 {
		if _, err := l.w.Write(out); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// Flush prints what has no end of line yet.
func (l *lineWriter) Flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rest) == 0 {
		return nil
	}
	_, err := l.w.Write(l.line(nil, nil))
	return err
}

// line appends the line that ends with end, and what was kept of it, to out.
func (l *lineWriter) line(out, end []byte) []byte {
	out = append(out, l.prefix...)
	out = append(append(out, l.rest...), end...)
	l.rest = l.rest[:0]
	if out[len(out)-1] != '\n' {
		out = append(out, '\n')
	}
	return out
}
