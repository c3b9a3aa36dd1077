package machine

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/process"
)

// Spent is the processor time that all programs but this one have spent since the
// machine started, and so has the system itself.
func Spent(ctx context.Context) (time.Duration, error) {
	all, err := cpu.TimesWithContext(ctx, false)
	if err != nil {
		return 0, err
	}
	if len(all) == 0 {
		return 0, errors.New("the system tells no processor times")
	}
	self := process.Process{Pid: int32(os.Getpid())}
	own, err := self.TimesWithContext(ctx)
	if err != nil {
		return 0, err
	}
	t := all[0]
	busy := t.User + t.System + t.Nice + t.Irq + t.Softirq - own.User - own.System
	return time.Duration(busy * float64(time.Second)), nil
}
