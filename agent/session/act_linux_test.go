package session

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
)

// The first thread is the one that stands for the process, and it cannot end: it is
// nobody's but root's.
func TestActLeavesTheFirstThread(t *testing.T) {
	if os.Getuid() != 0 {
		ring.Need(t, "isolation", "only root can become another user")
	}
	nobody := account{uid: 65534, gid: 65534}
	for range 200 {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				var euid int
				if err := nobody.act(func() error { euid = unix.Geteuid(); return nil }); err != nil || euid != nobody.uid {
					t.Errorf("acts as %d, %v", euid, err)
				}
			})
		}
		all.Wait()
		var st unix.Stat_t
		if err := unix.Stat(fmt.Sprintf("/proc/%d", os.Getpid()), &st); err != nil || st.Uid != 0 {
			t.Fatalf("the process is user %d's, %v", st.Uid, err)
		}
	}
}
