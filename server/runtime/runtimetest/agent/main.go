// Command agent is the agent alone, linked statically and small, for runtimes
// whose sandboxes cannot execute a test's binary.
package main

import (
	"os"

	"github.com/Akilan1999/p2p-rendering-computation/agent"
)

func main() { os.Exit(agent.Main(os.Args[2:])) } // the first one is "agent"
