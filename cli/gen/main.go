// Command gen writes the reference of all commands to the file it is given.
package main

import (
	"fmt"
	"os"

	"github.com/Akilan1999/p2p-rendering-computation/cli"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gen FILE")
		os.Exit(2)
	}
	if err := os.WriteFile(os.Args[1], cli.Reference(), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
