//go:build linux

// Command guest is code that a stranger sends to a lender's machine to get out of
// its container, or to bring the machine down.
//
//	guest try               everything that may let it out; prints "NAME: denied", or "NAME: let in" and how
//	guest reach ADDRESS...  greet each by TCP and UDP; prints "PROTO ADDRESS OUTCOME"
//	guest serve             greet on port 80; prints its addresses
//	guest rage              all at once, for ever: deaf to signals, in sessions of its own
//	guest fork|memory|disk|files|stdout|shm
//	guest orphans           leave processes behind, and end
//
// What it is to look for outside is in the variables NODE, HOME_OF_NODE, ENGINE
// and SECRET; AGENT is a process whose namespaces it wants, 1 if it is not set.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Println("nothing to do")
		os.Exit(2)
	}
	switch args := os.Args[2:]; os.Args[1] {
	case "try":
		for _, a := range append(paths(), kernel()...) {
			fmt.Printf("%s: %s\n", a.name, a.outcome())
		}
	case "reach":
		reach(args)
	case "serve":
		serve()
	default:
		bomb(os.Args[1])
	}
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
