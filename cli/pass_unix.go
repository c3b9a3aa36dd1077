//go:build unix

package cli

import (
	"net"
	"syscall"
)

// passes tells whether a process can be given a connection of another.
const passes = true

// pass gives conn to who has the other end of to.
func pass(to, conn *net.UnixConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = raw.Control(func(fd uintptr) {
		_, _, sent = to.WriteMsgUnix([]byte{0}, syscall.UnixRights(int(fd)), nil) // rights go with a byte
	})
	if err != nil {
		return err
	}
	return sent
}
