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
	var pod *podmanInfo
	if err == nil {
		pod, err = r.podman(ctx)
	}
	r.there.Store(err == nil)
	no := ""
	if err == nil {
		if no = boundless(got.Info, pod); no == "" {
			_, err = r.findProgram(ask)
		}
	}
	if ctx.Err() != nil {
		return info, ctx.Err()
	}
	if err != nil {
		no = said(r.explain(err))
	}
	if no != "" {
		info.Isolation, info.Missing = "containers", []string{no}
		return info, nil
	}
	info.Available = true
	info.Isolation, info.Missing = isolation(got.Info, pod != nil, r.cfg.Class), missing(got.Info, r.cfg.Class, len(r.gpus()))
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
func isolation(i system.Info, podman bool, class string) string {
	if class == "" {
		class = i.DefaultRuntime
	}
	engine := "docker"
	if podman {
		engine = "podman"
	}
	s := fmt.Sprintf("containers of %s %s under %s: no new privileges, no network but what the policy gives; for tasks a read-only root and no capabilities, for long-lived ones a root of their own and eight capabilities", engine, i.ServerVersion, class)
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

// boundless says why an engine cannot hold guests to their limits, if so: what
// they run could take the whole machine, and many could not be paused.
func boundless(i system.Info, pod *podmanInfo) string {
	memory, version := i.MemoryLimit, i.CgroupVersion
	if pod != nil {
		memory, version = slices.Contains(pod.Host.CgroupControllers, "memory"), strings.TrimPrefix(pod.Host.CgroupVersion, "v")
	}
	if memory {
		return ""
	}
	s := fmt.Sprintf("guests cannot be held to their memory: the engine has no memory controller in control groups of version %s", version)
	if version == "1" {
		return s + ": a rootless engine needs version 2 (boot the machine with systemd.unified_cgroup_hierarchy=1), or use an engine of root"
	}
	return s + ": have systemd delegate it to the engine's user (Delegate=memory pids cpu in user@.service), or use an engine of root"
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
