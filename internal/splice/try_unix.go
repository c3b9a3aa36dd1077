//go:build unix

package splice

import "syscall"

// TryWrite writes what fits now, without waiting.
func (c TCP) TryWrite(p []byte) (n int) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Write(func(fd uintptr) bool { // what fails shows in the next write
		n, _ = syscall.Write(int(fd), p)
		return true
	})
	return max(n, 0)
}
