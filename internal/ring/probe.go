package ring

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// Names lists the rings in the order in which they are reported.
func Names() []string {
	return []string{"unit", "stories", "simulation", "multi", "race", "isolation", "docker", "netns", "ssh", "clients", "bindings", "render"}
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
		"clients":    Clients(),
		"bindings":   Bindings(),
		"render":     Render(),
	}
}

func multi() string {
	if runtime.GOOS == "windows" {
		return "needs unix sockets and signals"
	}
	return ""
}

// Bindings says why C and Python cannot be tried here.
func Bindings() string {
	if _, err := exec.LookPath("python3"); err != nil {
		return "there is no python3"
	}
	if runtime.GOOS != "linux" {
		return "the tests in C are linked on Linux"
	}
	return race() // a C compiler is what it needs
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
func SSH() string { return missing("ssh", "scp", "sftp", "rsync", "ansible-playbook") }

// Clients says which of the programs that talk through tunnels, or that they talk to,
// is not here.
func Clients() string {
	return missing("curl", "openssl", "ssh", "scp", "/usr/sbin/sshd", "redis-cli", "redis-server", "iperf3", "dig", "dnsmasq")
}

func missing(programs ...string) string {
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			return "there is no " + program
		}
	}
	return ""
}
