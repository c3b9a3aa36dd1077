package process

import (
	"fmt"
	"log/slog"
	"os"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/agent"
	"github.com/Akilan1999/p2p-rendering-computation/internal/leak"
	"github.com/Akilan1999/p2p-rendering-computation/internal/nsbox"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/runtimetest"
)

// TestMain makes the test binary its own agent, and a node to be killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "agent":
			os.Exit(agent.Main(os.Args[2:]))
		case "node": // DIR TIER AGENT GUEST
			r := New(Config{Agent: []string{os.Args[4], "agent"}, Dir: os.Args[2], Log: slog.New(slog.DiscardHandler), Tier: nsbox.Tier(os.Args[3])})
			if err := runtimetest.Node(r, false, os.Args[5]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	leak.Main(m)
}

// self is the argv prefix of the agent.
func self() []string {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return []string{exe, "agent"}
}

func node(agent []string, tier nsbox.Tier) func(string) []string {
	return func(dir string) []string { return []string{self()[0], "node", dir, string(tier), agent[0]} }
}
