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

func newRuntime(t testing.TB, agent []string, dir string, tier nsbox.Tier) *Runtime {
	t.Helper()
	return New(Config{Agent: agent, Dir: dir, Home: dir, Log: slog.New(slog.DiscardHandler), Tier: tier})
}

// need tells why a tier cannot be had here, empty if it can.
func need(t *testing.T, tier nsbox.Tier) string {
	t.Helper()
	found, missing, err := newRuntime(t, self(), t.TempDir(), tier).tiers.Best(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if found == tier {
		return ""
	}
	return strings.Join(missing, "; ")
}

// conformance runs the suite on a tier. The agent's own tests look for races in it:
// a program with the race detector takes a second to end.
func conformance(t *testing.T, tier nsbox.Tier, target runtimetest.Target) {
	t.Helper()
	agent := runtimetest.BuildAgent(t)
	target.Node = node(agent, tier)
	target.New = func(t *testing.T, dir string) runtime.Runtime { return newRuntime(t, agent, dir, tier) }
	runtimetest.Run(t, target)
}

func TestNamespaces(t *testing.T) {
	ring.Need(t, "isolation", need(t, nsbox.Namespaces))
	conformance(t, nsbox.Namespaces, runtimetest.Target{Isolated: true, Closed: true})
}

func TestLandlock(t *testing.T) {
	ring.Need(t, "isolation", need(t, nsbox.Landlock))
	conformance(t, nsbox.Landlock, runtimetest.Target{Closed: true})
}

// TestNone is what holds where the system offers no box: limits, kills and
// accounts, but no protection.
func TestNone(t *testing.T) {
	conformance(t, nsbox.None, runtimetest.Target{})
	info, err := newRuntime(t, self(), t.TempDir(), nsbox.None).Probe(t.Context())
	if err != nil || info.Isolation != "none" || !info.Available {
		t.Errorf("%+v %v", info, err)
	}
}
