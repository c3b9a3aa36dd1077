// Package ring says which rings of tests this machine can run. A test that
// needs more than Go asks for its ring; where the ring cannot run the test is
// skipped loudly, and fails instead when P2PRC_REQUIRE names the ring, as it
// does in CI.
package ring

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// RequireEnv lists the rings, separated by commas, that must run.
const RequireEnv = "P2PRC_REQUIRE"

// Need skips t when why is not empty, or fails it when the ring is required.
func Need(t testing.TB, name, why string) {
	t.Helper()
	switch {
	case why == "":
	case Required(name):
		t.Fatalf("ring %s is required by %s and cannot run: %s", name, RequireEnv, why)
	default:
		t.Skipf("RING %s CANNOT RUN: %s", name, why)
	}
}

// Required tells whether P2PRC_REQUIRE names the ring.
func Required(name string) bool {
	return slices.Contains(strings.Split(os.Getenv(RequireEnv), ","), name)
}

// FullEnv, when set, asks for the full sizes that `make test-all` runs.
const FullEnv = "P2PRC_FULL"

// Size is small in everyday runs and in CI, and full where FullEnv is set.
func Size(small, full int) int {
	if os.Getenv(FullEnv) != "" {
		return full
	}
	return small
}
