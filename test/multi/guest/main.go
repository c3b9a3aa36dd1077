// Guest is the task that the tests with real processes run: it waits for as many
// milliseconds as its first argument says, prints its second, and writes the
// second into out.txt. With spin as its first argument it never ends.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: guest MILLISECONDS|spin TEXT")
		os.Exit(2)
	}
	if os.Args[1] == "spin" {
		for n := 0; ; n++ {
			if n < 0 {
				fmt.Println(n)
			}
		}
	}
	ms, err := strconv.Atoi(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(2)
	}
	time.Sleep(time.Duration(ms) * time.Millisecond)
	fmt.Println(os.Args[2])
	if err := os.WriteFile("out.txt", []byte(os.Args[2]), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
