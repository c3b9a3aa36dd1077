package wasm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/agent"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/nsbox"
	"github.com/Akilan1999/p2p-rendering-computation/internal/size"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/internal/child"
)

// What a stranger's module may cost before it runs. The compiler has one thread,
// which is the core that the opening sandbox is charged for anyway.
const (
	compileWithin = 2 * time.Minute
	compileMemory = 3 << 30 // and no more than half of what is lent
	compilesAtAll = 2       // at once
)

// compiler compiles modules, few at once. What it starts ends with the context
// of who asked for it.
type compiler struct {
	agent   []string
	within  time.Duration
	turns   *turns
	refused refusals
}

func newCompiler(agent []string) compiler {
	return compiler{agent: agent, within: compileWithin, turns: newTurns(compilesAtAll)}
}

// ensure has the module of spec compiled and answers with its name here.
// KindInvalid: it is not a module that can run. KindTimeout, KindQuota: this
// machine cannot compile it within what it lends for that; another one may.
func (c *cache) ensure(ctx context.Context, spec runtime.Spec) (string, error) {
	hash, err := hashOf(spec.Module)
	if err != nil || c.used(hash) {
		return hash, err
	}
	if err := c.compiler.refused.get(hash); err != nil {
		return "", err
	}
	done, err := c.compiler.turns.take(ctx, spec.Borrower)
	if err != nil {
		return "", err
	}
	defer done()
	if c.used(hash) { // whose turn it was before needed the same
		return hash, nil
	}
	if err := c.compiler.refused.get(hash); err != nil {
		return "", err
	}
	err = c.compile(ctx, hash, spec)
	switch api.KindOf(err) {
	case api.KindInvalid, api.KindTimeout, api.KindQuota:
		c.compiler.refused.add(hash, err)
	}
	return hash, err
}

// compile makes an entry.
func (c *cache) compile(ctx context.Context, hash string, spec runtime.Spec) error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(c.dir, newPrefix+"*")
	if err != nil {
		return err
	}
	err = c.compiler.fill(ctx, tmp, spec)
	if err == nil {
		err = os.Rename(tmp, c.entry(hash))
	}
	if err != nil {
		rm := os.RemoveAll(tmp)
		if ctx.Err() == nil && api.KindOf(err) == api.KindInternal && c.used(hash) {
			return rm // another borrower, or another node with this cache, was faster
		}
		return errors.Join(err, rm)
	}
	return c.evict()
}

// fill puts the module and its compiled form into dir.
func (c *compiler) fill(ctx context.Context, dir string, spec runtime.Spec) error {
	if err := copyFile(filepath.Join(dir, moduleName), spec.Module); err != nil {
		return err
	}
	memory := int64(compileMemory)
	if lent := spec.Lent.Memory; lent > 0 {
		memory = min(memory, lent/compilesAtAll)
	}
	timed, cancel := context.WithTimeout(ctx, c.within)
	defer cancel()
	out, err := child.Output(timed, child.Launch{Agent: c.agent, Name: "compile", Box: nsbox.Config{Tier: nsbox.None},
		Mode: agent.ModeCompile, Arg: agent.Wasm{Module: filepath.Join(dir, moduleName), Cache: dir}, MaxMemory: memory})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case timed.Err() != nil:
		return api.Errorf(api.KindTimeout, "this machine has not compiled the module within %v", c.within)
	case errors.Is(err, child.ErrMemory):
		return api.Errorf(api.KindQuota, "compiling the module needs more than the %s that this machine lends for it", size.Bytes(memory))
	case err != nil:
		return fmt.Errorf("compiling the module: %w", err)
	}
	var p api.Problem
	if err := json.Unmarshal(bytes.TrimSpace(out), &p); err != nil {
		return api.Errorf(api.KindInternal, "compiling the module: the compiler broke off")
	}
	if p.Kind != "" {
		return p.Err()
	}
	return openToBoxes(dir)
}

// openToBoxes lets the boxes' users, who are not this one, read what is below dir.
func openToBoxes(dir string) error {
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
