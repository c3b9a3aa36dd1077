package machine

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
)

// platform is the distribution and its version, by os-release(5). gopsutil asks
// lsb_release, which starts a dozen programs.
func platform(context.Context) (string, error) {
	text, err := os.ReadFile("/etc/os-release")
	if errors.Is(err, fs.ErrNotExist) {
		text, err = os.ReadFile("/usr/lib/os-release")
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	said := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			said[name] = strings.Trim(value, `"'`)
		}
	}
	return strings.TrimSpace(said["ID"] + " " + said["VERSION_ID"]), nil
}
