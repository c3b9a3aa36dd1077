package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/Akilan1999/p2p-rendering-computation/agent/task"
	"github.com/Akilan1999/p2p-rendering-computation/internal/glob"
)

// collect sends the regular files below root that a pattern matches, in order
// of path. Links are never followed and never sent.
func (s *server) collect(root *os.Root, patterns []string, end *task.End) error {
	if len(patterns) == 0 {
		return nil
	}
	var found []string
	err := fs.WalkDir(root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist):
			return nil // the task's own doing
		case err != nil:
			return err
		case d.IsDir():
			return nil
		case !d.Type().IsRegular():
			if end.Msg == "" && slices.Contains(patterns, p) { // by a wildcard it may have been met by chance
				end.Msg = fmt.Sprintf("output %q is a %s: only regular files are brought back", p, kindOf(d.Type()))
			}
			return nil
		case len(p) > maxPath || !validName(p):
			if end.Msg == "" && slices.ContainsFunc(patterns, func(pat string) bool { return glob.Match(pat, p) }) {
				end.Msg = fmt.Sprintf("output %.100q has a name that no other system need take: at most %d bytes of UTF-8, without control characters and \\", p, maxPath)
			}
			return nil
		}
		if slices.ContainsFunc(patterns, func(pat string) bool { return glob.Match(pat, p) }) {
			if len(found) == MaxOutputs {
				return errTooManyOutputs
			}
			found = append(found, p)
		}
		return nil
	})
	if errors.Is(err, errTooManyOutputs) {
		if end.Msg == "" {
			end.Msg = fmt.Sprintf("more than %d output files", MaxOutputs)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot list outputs: %w", err)
	}
	slices.Sort(found)
	for _, p := range found {
		if err := s.sendFile(root, p); err != nil {
			return err
		}
	}
	return nil
}

var errTooManyOutputs = errors.New("too many outputs")

// sendFile sends one output. Everything of the task is dead, so the file stands
// still; what is no longer a regular file when it is opened is left out.
func (s *server) sendFile(root *os.Root, p string) error {
	f, err := root.OpenFile(p, os.O_RDONLY|openNoFollow, 0)
	if err != nil {
		return nil // unreadable by the task's own doing; the node sees that it did not come
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	b, err := json.Marshal(fileMsg{Path: p, Mode: uint32(info.Mode().Perm()), Size: info.Size()})
	if err != nil {
		return err
	}
	if err := s.w.Buffer(kindFile, b); err != nil {
		return err
	}
	buf := make([]byte, min(chunk, max(info.Size(), 1)))
	for left := info.Size(); left > 0; {
		n, err := f.Read(buf[:min(int64(len(buf)), left)])
		if n > 0 {
			if err := s.w.Buffer(kindData, buf[:n]); err != nil {
				return err
			}
			left -= int64(n)
		}
		if err == io.EOF && left > 0 || err != nil && err != io.EOF {
			return fmt.Errorf("output %s cannot be read: %w", p, err)
		}
	}
	return s.w.Buffer(kindData, nil)
}

// kindOf names what is not a regular file.
func kindOf(m fs.FileMode) string {
	switch {
	case m&fs.ModeSymlink != 0:
		return "link"
	case m&fs.ModeNamedPipe != 0:
		return "pipe"
	case m&fs.ModeSocket != 0:
		return "socket"
	}
	return "device"
}

func validName(p string) bool {
	return utf8.ValidString(p) && !strings.ContainsFunc(p, func(r rune) bool { return r == '\\' || unicode.IsControl(r) })
}

// cut bounds a text and takes what could steer a terminal out of it.
func cut(s string) string {
	if len(s) > maxMsg {
		s = s[:maxMsg]
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
