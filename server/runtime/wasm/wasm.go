// Package wasm is the runtime that every node has: WebAssembly modules of the
// WASI preview 1 kind, executed by the agent on wazero.
//
// A sandbox is one agent process. The module is compiled once per content, by a
// short-lived process, into a cache that sandboxes only read. Each task is a
// fresh instance whose "/" is its directory, held there twice: by a file system
// that does not follow links out, and by the agent's box, in which there is
// nothing but the module, its compiled form and the room. A task is ended by
// killing the agent; the next task gets a new one.
//
// A module has no network, no other process and no thread.
package wasm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	goruntime "runtime"

	"github.com/Akilan1999/p2p-rendering-computation/agent"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/cgroup"
	"github.com/Akilan1999/p2p-rendering-computation/internal/nsbox"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/internal/child"
)

// Config is what the runtime needs of its node.
type Config struct {
	Agent    []string // argv prefix of the agent: {"/path/to/p2prc", "agent"}
	Dir      string   // working room; the runtime uses a folder of its own in it
	CacheDir string   // of compiled modules; kept over restarts
	Log      *slog.Logger
	Tier     nsbox.Tier // not empty: take this box instead of the best that works
}

// Runtime implements runtime.Runtime.
type Runtime struct {
	cfg    Config
	dir    string
	tiers  *child.Tiers
	groups *cgroup.Manager
	cache  *cache
}

var _ runtime.Runtime = (*Runtime)(nil)

// agentMemory is what an agent may use beyond its guest's linear memory: the
// compiled module, file buffers, garbage.
const agentMemory = 96 << 20

// New makes the runtime. It touches nothing before its first use.
func New(cfg Config) *Runtime {
	dir := filepath.Join(cfg.Dir, "wasm")
	r := &Runtime{cfg: cfg, dir: dir, groups: cgroup.Find(child.Prefix(dir)), cache: &cache{dir: cfg.CacheDir, compiler: newCompiler(cfg.Agent)}}
	r.tiers = &child.Tiers{Agent: cfg.Agent, Dir: dir, Only: cfg.Tier,
		Box: func(nsbox.Tier) nsbox.Config { return nsbox.Config{Binds: child.Loader(cfg.Agent)} }}
	return r
}

// Name implements runtime.Runtime.
func (r *Runtime) Name() api.RuntimeName { return api.RuntimeWasm }

// Probe implements runtime.Runtime.
func (r *Runtime) Probe(ctx context.Context) (api.RuntimeInfo, error) {
	info := api.RuntimeInfo{Name: r.Name(), Available: true,
		Limits: []string{"memory", "cpu_time", "wall_time", "output", "disk"}}
	tier, missing, err := r.tiers.Best(ctx)
	if err != nil {
		return info, err
	}
	info.Missing = append(info.Missing, missing...)
	info.Isolation = "webassembly: no network, no processes, files only below the task's directory"
	switch tier {
	case nsbox.Namespaces:
		info.Isolation += "; in a process of its own user, process, mount and network namespace with an empty root"
	case nsbox.Landlock:
		info.Isolation += "; in a process closed by landlock"
	default:
		info.Isolation += "; in a process of its own"
	}
	if !r.groups.Has(cgroup.CPU) {
		info.Missing = append(info.Missing, "a share of less than one core: no cpu control group")
	}
	if !compiled() {
		info.Missing = append(info.Missing, "speed: no compiler for "+goruntime.GOARCH+", modules are interpreted")
	}
	return info, nil
}

func compiled() bool { return goruntime.GOARCH == "amd64" || goruntime.GOARCH == "arm64" }

// Recover implements runtime.Runtime: sandboxes do not outlive their node, so
// what is left is removed.
func (r *Runtime) Recover(ctx context.Context) ([]runtime.Sandbox, error) {
	return nil, errors.Join(r.groups.Sweep(), r.cache.evict(), child.Recover(ctx, r.dir))
}

// Tidy implements runtime.Runtime.
func (r *Runtime) Tidy(ctx context.Context) error { return child.Tidy(ctx, r.dir) }

// Open implements runtime.Runtime.
func (r *Runtime) Open(ctx context.Context, spec runtime.Spec) (runtime.Sandbox, error) {
	if spec.Module == "" {
		return nil, api.Errorf(api.KindInvalid, "runtime wasm needs a module")
	}
	if !spec.Network.None() {
		return nil, api.Errorf(api.KindUnsupported, "runtime wasm gives no network")
	}
	if spec.Cap.GPU > 0 {
		return nil, api.Errorf(api.KindUnsupported, "runtime wasm gives no GPU")
	}
	tier, _, err := r.tiers.Best(ctx)
	if err != nil {
		return nil, err
	}
	hash, err := r.cache.ensure(ctx, spec)
	if err != nil {
		return nil, err
	}
	group, err := r.group(spec)
	if err != nil {
		return nil, err
	}
	cfg := child.Config{Spec: spec, Dir: r.dir, Group: group, Tier: tier, Log: r.cfg.Log}
	if spec.Cap.Memory > 0 {
		cfg.Memory = spec.Cap.Memory + agentMemory
	}
	cfg.Launch = func(_ context.Context, room child.Room) (child.Launch, error) {
		if !r.cache.used(hash) { // a new sandbox compiles it again
			return child.Launch{}, api.Errorf(api.KindLost, "the module's compiled form is gone")
		}
		return r.launch(tier, hash, spec, room), nil
	}
	return child.Open(ctx, cfg)
}

// group holds a guest to less than the whole machine; a guest has one thread, so
// a cap of all cores holds by itself.
func (r *Runtime) group(spec runtime.Spec) (*cgroup.Group, error) {
	if !r.groups.Has(cgroup.CPU) || spec.Cap.CPU <= 0 || spec.Cap.CPU >= 1 {
		return nil, nil
	}
	g, err := r.groups.New(string(spec.ID), cgroup.Limits{CPU: spec.Cap.CPU})
	if err != nil {
		return nil, fmt.Errorf("opening a sandbox: %w", err)
	}
	return g, nil
}

func (r *Runtime) launch(tier nsbox.Tier, hash string, spec runtime.Spec, room child.Room) child.Launch {
	entry := r.cache.entry(hash)
	arg := agent.Wasm{Dirs: agent.Dirs{Work: room.Work(), Stage: room.Stage()}, Module: filepath.Join(entry, moduleName), Cache: entry, MemoryLimit: spec.Cap.Memory}
	show := []nsbox.Bind{{Source: entry}, {Source: room.Work(), Writable: true}, {Source: room.Stage(), Writable: true}}
	if tier == nsbox.Namespaces {
		show[0].Target, show[1].Target, show[2].Target = "/cache", "/work", "/stage"
		arg.Dirs = agent.Dirs{Work: "/work", Stage: "/stage"}
		arg.Module, arg.Cache = "/cache/"+moduleName, "/cache"
	}
	return child.Launch{Agent: r.cfg.Agent, Mode: agent.ModeWasm, Arg: arg,
		Box: nsbox.Config{Root: room.Root(), Binds: append(child.Loader(r.cfg.Agent), show...)}}
}
