// Guest is the task that the tests with real processes run: it waits for as many
// milliseconds as its first argument says, prints its second, and writes the
// second into out.txt. Other first arguments misbehave: spin never ends, print
// and alloc take as many MiB as the second says, exit ends with that code, link
// makes out.txt a link to it, count prints how many files are below it, and fill writes 4 MiB made of it into out.txt.
package main

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"io/fs"
	"math/rand/v2"
	"os"
	"strconv"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: guest MILLISECONDS|spin|print|alloc|exit|link|count|fill TEXT")
		os.Exit(2)
	}
	text := os.Args[2]
	n, _ := strconv.Atoi(text) // 0 where it is no number: then it is not used as one
	switch os.Args[1] {
	case "spin":
		for n := 0; ; n++ {
			if n < 0 {
				fmt.Println(n)
			}
		}
	case "print":
		line := bytes.Repeat([]byte("0123456789abcde\n"), 1<<16)
		for range n {
			must(os.Stdout.Write(line))
		}
		return
	case "alloc":
		var kept [][]byte
		for range n {
			kept = append(kept, bytes.Repeat([]byte{1}, 1<<20))
		}
		fmt.Println(len(kept))
		return
	case "exit":
		os.Exit(n)
	case "link":
		must(0, os.Symlink(text, "out.txt"))
		return
	case "count":
		files := 0
		must(0, fs.WalkDir(os.DirFS("."), text, func(_ string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				files++
			}
			return err
		}))
		fmt.Println(files)
		return
	case "fill":
		h := fnv.New64a()
		must(h.Write([]byte(text)))
		r, b := rand.New(rand.NewPCG(h.Sum64(), 0)), make([]byte, 4<<20)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		must(0, os.WriteFile("out.txt", b, 0o644))
		return
	}
	n, err := strconv.Atoi(os.Args[1])
	must(n, err)
	time.Sleep(time.Duration(n) * time.Millisecond)
	must(fmt.Println(text))
	must(0, os.WriteFile("out.txt", []byte(text), 0o644))
}

func must(_ int, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
