package wasi

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// empty is a program that does nothing.
const empty = "\x00asm\x01\x00\x00\x00" + // version
	"\x01\x04\x01\x60\x00\x00" + // one type: func()
	"\x03\x02\x01\x00" + // one function of it
	"\x07\x0a\x01\x06_start\x00\x00" + // exported
	"\x0a\x04\x01\x02\x00\x0b" // its body: end

// A cache that cannot be written, as on a full disk, is the machine's failure:
// blamed on the module, it would end the task on every retry.
func TestBrokenCacheIsNotTheModulesFault(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	e := &Executor{memory: newArena(0), cache: cache}
	e.rt = wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfig().WithCompilationCache(cache))
	if err := e.compile(t.Context(), []byte(empty)); api.KindOf(err) != api.KindInternal {
		t.Errorf("%v is of kind %s", err, api.KindOf(err))
	}
	if err := e.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNoModuleIsInvalid(t *testing.T) {
	for name, code := range map[string]string{
		"text": "#!/bin/sh\n", "nothing": "", "cut off": empty[:len(empty)-3], "no _start": empty[:8], "garbage": empty[:8] + "garbage",
	} {
		file := filepath.Join(t.TempDir(), "module.wasm")
		if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
			t.Fatal(err)
		}
		e, err := New(t.Context(), file, t.TempDir(), 0)
		if api.KindOf(err) != api.KindInvalid {
			t.Errorf("%s: %v", name, err)
		}
		if e != nil {
			t.Error(e.Close(t.Context()))
		}
	}
}
