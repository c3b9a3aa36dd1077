// Package wasi executes WebAssembly modules of the WASI preview 1 kind: the
// executor behind the agent's wasm mode, on wazero.
//
// The module is compiled once (or read from the compilation cache) when the
// executor is made; each task is a fresh instance with its directory as "/".
// Calls into compiled code cannot be interrupted at a fair price (cancelling
// through the context costs hot loops a factor of five), so the executor is
// inline: whoever wants a task ended ends the process.
package wasi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/experimental/sysfs"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"

	"github.com/Akilan1999/p2p-rendering-computation/agent/task"
	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Executor runs one module. It is not safe for concurrent use.
type Executor struct {
	rt     wazero.Runtime
	cache  wazero.CompilationCache
	module wazero.CompiledModule
	memory *arena

	charged time.Duration // processor time up to the end of the last task
}

var _ task.Executor = (*Executor)(nil)

// New compiles the module in file, with the on-disk cache cacheDir if it is not
// empty. memoryLimit bounds a guest's linear memory in bytes; 0: the format's
// own 4 GiB. KindInvalid: not a module that can run here, with the reason.
func New(ctx context.Context, file, cacheDir string, memoryLimit int64) (*Executor, error) {
	code, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("module: %w", err)
	}
	cfg := wazero.NewRuntimeConfigCompiler()
	if !compilerSupported() {
		cfg = wazero.NewRuntimeConfigInterpreter()
	}
	e := &Executor{memory: newArena(memoryLimit)}
	if cacheDir != "" {
		if e.cache, err = wazero.NewCompilationCacheWithDir(cacheDir); err != nil {
			return nil, fmt.Errorf("compilation cache: %w", err)
		}
		cfg = cfg.WithCompilationCache(e.cache)
	}
	e.rt = wazero.NewRuntimeWithConfig(ctx, cfg)
	if err := e.compile(ctx, code); err != nil {
		return nil, errors.Join(err, e.Close(ctx))
	}
	e.charged = cpuTime()
	return e, nil
}

func compilerSupported() bool { return runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64" }

func (e *Executor) compile(ctx context.Context, code []byte) error {
	if len(code) < 8 || string(code[:4]) != "\x00asm" {
		return api.Errorf(api.KindInvalid, "the module is not WebAssembly").
			WithHint("a module starts with the bytes 00 61 73 6d; build one with GOOS=wasip1 GOARCH=wasm go build")
	}
	m, err := e.rt.CompileModule(ctx, code)
	if file := (*fs.PathError)(nil); errors.As(err, &file) { // the cache's: no fault of the module
		return api.Errorf(api.KindInternal, "the compiled module cannot be kept here: %w", file.Err)
	}
	if err != nil {
		return api.Errorf(api.KindInvalid, "the module is not valid WebAssembly: %s", firstLine(err))
	}
	e.module = m
	for _, f := range m.ImportedFunctions() {
		if mod, name, _ := f.Import(); mod != wasi_snapshot_preview1.ModuleName {
			return api.Errorf(api.KindInvalid, "the module imports %s.%s, which nobody provides", mod, name).
				WithHint("only WASI preview 1 is there: build with GOOS=wasip1 or a wasm32-wasi target")
		}
	}
	if _, ok := m.ExportedFunctions()["_start"]; !ok {
		return api.Errorf(api.KindInvalid, "the module exports no _start, so it is not a program").
			WithHint("build a command, not a library")
	}
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, e.rt); err != nil {
		return fmt.Errorf("wasi: %w", err)
	}
	return nil
}

// Close frees what the executor holds.
func (e *Executor) Close(ctx context.Context) error {
	err := e.rt.Close(ctx)
	if e.cache != nil {
		err = errors.Join(err, e.cache.Close(ctx))
	}
	return errors.Join(err, e.memory.close())
}

// Inline implements task.Executor.
func (e *Executor) Inline() bool { return true }

// Exec implements task.Executor; an inline task is ended with its process.
func (e *Executor) Exec(_ context.Context, t *task.Task) (task.End, error) {
	fsys := newRootFS(t.Root)
	defer fsys.close()
	cfg := wazero.NewModuleConfig().WithName("").
		WithArgs(t.Args...).
		WithStdout(t.Stdout).WithStderr(t.Stderr).
		WithSysWalltime().WithSysNanotime().WithSysNanosleep().
		WithRandSource(rand.Reader).
		WithFSConfig(wazero.NewFSConfig().(sysfs.FSConfig).WithSysFSMount(fsys, "/"))
	if t.Stdin != nil {
		cfg = cfg.WithStdin(t.Stdin)
	}
	pwd := false
	for _, kv := range t.Env {
		k, v, _ := strings.Cut(kv, "=")
		pwd = pwd || k == "PWD"
		cfg = cfg.WithEnv(k, v)
	}
	if t.Cwd != "." && !pwd {
		cfg = cfg.WithEnv("PWD", path.Join("/", t.Cwd)) // where Go programs start; WASI has no notion of it
	}

	e.memory.begin()
	err := e.instantiate(cfg)
	// What the agent did for the task since the last one ended is the task's too.
	now := cpuTime()
	end := task.End{CPU: now - e.charged, MaxMemory: e.memory.peak}
	e.charged = now
	e.describe(err, &end)
	return end, nil
}

var errNoMemory = errors.New("the module needs more memory to start than it may have")

func (e *Executor) instantiate(cfg wazero.ModuleConfig) (err error) {
	ctx := experimental.WithMemoryAllocator(context.Background(), e.memory)
	defer func() {
		if r := recover(); r != nil {
			if !e.memory.refused {
				panic(r)
			}
			err = errNoMemory // wazero slices what the allocator refused
		}
	}()
	m, err := e.rt.InstantiateModule(ctx, e.module, cfg)
	if m != nil {
		err = errors.Join(err, m.Close(ctx))
	}
	return err
}

// describe turns what wazero returned into how the command ended.
func (e *Executor) describe(err error, end *task.End) {
	var exit *sys.ExitError
	switch {
	case err == nil:
		return
	case errors.As(err, &exit):
		if exit.ExitCode() == 0 {
			return
		}
		end.Code = int(exit.ExitCode())
	default:
		end.Code, end.Msg = 134, "the module trapped: "+firstLine(err) // as a shell sees abort
	}
	if e.memory.refused {
		end.Limit = api.LimitMemory
	}
}

func firstLine(err error) string {
	s, _, _ := strings.Cut(err.Error(), "\n")
	return s
}

// Check compiles file into cacheDir and tells whether it is a program
// (KindInvalid if not).
func Check(ctx context.Context, file, cacheDir string) error {
	e, err := New(ctx, file, cacheDir, 0)
	if err != nil {
		return err
	}
	return e.Close(ctx)
}
