// Package nsbox puts a program into a box made of what the operating system has
// for that, without a container engine and without being root.
//
// The one who boxes starts its own helper command with [Attr] and writes a
// [Config] to its standard input ([Send]); the helper calls [Main], which reads
// the Config, enters the box and becomes the program. Between the two steps the
// starter may put the helper into control groups: nothing runs in the box before
// the Config came.
//
// There are three tiers, best first:
//
//   - [Namespaces] (Linux): own user, process, mount, network, IPC, host name and
//     cgroup namespaces; a root of its own made of read-only binds; no capability,
//     no way to get one, no further namespaces, a system call filter.
//   - [Landlock] (Linux 5.13): no own root, but the file system is closed except
//     for what the Config lists; no sockets but pairs; the same filter.
//   - [None]: nothing.
package nsbox

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Tier is a kind of box.
type Tier string

// The tiers.
const (
	Namespaces Tier = "namespaces"
	Landlock   Tier = "landlock"
	None       Tier = "none"
)

// The user and group a boxed program runs as in its own eyes.
const (
	UID = 1000
	GID = 1000
)

// Config says what the box looks like and what runs in it.
type Config struct {
	Tier  Tier
	Root  string            // Namespaces: an empty folder that the new root may be mounted on
	Binds []Bind            // what is visible
	Links map[string]string // Namespaces: path in the box -> target of a symbolic link
	Files map[string]string // Namespaces: path in the box -> content
	Held  []string          // Namespaces: folders that only the program itself has, see HeldPath
	Hide  []string          // paths of this machine that stay invisible even below a bind
	Proc  bool              // Namespaces: a /proc of the box's own processes
	Dev   bool              // Namespaces: null, zero, full, random, urandom, tty, shm
	PTYs  bool              // Namespaces: pseudo terminals of the box's own
	Procs int               // most processes and threads; 0: no limit. Only where the count is the box's own
	Argv  []string          // the program is this executable itself, with these arguments
	Env   []string
}

// Bind makes a file or folder of this machine visible.
type Bind struct {
	Source   string
	Target   string // in the box; Landlock has no other names, there it must be Source or empty
	Writable bool
	Optional bool // leave out what does not exist
}

// heldBase is the descriptor of the first held folder; lower ones are in use
// while the box is built.
const heldBase = 20

// HeldPath is where the program finds Config.Held[i]. No other process of the box
// can reach it: it is a descriptor, to be opened and then closed.
func HeldPath(i int) string { return fmt.Sprintf("/proc/self/fd/%d", heldBase+i) }

const maxConfig = 1 << 20

// Send writes c for Main to read.
func Send(w io.Writer, c Config) error {
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...))
	return err
}

// receive reads exactly what Send wrote: the bytes after it are the program's.
func receive(r io.Reader) (c Config, err error) {
	var head [4]byte
	if _, err = io.ReadFull(r, head[:]); err != nil {
		return c, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxConfig {
		return c, fmt.Errorf("config of %d bytes", n)
	}
	b := make([]byte, n)
	if _, err = io.ReadFull(r, b); err != nil {
		return c, err
	}
	return c, json.Unmarshal(b, &c)
}

// Main reads a Config from r, enters its box and becomes its program; it returns
// only when that fails.
func Main(r io.Reader) error {
	c, err := receive(r)
	if err != nil {
		return fmt.Errorf("box: %w", err)
	}
	if len(c.Argv) == 0 {
		return errors.New("box: nothing to run")
	}
	if err := enter(c); err != nil {
		return fmt.Errorf("box: %w", err)
	}
	return nil
}
