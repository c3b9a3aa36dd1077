package node

import (
	"flag"
	"os"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/agent"
	"github.com/Akilan1999/p2p-rendering-computation/internal/leak"
)

// The test binary is the agent of its nodes.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "agent" {
		os.Exit(agent.Main(os.Args[2:]))
	}
	flag.Parse()
	leak.Main(m)
}
