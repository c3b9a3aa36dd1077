package session

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/Akilan1999/p2p-rendering-computation/wire/session"
)

// pipeSize lets fewer switches between processes carry more.
const pipeSize = 256 << 10

const openNonblock = unix.O_NONBLOCK

func isReadOnly(err error) bool { return errors.Is(err, unix.EROFS) }

// stdio is a command's standard streams: three pipes, or one terminal.
type stdio struct {
	in, out   *os.File // our ends; the same file with a terminal
	err       *os.File // nil with a terminal
	child     [3]*os.File
	inClosed  sync.Once
	outClosed sync.Once
}

func (s *stdio) tty() bool { return s.err == nil }

func openStdio(req session.Request, who account) (*stdio, error) {
	if req.Term != "" {
		return openTerminal(req.Size, who)
	}
	s := &stdio{}
	var e1, e2, e3 error
	s.child[0], s.in, e1 = os.Pipe()
	s.out, s.child[1], e2 = os.Pipe()
	s.err, s.child[2], e3 = os.Pipe()
	if err := errors.Join(e1, e2, e3); err != nil {
		s.closeChild()
		s.close()
		return nil, err
	}
	widen(s.in, s.out)
	who.give(s.child[:]...)
	return s, nil
}

// widen makes pipes hold more; what the system refuses stays as it is.
func widen(pipes ...*os.File) {
	for _, f := range pipes {
		_ = control(f, func(fd int) error {
			_, err := unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, pipeSize)
			return err
		})
	}
}

// openTerminal makes a pseudo terminal that belongs to who.
func openTerminal(size session.Size, who account) (*stdio, error) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fmt.Errorf("no terminal can be made: %w", err)
	}
	n := 0
	err = control(master, func(fd int) (err error) {
		if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
			return err
		}
		n, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		return err
	})
	var slave *os.File
	if err == nil {
		slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("no terminal can be made: %w", err), master.Close())
	}
	who.give(slave)
	s := &stdio{in: master, out: master, child: [3]*os.File{slave, slave, slave}}
	s.resize(size)
	return s, nil
}

// resize sets a terminal's size; the kernel tells its programs.
func (s *stdio) resize(size session.Size) {
	if !s.tty() || size == (session.Size{}) {
		return
	}
	// A terminal that is gone needs no size.
	_ = control(s.in, func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: size.Rows, Col: size.Cols})
	})
}

// Read reads what was printed. That nobody has the terminal open any more is its end.
func (s *stdio) Read(p []byte) (int, error) {
	n, err := s.out.Read(p)
	if errors.Is(err, unix.EIO) {
		err = io.EOF
	}
	return n, err
}

// closeInput ends the command's stdin; a terminal has only one end for all.
func (s *stdio) closeInput() {
	if !s.tty() {
		s.inClosed.Do(func() { s.in.Close() })
	}
}

func (s *stdio) closeChild() {
	for _, f := range s.child {
		if f != nil {
			f.Close() // a terminal is closed three times, which is harmless
		}
	}
}

// close gives up our ends; a terminal hangs up by that.
func (s *stdio) close() {
	if s.in != nil {
		s.inClosed.Do(func() { s.in.Close() })
	}
	s.outClosed.Do(func() {
		if s.out != nil && s.out != s.in {
			s.out.Close()
		}
		if s.err != nil {
			s.err.Close()
		}
	})
}

func control(f *os.File, fn func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var ferr error
	if err := raw.Control(func(fd uintptr) { ferr = fn(int(fd)) }); err != nil {
		return err
	}
	return ferr
}
