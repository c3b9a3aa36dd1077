package near

import (
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// ahead is how many bytes may wait in the pair each way.
const ahead = 1 << 20

// Offer is the agent's own end of the pair.
type Offer struct {
	*net.UnixConn
	taken sync.Once
}

// New makes the pair, once in a process.
func New() (*Offer, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(pair[1])
	c, err := unixConn(pair[0])
	if err != nil {
		return nil, err
	}
	if err := unix.Dup3(pair[1], FD, unix.O_CLOEXEC); err != nil {
		_ = c.Close() // it is given up
		return nil, err
	}
	return &Offer{UnixConn: c}, nil
}

// Read gives the other end up as soon as somebody speaks there, who has one of their
// own: or this one would never read its end.
func (o *Offer) Read(p []byte) (int, error) {
	n, err := o.UnixConn.Read(p)
	o.taken.Do(func() { _ = unix.Close(FD) }) // it may be closed as the process ends
	return n, err
}

// Take gets the end that an agent on this machine offers. It needs the right to trace
// the agent's process: root's, or that of the user whose engine made the user
// namespace the container is in.
func Take(find func() (pid int, err error)) (net.Conn, error) {
	pid, err := find()
	if err != nil {
		return nil, err
	}
	process, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(process)
	if again, err := find(); err != nil || again != pid { // whose the number was before process held it
		return nil, fmt.Errorf("process %d is not the agent's any more", pid)
	}
	fd, err := unix.PidfdGetfd(process, FD, 0)
	if err != nil {
		return nil, err
	}
	return unixConn(fd)
}

// unixConn makes a connection of a socket, which it closes.
func unixConn(fd int) (*net.UnixConn, error) {
	f := os.NewFile(uintptr(fd), "near")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		_ = c.Close() // nothing was said
		return nil, fmt.Errorf("%s is no unix socket", c.LocalAddr().Network())
	}
	_ = u.SetWriteBuffer(ahead) // fewer switches of processes; the system may allow less
	return u, nil
}
