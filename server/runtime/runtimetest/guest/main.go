// Command guest is the program that the conformance suite runs in sandboxes: its
// first argument says what it does. It is built for WASI and for the machine.
package main

import (
	"fmt"
	"io"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fail("what?")
	}
	args := os.Args[2:]
	switch os.Args[1] {
	case "exit":
		os.Exit(number(args[0]))
	case "echo":
		fmt.Println(strings.Join(args, " "))
	case "err":
		fmt.Fprint(os.Stderr, args[0])
	case "env":
		env := os.Environ()
		sort.Strings(env)
		fmt.Println(strings.Join(env, "\n"))
	case "cat":
		_, err := io.Copy(os.Stdout, os.Stdin)
		check(err)
	case "read":
		b, err := os.ReadFile(args[0])
		check(err)
		os.Stdout.Write(b)
	case "write": // path content ...
		for i := 0; i < len(args); i += 2 {
			if d := dirOf(args[i]); d != "" {
				check(os.MkdirAll(d, 0o755))
			}
			check(os.WriteFile(args[i], []byte(args[i+1]), 0o644))
		}
	case "list":
		list(args[0])
	case "files": // everything below the working directory, with one file's text appended to another
		f, err := os.OpenFile("log", os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
		check(err)
		for _, w := range []string{"one ", "two "} {
			_, err = f.WriteString(w)
			check(err)
		}
		check(f.Close())
		check(os.Rename("log", "moved"))
		check(os.Mkdir("d", 0o755))
		check(os.WriteFile("d/x", []byte("x"), 0o644))
		check(os.Symlink("d/x", "link"))
		b, err := os.ReadFile("link")
		check(err)
		fmt.Printf("%s", b)
		b, err = os.ReadFile("moved")
		check(err)
		fmt.Printf("%s", b)
		check(os.Truncate("moved", 3))
		st, err := os.Stat("moved")
		check(err)
		fmt.Printf("%d", st.Size())
		check(os.RemoveAll("d"))
		list(".")
	case "print": // bytes
		flood(int64(number(args[0])))
	case "spin":
		if len(args) > 0 {
			fmt.Println(args[0])
		}
		for i := uint64(0); ; i++ {
			sink ^= i * i
		}
	case "sleep":
		d, err := time.ParseDuration(args[0])
		check(err)
		time.Sleep(d)
	case "alloc": // MiB
		var keep [][]byte
		for range number(args[0]) {
			b := make([]byte, 1<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			keep = append(keep, b)
		}
		fmt.Println("allocated", len(keep))
	case "fill", "hoard": // path MiB
		f, err := os.Create(args[0])
		check(err)
		fill(f, number(args[1]))
		check(f.Close())
		if os.Args[1] == "hoard" {
			time.Sleep(time.Hour)
		}
	case "escape": // target: links and paths that lead there
		escape(args[0])
	default:
		native(os.Args[1], args)
	}
}

// sink is where a spinning guest's results go, so that its loop stays.
//
//lint:ignore U1000 it is only written
var sink uint64

func list(dir string) {
	entries, err := os.ReadDir(dir)
	check(err)
	for _, e := range entries {
		fmt.Printf(" %s", e.Name())
	}
}

// fill writes n MiB.
func fill(w io.Writer, n int) {
	b := make([]byte, 1<<20)
	for i := range b {
		b[i] = byte(i)
	}
	for range n {
		_, err := w.Write(b)
		check(err)
	}
}

func flood(n int64) {
	b := []byte(strings.Repeat("0123456789abcde\n", 4096))
	for n > 0 {
		m, err := os.Stdout.Write(b[:min(n, int64(len(b)))])
		check(err)
		n -= int64(m)
	}
}

// escape tries to read target, which the directory must not reach, in every way
// that paths and links offer, and prints what it got.
func escape(target string) {
	up := strings.Repeat("../", 40)
	rel := up + strings.TrimPrefix(target, "/")
	os.Symlink(rel, "l1")
	os.Symlink(target, "l2")
	os.Mkdir("d", 0o755)
	os.Symlink("../"+rel, "d/l3")
	os.Symlink(strings.TrimSuffix(up, "/"), "top")
	os.Symlink("l1", "l4")
	os.Link(rel, "h1")
	for _, p := range []string{target, rel, "l1", "l2", "d/l3", "l4", "h1", "top/" + strings.TrimPrefix(target, "/"), "./d/../" + rel, "d/../../" + rel} {
		if b, err := os.ReadFile(p); err == nil {
			fmt.Printf("READ %s: %s\n", p, b)
		}
		if f, err := os.OpenFile(p, os.O_WRONLY|os.O_APPEND, 0); err == nil {
			_, err = f.WriteString("written by a guest")
			f.Close()
			if err == nil {
				fmt.Printf("WROTE %s\n", p)
			}
		}
	}
	for _, p := range []string{rel + "-new", "top/" + strings.TrimPrefix(target, "/") + "-new", target + "-new"} {
		if os.WriteFile(p, []byte("made by a guest"), 0o644) == nil {
			fmt.Printf("MADE %s\n", p)
		}
	}
	fmt.Print("done")
}

func dirOf(p string) string {
	if i := strings.LastIndexByte(p, '/'); i > 0 {
		return p[:i]
	}
	return ""
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	check(err)
	return n
}

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func fail(msg string) {
	fmt.Fprintln(os.Stderr, "guest:", msg)
	os.Exit(99)
}
