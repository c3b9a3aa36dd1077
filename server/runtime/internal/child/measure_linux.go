package child

import (
	"time"

	"golang.org/x/sys/unix"
)

// processCPU is a process's processor time, exact and for one system call.
func processCPU(pid int) (time.Duration, bool) {
	const cpuClockSched = 2 // see clock_getcpuclockid(3)
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid)<<3|cpuClockSched, &ts); err != nil {
		return 0, false
	}
	return time.Duration(ts.Nano()), true
}
