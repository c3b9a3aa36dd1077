package wasi

import "golang.org/x/sys/unix"

// dontNeed gives pages back at once; they read as zero afterwards.
const dontNeed = unix.MADV_DONTNEED
