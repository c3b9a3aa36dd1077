package wasm

import (
	"os"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/agent"
)

// TestMain makes the test binary its own agent.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "agent" {
		os.Exit(agent.Main(os.Args[2:]))
	}
	os.Exit(m.Run())
}
