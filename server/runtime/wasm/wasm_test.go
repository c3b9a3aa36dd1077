package wasm

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/internal/nsbox"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/runtimetest"
)

func newRuntime(t testing.TB, agent []string, dir, cache string, tier nsbox.Tier) *Runtime {
	t.Helper()
	return New(Config{Agent: agent, Dir: dir, CacheDir: cache, Log: slog.New(slog.DiscardHandler), Tier: tier})
}

func conformance(t *testing.T, tier nsbox.Tier) {
	cache := filepath.Join(t.TempDir(), "cache") // one for all: compiling takes a second
	agent := runtimetest.BuildAgent(t)           // under the race detector each start of a module takes two
	runtimetest.Run(t, runtimetest.Target{Wasm: true, Closed: true, Node: node(agent, tier),
		New: func(t *testing.T, dir string) runtime.Runtime { return newRuntime(t, agent, dir, cache, tier) }})
}

func TestNamespaces(t *testing.T) {
	tier, missing, err := newRuntime(t, self(), t.TempDir(), t.TempDir(), nsbox.Namespaces).tiers.Best(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if tier != nsbox.Namespaces {
		ring.Need(t, "isolation", strings.Join(missing, "; "))
	}
	conformance(t, nsbox.Namespaces)
}

// TestNone is how the runtime works where there is no box: the file system that
// the module sees has to hold by itself.
func TestNone(t *testing.T) { conformance(t, nsbox.None) }
