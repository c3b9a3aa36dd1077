package session

import (
	"errors"
	"io"
	"net"
	"time"
)

// Conn makes one connection of two one-way streams, as yamux wants it. It has no
// deadlines: its end is the other side's, or Close.
type Conn struct {
	io.ReadCloser
	io.WriteCloser
}

var _ net.Conn = Conn{}

// Close closes both streams.
func (c Conn) Close() error { return errors.Join(c.WriteCloser.Close(), c.ReadCloser.Close()) }

// LocalAddr is a name for messages.
func (Conn) LocalAddr() net.Addr { return addr{} }

// RemoteAddr is a name for messages.
func (Conn) RemoteAddr() net.Addr { return addr{} }

// SetDeadline does nothing.
func (Conn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (Conn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (Conn) SetWriteDeadline(time.Time) error { return nil }

type addr struct{}

func (addr) Network() string { return "agent" }
func (addr) String() string  { return "agent" }
