package ring

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// Names lists the rings in the order in which they are reported.
func Names() []string {
	return []string{"unit", "stories", "simulation", "multi", "race", "isolation", "docker", "netns", "ssh", "render"}
}

// Probe says for each ring why it cannot run here; empty means it can.
func Probe() map[string]string {
	return map[string]string{
		"unit":       "",
		"stories":    "",
		"simulation": "",
		"multi":      multi(),
		"race":       race(),
		"isolation":  Isolation(),
		"docker":     Docker(),
		"netns":      Netns(),
		"ssh":        SSH(),
		"render":     Render(),
	}
}

func multi() string {
	if runtime.GOOS == "windows" {
		return "needs unix sockets and signals"
	}
	return ""
}

func race() string {
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "gcc"
	}
	if _, err := exec.LookPath(strings.Fields(cc)[0]); err != nil {
		return "the race detector needs a C compiler and there is no " + cc
	}
	return ""
}

// SSH says which of the programs that use ssh is not here.
func SSH() string {
	for _, program := range []string{"ssh", "scp", "sftp", "rsync", "ansible-playbook"} {
		if _, err := exec.LookPath(program); err != nil {
			return "there is no " + program
		}
	}
	return ""
}
