package process

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/internal/nsbox"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/runtimetest"
)

func newRuntime(t testing.TB, dir string, tier nsbox.Tier) *Runtime {
	t.Helper()
	return New(Config{Agent: self(), Dir: dir, Home: dir, Log: slog.New(slog.DiscardHandler), Tier: tier})
}

// need tells why a tier cannot be had here, empty if it can.
func need(t *testing.T, tier nsbox.Tier) string {
	t.Helper()
	found, missing, err := newRuntime(t, t.TempDir(), tier).tiers.Best(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if found == tier {
		return ""
	}
	return strings.Join(missing, "; ")
}

func TestNamespaces(t *testing.T) {
	ring.Need(t, "isolation", need(t, nsbox.Namespaces))
	runtimetest.Run(t, runtimetest.Target{Isolated: true, Closed: true, Node: node(nsbox.Namespaces),
		New: func(t *testing.T, dir string) runtime.Runtime { return newRuntime(t, dir, nsbox.Namespaces) }})
}

func TestLandlock(t *testing.T) {
	ring.Need(t, "isolation", need(t, nsbox.Landlock))
	runtimetest.Run(t, runtimetest.Target{Closed: true, Node: node(nsbox.Landlock),
		New: func(t *testing.T, dir string) runtime.Runtime { return newRuntime(t, dir, nsbox.Landlock) }})
}

// TestNone is what holds where the system offers no box: limits, kills and
// accounts, but no protection.
func TestNone(t *testing.T) {
	runtimetest.Run(t, runtimetest.Target{Node: node(nsbox.None),
		New: func(t *testing.T, dir string) runtime.Runtime { return newRuntime(t, dir, nsbox.None) }})
	info, err := newRuntime(t, t.TempDir(), nsbox.None).Probe(t.Context())
	if err != nil || info.Isolation != "none" || !info.Available {
		t.Errorf("%+v %v", info, err)
	}
}
