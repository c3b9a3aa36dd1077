//go:build !linux

package machine

import (
	"context"
	"strings"

	"github.com/shirou/gopsutil/v4/host"
)

// platform is the system's own name for itself, and its version.
func platform(ctx context.Context) (string, error) {
	name, _, version, err := host.PlatformInformationWithContext(ctx)
	return strings.TrimSpace(name + " " + version), err
}
