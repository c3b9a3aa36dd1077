package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/docker/guard"
)

// probeWithin bounds how long an engine may take to say what it can.
const probeWithin = 10 * time.Second

// Probe implements runtime.Runtime. No engine is no error: it is what is missing.
func (r *Runtime) Probe(ctx context.Context) (api.RuntimeInfo, error) {
	info := api.RuntimeInfo{Name: r.Name(), Limits: []string{"memory", "cpu_time", "wall_time", "output", "disk", "processes"}}
	ask, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	got, err := r.api.Info(ask, client.InfoOptions{})
	r.there.Store(err == nil)
	if err == nil {
		_, err = r.findProgram(ask)
	}
	if ctx.Err() != nil {
		return info, ctx.Err()
	}
	if err != nil {
		info.Isolation, info.Missing = "containers", []string{said(r.explain(err))}
		return info, nil
	}
	info.Available = true
	info.Isolation, info.Missing = isolation(got.Info, r.cfg.Class), missing(got.Info, r.cfg.Class, len(r.gpus()))
	info.Networks = []api.GuestNetwork{api.GuestFiltered, api.GuestOpen}
	if err := guard.Check(ask, r.api, cmp.Or(r.cfg.Class, got.Info.DefaultRuntime)); err != nil {
		info.Networks = info.Networks[1:]
		info.Missing = append(info.Missing, "a filtered network for guests: "+said(r.explain(err)))
	}
	if _, ok := got.Info.Runtimes[r.cfg.Class]; r.cfg.Class != "" && !ok {
		info.Available = false
	}
	return info, nil
}

// pingWithin bounds how long an engine that lives may take to say so.
const pingWithin = 2 * time.Second

// Changed implements runtime.Mortal.
func (r *Runtime) Changed(ctx context.Context) bool {
	ask, cancel := context.WithTimeout(ctx, pingWithin)
	defer cancel()
	_, err := r.api.Ping(ask, client.PingOptions{})
	if ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) { // asked to stop, or it is only slow
		return false
	}
	return r.there.Load() != (err == nil)
}

// said is an error with its hint, for who cannot be given both.
func said(err error) string {
	var e *api.Error
	if errors.As(err, &e) && e.Hint != "" {
		return e.Msg + ": " + e.Hint
	}
	return err.Error()
}

// isolation is one line on what stands between a guest and the machine.
func isolation(i system.Info, class string) string {
	if class == "" {
		class = i.DefaultRuntime
	}
	s := fmt.Sprintf("containers of %s %s under %s: no new privileges, no network but what the policy gives; for tasks a read-only root and no capabilities, for long-lived ones a root of their own and eight capabilities", engineName(i), i.ServerVersion, class)
	if hasOption(i, "seccomp") {
		s += ", system call filter"
	}
	if hasOption(i, "rootless") {
		s += ", rootless engine"
	}
	if hasOption(i, "userns") {
		s += ", own users"
	}
	return s
}

func engineName(i system.Info) string {
	if strings.Contains(strings.ToLower(i.InitBinary+i.DefaultRuntime), "podman") {
		return "podman"
	}
	return "docker"
}

func hasOption(i system.Info, name string) bool {
	return slices.ContainsFunc(i.SecurityOptions, func(o string) bool { return strings.HasPrefix(o, "name="+name) })
}

// missing says in words what this engine cannot give.
func missing(i system.Info, class string, gpus int) []string {
	var out []string
	say := func(yes bool, format string, args ...any) {
		if yes {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	classes := slices.DeleteFunc(slices.Sorted(maps.Keys(i.Runtimes)), func(n string) bool { return strings.HasPrefix(n, "io.containerd.") })
	_, known := i.Runtimes[class]
	say(class != "" && !known, "the engine has no runtime class %s (lend.docker.class); it has %s", class, strings.Join(classes, ", "))
	say(!slices.ContainsFunc(classes, sturdy), "a kernel of its own for guests: the engine has only %s; with runsc (gVisor) or kata installed set lend.docker.class", strings.Join(classes, ", "))
	say(!i.MemoryLimit, "memory is not held: the engine's control groups (version %s) have no memory limit", i.CgroupVersion)
	say(!i.PidsLimit, "processes are counted every 20 ms, not held by the engine")
	say(!i.CPUCfsQuota, "a share of the processors is not held: the engine has no cpu quota")
	say(!hasOption(i, "seccomp"), "system calls are not filtered: the engine has no seccomp")
	_, nvidia := i.Runtimes["nvidia"]
	say(gpus > 0 && !nvidia, "GPUs may not be given: the engine does not list NVIDIA's runtime (install the NVIDIA container toolkit)")
	return append(out, fmt.Sprintf("disk is measured every 100 ms and what is over its limit is killed: volumes on %s cannot be capped", i.Driver))
}

// sturdy tells whether an engine's runtime puts more than the machine's kernel
// between guest and machine.
func sturdy(class string) bool {
	return strings.HasPrefix(class, "runsc") || strings.HasPrefix(class, "kata")
}
