// Package machine reads what the machine under a program is: processor,
// memory, disk, operating system and NVIDIA GPUs.
//
// Every read has a time limit and none is fatal: a machine that hides
// something (a container without /sys, a hanging driver) is described by what
// can be read, and Read's second value says what could not.
package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/mem"
)

// Info is what was read. Sizes are bytes; what could not be read is zero.
type Info struct {
	Hostname string
	OS       string // "linux (debian 12)"
	Arch     string // GOARCH
	CPUModel string
	Cores    int // logical processors
	Memory   int64
	Disk     int64 // of the file system asked about
	DiskFree int64
}

// Timeout bounds Read.
const Timeout = 3 * time.Second

// Read describes the machine; dir names the file system whose size matters.
// The error joins everything that could not be read; Info is good beside it.
func Read(ctx context.Context, dir string) (Info, error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	info := Info{OS: runtime.GOOS, Arch: runtime.GOARCH, Cores: runtime.NumCPU()}
	var errs []error
	note := func(what string, err error) bool {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		}
		return err == nil
	}
	name, err := os.Hostname()
	if note("hostname", err) {
		info.Hostname = name
	}
	called, err := platform(ctx)
	if note("platform", err) && called != "" {
		info.OS = fmt.Sprintf("%s (%s)", runtime.GOOS, called)
	}
	cpus, err := cpu.InfoWithContext(ctx)
	if note("cpu", err) && len(cpus) > 0 {
		info.CPUModel = strings.Join(strings.Fields(cpus[0].ModelName), " ")
	}
	vm, err := mem.VirtualMemoryWithContext(ctx)
	if note("memory", err) {
		info.Memory = int64(vm.Total)
	}
	info.Disk, info.DiskFree, err = Disk(ctx, dir)
	note("disk", err)
	return info, errors.Join(errs...)
}

// Disk is the size of the file system that holds dir and what is free on it.
func Disk(ctx context.Context, dir string) (total, free int64, err error) {
	u, err := disk.UsageWithContext(ctx, dir)
	if err != nil {
		return 0, 0, err
	}
	return int64(u.Total), int64(u.Free), nil
}
