//go:build unix

package wasi

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// region is address space reserved once; pages cost memory when they are touched.
type region struct {
	all  []byte
	used uint64
}

func (r *region) grow(size, limit uint64) []byte {
	if r.all == nil {
		all, err := unix.Mmap(-1, 0, int(limit), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
		if err != nil {
			return nil
		}
		r.all = all
	}
	r.used = max(r.used, size)
	return r.all[:size:len(r.all)]
}

// wipeBelow is the size up to which zeroing is cheaper than giving pages back.
const wipeBelow = 256 << 10

// clear makes all bytes zero again for the next instance.
func (r *region) clear() {
	used := r.all[:r.used]
	r.used = 0
	if len(used) <= wipeBelow {
		clear(used)
		return
	}
	if unix.Madvise(used, dontNeed) != nil {
		clear(used)
	}
}

func (r *region) close() error {
	if r.all == nil {
		return nil
	}
	err := unix.Munmap(r.all)
	r.all = nil
	return err
}

// cpuTime is the processor time this process has used.
func cpuTime() time.Duration {
	var ru syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &ru) != nil {
		return 0
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}
