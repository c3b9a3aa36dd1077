//go:build cgo && linux

package conformance

import (
	"os"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/bindings/c/ctest"
)

func TestMisuse(t *testing.T) {
	dir, err := os.MkdirTemp("", "p2prc")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	t.Setenv("P2PRC_HOSTS", "127.0.0.1")
	if n := ctest.Misuse(dir); n > 0 {
		t.Errorf("%d answers were not as they should be", n)
	}
}
