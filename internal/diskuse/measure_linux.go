package diskuse

import (
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"github.com/Akilan1999/p2p-rendering-computation/internal/proctree"
)

// blocks is what a file takes on disk.
func blocks(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return info.Size()
}

// openDeleted is what the tree of root holds in files that have no name any
// more, of which a walk through folders sees nothing.
func openDeleted(root int) (sum int64) {
	pids, err := proctree.Descendants(root)
	if err != nil {
		return 0
	}
	type file struct{ dev, ino uint64 }
	seen := make(map[file]bool)
	for _, pid := range append(pids, root) {
		dir := "/proc/" + strconv.Itoa(pid) + "/fd/"
		d, err := os.Open(dir)
		if err != nil {
			continue // it ended, or is the agent, which hides
		}
		names, err := d.Readdirnames(-1)
		d.Close()
		if err != nil {
			continue
		}
		for _, n := range names {
			var st syscall.Stat_t
			if syscall.Stat(dir+n, &st) != nil || st.Nlink != 0 || st.Mode&syscall.S_IFMT != syscall.S_IFREG {
				continue
			}
			if f := (file{uint64(st.Dev), st.Ino}); !seen[f] {
				seen[f] = true
				sum += st.Blocks * 512
			}
		}
	}
	return sum
}
