package wasm

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/runtimetest"
)

// slowModule takes much longer to compile than a test waits: it is one function
// of several million instructions.
func slowModule(t *testing.T) string {
	leb := func(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }
	section := func(id byte, body []byte) []byte { return append(append([]byte{id}, leb(len(body))...), body...) }
	code := append([]byte{1, 1, 0x7f, 0x20, 0}, bytes.Repeat([]byte{0x41, 1, 0x6a}, 4<<20)...) // local.get 0; (i32.const 1; i32.add)*
	code = append(code, 0x21, 0, 0x0b)                                                         // local.set 0; end
	module := []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x0a\x01\x06_start\x00\x00")
	module = append(module, section(10, append(append([]byte{1}, leb(len(code))...), code...))...)
	return written(t, module)
}

func written(t *testing.T, module []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "module.wasm")
	if err := os.WriteFile(name, module, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func newCache(t *testing.T) *cache {
	c := &cache{dir: filepath.Join(t.TempDir(), "cache"), compiler: newCompiler(self())}
	t.Cleanup(func() {
		if left, err := filepath.Glob(filepath.Join(c.dir, newPrefix+"*")); err != nil || len(left) > 0 {
			t.Errorf("left half made: %v %v", left, err)
		}
	})
	return c
}

// A compilation is gone when who asked for it has its answer: nothing of it
// outlives a sandbox that was killed, or the node.
func TestCompilationEndsWithItsContext(t *testing.T) {
	c, module := newCache(t), slowModule(t)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := c.ensure(ctx, runtime.Spec{Module: module}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
}

// What this machine cannot do is not the module's fault, and is not tried again
// and again.
func TestSlowAndLargeModulesAreNotBlamed(t *testing.T) {
	module := slowModule(t)
	for name, k := range map[string]struct {
		within time.Duration
		lent   int64
		kind   api.Kind
	}{
		"time":   {200 * time.Millisecond, 0, api.KindTimeout},
		"memory": {compileWithin, 64 << 20, api.KindQuota},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCache(t)
			c.compiler.within = k.within
			spec := runtime.Spec{Module: module, Lent: api.Resources{Memory: k.lent}}
			_, err := c.ensure(t.Context(), spec)
			if api.KindOf(err) != k.kind {
				t.Fatalf("got %s: %v", api.KindOf(err), err)
			}
			c.compiler.agent = []string{"/nothing"}
			if _, again := c.ensure(t.Context(), spec); again == nil || again.Error() != err.Error() {
				t.Errorf("asked again: %v", again)
			}
		})
	}
}

func TestGoodModuleIsCompiledOnce(t *testing.T) {
	c := newCache(t)
	spec := runtime.Spec{Module: written(t, runtimetest.EchoModule())}
	hash, err := c.ensure(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	c.compiler.agent = []string{"/nothing"}
	if again, err := c.ensure(t.Context(), spec); err != nil || again != hash {
		t.Errorf("asked again: %s %v", again, err)
	}
	if strings.Contains(hash, "/") || !c.used(hash) {
		t.Errorf("the entry %q is not there", hash)
	}
}

func TestEvictKeepsWhatWasUsedLast(t *testing.T) {
	c := newCache(t)
	made := func(name string, size int64, age time.Duration) {
		file := filepath.Join(c.dir, name, moduleName)
		then := time.Now().Add(-age)
		err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, nil, 0o600), os.Truncate(file, size), os.Chtimes(filepath.Dir(file), then, then))
		if err != nil {
			t.Fatal(err)
		}
	}
	hash := func(c string) string { return strings.Repeat(c, 64) }
	made(hash("a"), 3<<30, time.Second)
	made(hash("b"), 3<<30, time.Minute)
	made(newPrefix+"old", 1, time.Hour)
	if err := c.evict(); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(c.dir, "*"))
	if err != nil || len(left) != 1 || filepath.Base(left[0]) != hash("a") {
		t.Errorf("left: %v %v", left, err)
	}
}
