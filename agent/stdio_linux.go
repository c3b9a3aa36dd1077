package agent

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// hotFor is how long a read waits without telling the Go scheduler: a little
// longer than a busy node takes to send the next command.
const hotFor = int64(1e6) // nanoseconds

// await waits for input on stdin, at most hotFor, on a thread that the scheduler
// believes to be computing. An agent that executes inline has nothing else to
// run, so handing its processor over and back for every command would cost more
// than a small task; after hotFor the read waits as usual.
func await() {
	fd := unix.PollFd{Fd: int32(os.Stdin.Fd()), Events: unix.POLLIN}
	ts := unix.Timespec{Nsec: hotFor}
	// Whatever it answers, the read that follows is right.
	unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fd)), 1, uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
}
