// Package process is the runtime for programs of the machine itself, without a
// container engine: off by default, isolated as far as the system allows.
//
// A sandbox is one agent process that executes tasks one after another. On Linux,
// where user namespaces may be used (by root or by anybody), the agent is process
// 1 of a box of its own: own users, processes, mounts, network, host name; the
// system's programs read-only, nothing else of the machine; no capability and no
// way to get one. Where namespaces are forbidden but Landlock is there, the file
// system is closed but for the same folders, and sockets cannot be opened. Where
// there is neither, nothing stands between a guest and the machine's user: Probe
// says isolation "none", and the owner's policy decides.
package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/Akilan1999/p2p-rendering-computation/agent"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/cgroup"
	"github.com/Akilan1999/p2p-rendering-computation/internal/nsbox"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/internal/child"
)

// Config is what the runtime needs of its node.
type Config struct {
	Agent []string // argv prefix of the agent: {"/path/to/p2prc", "agent"}
	Dir   string   // working room; the runtime uses a folder of its own in it
	Home  string   // the node's home, which no guest may see
	Log   *slog.Logger
	Tier  nsbox.Tier // not empty: take this box instead of the best that works
}

// Runtime implements runtime.Runtime.
type Runtime struct {
	cfg    Config
	dir    string
	tiers  *child.Tiers
	groups *cgroup.Manager
}

var _ runtime.Runtime = (*Runtime)(nil)

const (
	// agentMemory is what a sandbox's agent may use beyond its tasks' cap.
	agentMemory = 64 << 20
	// agentThreads is how many of a sandbox's threads are the agent's.
	agentThreads = 32
	// threadsEach is how many threads the kernel's limit, which counts them, allows
	// for each process of the cap. The processes themselves are counted.
	threadsEach = 4
)

// threads is the kernel's limit for a cap of processes.
func threads(procs int) int {
	if procs <= 0 {
		return 0
	}
	return threadsEach*procs + agentThreads
}

// New makes the runtime. It touches nothing before its first use.
func New(cfg Config) *Runtime {
	dir := filepath.Join(cfg.Dir, "process")
	r := &Runtime{cfg: cfg, dir: dir, groups: cgroup.Find(child.Prefix(dir))}
	r.tiers = &child.Tiers{Agent: cfg.Agent, Dir: dir, Only: cfg.Tier, Box: box}
	return r
}

// Name implements runtime.Runtime.
func (r *Runtime) Name() api.RuntimeName { return api.RuntimeProcess }

// Probe implements runtime.Runtime.
func (r *Runtime) Probe(ctx context.Context) (api.RuntimeInfo, error) {
	info := api.RuntimeInfo{Name: r.Name(), Available: true, Limits: []string{"memory", "cpu_time", "wall_time", "output", "disk", "processes"}}
	tier, missing, err := r.tiers.Best(ctx)
	if err != nil {
		return info, err
	}
	info.Missing = append(info.Missing, missing...)
	switch tier {
	case nsbox.Namespaces:
		info.Isolation = "namespaces: own users, processes, mounts and network, system folders read-only, no capabilities, system call filter"
		if os.Geteuid() != 0 {
			info.Missing = append(info.Missing, "a user of its own outside the box: the node is not root")
		}
	case nsbox.Landlock:
		info.Isolation = "landlock: files closed but for system folders, no sockets, system call filter; it sees other processes"
	default:
		info.Isolation = "none"
	}
	info.Missing = append(info.Missing, r.groups.Missing()...)
	if !r.groups.Has(cgroup.Memory) {
		info.Missing = append(info.Missing, "memory is measured every 20 ms, not held by the kernel")
	}
	if !r.groups.Has(cgroup.Pids) {
		info.Missing = append(info.Missing, "processes are counted every 20 ms, not held by a control group")
	}
	if !r.groups.Has(cgroup.CPU) {
		info.Missing = append(info.Missing, "a share of the processors is not held: no cpu control group")
	}
	return info, nil
}

// Recover implements runtime.Runtime: sandboxes do not outlive their node, so
// what is left is killed and removed.
func (r *Runtime) Recover(ctx context.Context) ([]runtime.Sandbox, error) {
	return nil, errors.Join(r.groups.Sweep(), child.Recover(ctx, r.dir))
}

// Tidy implements runtime.Runtime.
func (r *Runtime) Tidy(ctx context.Context) error { return child.Tidy(ctx, r.dir) }

// Open implements runtime.Runtime.
func (r *Runtime) Open(ctx context.Context, spec runtime.Spec) (runtime.Sandbox, error) {
	if !spec.Network.None() {
		return nil, api.Errorf(api.KindUnsupported, "runtime process gives no network")
	}
	if spec.Cap.GPU > 0 {
		return nil, api.Errorf(api.KindUnsupported, "runtime process gives no GPU")
	}
	tier, _, err := r.tiers.Best(ctx)
	if err != nil {
		return nil, err
	}
	if spec.PTYs && tier != nsbox.Namespaces {
		return nil, api.Errorf(api.KindUnsupported, "this machine has no namespaces for a sandbox with terminals")
	}
	group, err := r.group(spec)
	if err != nil {
		return nil, err
	}
	cfg := child.Config{Spec: spec, Dir: r.dir, Group: group, Tier: tier, Procs: spec.MaxProcs, Log: r.cfg.Log}
	if !r.groups.Has(cgroup.Memory) {
		cfg.Memory = spec.Cap.Memory
	}
	cfg.Launch = func(_ context.Context, room child.Room) (child.Launch, error) {
		return r.launch(tier, spec, room), nil
	}
	return child.Open(ctx, cfg)
}

func (r *Runtime) group(spec runtime.Spec) (*cgroup.Group, error) {
	l := cgroup.Limits{CPU: spec.Cap.CPU, Procs: threads(spec.MaxProcs)}
	if spec.Cap.Memory > 0 {
		l.Memory = spec.Cap.Memory + agentMemory
	}
	if !r.groups.Has(cgroup.Freezer) && !r.groups.Has(cgroup.Memory) && !r.groups.Has(cgroup.Pids) {
		return nil, nil
	}
	g, err := r.groups.New(string(spec.ID), l)
	if err != nil {
		return nil, fmt.Errorf("opening a sandbox: %w", err)
	}
	return g, nil
}

func (r *Runtime) launch(tier nsbox.Tier, spec runtime.Spec, room child.Room) child.Launch {
	box := box(tier)
	box.Root, box.Hide, box.PTYs = room.Root(), []string{r.cfg.Home, r.dir}, spec.PTYs
	if r.cfg.Home == "" {
		box.Hide = box.Hide[1:]
	}
	if !r.groups.Has(cgroup.Pids) { // which counts for itself and tells when it refused
		box.Procs = threads(spec.MaxProcs)
	}
	arg := agent.Process{Dirs: agent.Dirs{Work: room.Work(), Stage: room.Stage()}, Scratch: []string{room.Tmp()}}
	mine := []nsbox.Bind{{Source: room.Work(), Writable: true}, {Source: room.Tmp(), Writable: true}}
	switch tier {
	case nsbox.Namespaces: // what is staged there no task can touch
		mine[0].Target, mine[1].Target = "/work", "/tmp"
		arg.Dirs, arg.Scratch = agent.Dirs{Work: "/work", Stage: nsbox.HeldPath(0)}, []string{"/tmp", "/dev/shm"}
		box.Held = []string{room.Stage()}
	default:
		mine = append(mine, nsbox.Bind{Source: room.Stage(), Writable: true})
	}
	box.Binds = append(box.Binds, mine...)
	return child.Launch{Agent: r.cfg.Agent, Mode: agent.ModeProcess, Arg: arg, Box: box}
}

// box is what all boxes of the tier have in common.
func box(tier nsbox.Tier) nsbox.Config {
	c := nsbox.Config{Proc: true, Dev: true, Binds: system(tier)}
	if tier == nsbox.Namespaces {
		c.Files, c.Links = files(), links()
	}
	return c
}

// systemDirs hold programs and libraries. On a merged system most are links.
var systemDirs = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store", "/gnu/store"}

// systemFiles are what of /etc programs need to start and to speak TLS; nothing
// in them is secret.
var systemFiles = []string{"/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/ld-musl-x86_64.path", "/etc/alternatives", "/etc/ssl",
	"/etc/ca-certificates", "/etc/pki/tls/certs", "/etc/localtime", "/etc/timezone", "/etc/mime.types", "/etc/os-release", "/etc/fonts", "/etc/locale.alias"}

// system is what a box of the tier shows of this machine.
func system(tier nsbox.Tier) []nsbox.Bind {
	var out []nsbox.Bind
	for _, d := range systemDirs {
		if info, err := os.Lstat(d); err == nil && info.Mode()&fs.ModeSymlink != 0 && tier == nsbox.Namespaces {
			continue // made again as a link
		}
		out = append(out, nsbox.Bind{Source: d, Optional: true})
	}
	for _, f := range systemFiles {
		out = append(out, nsbox.Bind{Source: f, Optional: true})
	}
	if tier == nsbox.Landlock { // no files of our own there, and the agent finds its children in /proc
		for _, f := range []string{"/etc/passwd", "/etc/group", "/etc/hosts", "/etc/nsswitch.conf", "/proc"} {
			out = append(out, nsbox.Bind{Source: f, Optional: true})
		}
	}
	return out
}

// links are the system folders that are links here.
func links() map[string]string {
	out := make(map[string]string)
	for _, d := range systemDirs {
		if to, err := os.Readlink(d); err == nil {
			out[d] = to
		}
	}
	return out
}

// files make the box's user known by name.
func files() map[string]string {
	return map[string]string{
		"/etc/passwd":        fmt.Sprintf("%s:x:%d:%d:task:/work/task:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n", runtime.ProcessUser, nsbox.UID, nsbox.GID),
		"/etc/group":         fmt.Sprintf("%s:x:%d:\nnogroup:x:65534:\n", runtime.ProcessUser, nsbox.GID),
		"/etc/hosts":         "127.0.0.1 localhost sandbox\n::1 localhost\n",
		"/etc/hostname":      "sandbox\n",
		"/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
		"/etc/resolv.conf":   "",
	}
}
