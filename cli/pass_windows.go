package cli

import (
	"errors"
	"net"
)

// passes tells whether a process can be given a connection of another.
const passes = false

func pass(_, _ *net.UnixConn) error { return errors.ErrUnsupported }
