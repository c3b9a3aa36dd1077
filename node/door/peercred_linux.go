package door

import (
	"net"
	"syscall"
)

// peerUID is the user at the other end of a unix socket, as the kernel says.
func peerUID(c net.Conn) (uid int, known bool, err error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0, true, syscall.ENOTSOCK
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, true, err
	}
	var cred *syscall.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err != nil {
		return 0, true, err
	}
	if credErr != nil {
		return 0, true, credErr
	}
	return int(cred.Uid), true, nil
}
