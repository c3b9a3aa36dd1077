//go:build unix && !linux

package wasi

// dontNeed is no advice at all: elsewhere MADV_DONTNEED does not promise zeroes,
// so Madvise fails and the bytes are cleared one by one.
const dontNeed = -1
