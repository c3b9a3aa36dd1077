//go:build !linux

package blob

const inTmpfs = "P2PRC_TEST_TMPFS"

func fillDisk() int { return 0 }
