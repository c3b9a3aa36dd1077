package wasm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	goruntime "runtime"
	"runtime/debug"
	"slices"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/Akilan1999/p2p-rendering-computation/agent"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/nsbox"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/internal/child"
)

// cache holds compiled modules, one folder per content:
//
//	HASH/module.wasm   the module
//	HASH/wazero-...    its compiled form
//
// A folder appears whole or not at all. Sandboxes see only their own module's
// folder, and cannot write to it: what one guest could change there, another
// would execute.
type cache struct {
	dir   string
	agent []string
	once  singleflight.Group
}

const (
	moduleName = "module.wasm"
	maxEntries = 64 // the longest unused go first
	maxModule  = 256 << 20
	// compileWithin and compileMemory bound what a stranger's module may cost before it runs.
	compileWithin = 2 * time.Minute
	compileMemory = 3 << 30
)

func (c *cache) entry(hash string) string { return filepath.Join(c.dir, hash) }

// ensure has the module compiled and answers with its name here. KindInvalid:
// it is not a module that can run.
func (c *cache) ensure(ctx context.Context, module string) (string, error) {
	hash, err := hashOf(module)
	if err != nil {
		return "", err
	}
	return hash, c.check(ctx, hash, module)
}

func hashOf(module string) (string, error) {
	f, err := os.Open(module)
	if err != nil {
		return "", fmt.Errorf("module: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, maxModule+1))
	if err != nil {
		return "", fmt.Errorf("module: %w", err)
	}
	if n > maxModule {
		return "", api.Errorf(api.KindInvalid, "the module is larger than %d MiB", maxModule>>20)
	}
	// Another compiler's form is another entry.
	fmt.Fprintf(h, "%s %s %s", compilerVersion(), goruntime.GOARCH, goruntime.GOOS)
	return hex.EncodeToString(h.Sum(nil)), nil
}

func compilerVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if d.Path == "github.com/tetratelabs/wazero" {
				return d.Version
			}
		}
	}
	return ""
}

// check makes the entry if it is not there (any more).
func (c *cache) check(ctx context.Context, hash, module string) error {
	now := time.Now()
	if os.Chtimes(c.entry(hash), now, now) == nil {
		return nil
	}
	// Whoever waits shares the result; the compilation itself goes on for the
	// others when one of them gives up.
	ch := c.once.DoChan(hash, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), compileWithin)
		defer cancel()
		return nil, c.compile(ctx, hash, module)
	})
	select {
	case r := <-ch:
		return r.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *cache) compile(ctx context.Context, hash, module string) error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(c.dir, "new-*")
	if err != nil {
		return err
	}
	err = c.fill(ctx, tmp, module)
	if err == nil {
		err = os.Rename(tmp, c.entry(hash))
	}
	if err != nil {
		rm := os.RemoveAll(tmp)
		if _, there := os.Stat(c.entry(hash)); there == nil && api.KindOf(err) == api.KindInternal {
			return rm // another node with this cache was faster
		}
		return errors.Join(err, rm)
	}
	return c.evict()
}

func (c *cache) fill(ctx context.Context, dir, module string) error {
	if err := copyFile(filepath.Join(dir, moduleName), module); err != nil {
		return err
	}
	out, err := child.Output(ctx, child.Launch{Agent: c.agent, Name: "compile", Box: nsbox.Config{Tier: nsbox.None},
		Mode: agent.ModeCompile, Arg: agent.Wasm{Module: filepath.Join(dir, moduleName), Cache: dir}, MaxMemory: compileMemory})
	if ctx.Err() != nil {
		return api.Errorf(api.KindInvalid, "the module takes longer than %v to compile", compileWithin)
	}
	if err != nil {
		return fmt.Errorf("compiling the module: %w", err)
	}
	var p api.Problem
	if err := json.Unmarshal(bytes.TrimSpace(out), &p); err != nil {
		return api.Errorf(api.KindInvalid, "the module cannot be compiled: the compiler broke off")
	}
	if p.Kind != "" {
		return p.Err()
	}
	// The boxes' users are not this one.
	return filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(p, 0o755)
		}
		return os.Chmod(p, 0o644)
	})
}

func copyFile(to, from string) error {
	src, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("module: %w", err)
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

// evict removes the entries that were not used for longest. A sandbox that
// loses its entry keeps what it has loaded, and compiles again when it restarts.
func (c *cache) evict() error {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	type aged struct {
		name string
		used time.Time
	}
	var all []aged
	for _, e := range entries {
		if info, err := e.Info(); err == nil && len(e.Name()) == 2*sha256.Size {
			all = append(all, aged{e.Name(), info.ModTime()})
		}
	}
	slices.SortFunc(all, func(a, b aged) int { return b.used.Compare(a.used) })
	var errs []error
	for _, e := range all[min(len(all), maxEntries):] {
		errs = append(errs, os.RemoveAll(c.entry(e.name)))
	}
	return errors.Join(errs...)
}
