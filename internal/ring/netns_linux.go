package ring

import (
	"fmt"
	"os"
	"os/exec"
)

// Netns says why networks of namespaces cannot be built here.
func Netns() string {
	if os.Geteuid() != 0 {
		return "network namespaces with addresses and routes need root"
	}
	name := fmt.Sprintf("p2prc-%d-probe", os.Getpid())
	if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
		return fmt.Sprintf("ip netns add: %v: %s", err, out)
	}
	if out, err := exec.Command("ip", "netns", "del", name).CombinedOutput(); err != nil {
		return fmt.Sprintf("ip netns del: %v: %s", err, out)
	}
	return ""
}
