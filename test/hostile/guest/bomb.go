//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
)

// again starts this program anew, in a session of its own.
func again(args ...string) error {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd.Start()
}

func deaf() { signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT) }

func bomb(what string) {
	deaf()
	switch what {
	case "fork":
		for {
			_ = again("spin") // and on, whatever it says
		}
	case "spin":
		for i := 0; ; i++ {
			_ = i
		}
	case "memory":
		var all [][]byte
		for {
			b := make([]byte, 8<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			all = append(all, b)
			if len(all) == 1<<20 {
				fmt.Println("8 TiB") // so that what is allocated is kept
			}
		}
	case "disk":
		f, err := os.Create("big")
		check(err)
		for block := make([]byte, 1<<20); ; {
			_, err := f.Write(block)
			check(err)
		}
	case "files":
		for i := 0; ; i++ {
			dir := strconv.Itoa(i / 1000)
			check(os.MkdirAll(dir, 0o700))
			check(os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), nil, 0o600))
		}
	case "stdout":
		for block := make([]byte, 1<<20); ; {
			_, err := os.Stdout.Write(block)
			check(err)
		}
	case "shm":
		shm()
	case "orphans":
		for range 3 {
			check(again("spin"))
		}
	case "rage":
		rage()
	default:
		fmt.Println("unknown:", what)
		os.Exit(2)
	}
}

// shm fills every file system that is memory, and says how much each held.
func shm() {
	for _, dir := range []string{"/tmp", "/dev/shm", "/dev"} {
		n := 0
		f, err := os.Create(filepath.Join(dir, "full"))
		for block := make([]byte, 1<<20); err == nil; n++ {
			_, err = f.Write(block)
		}
		fmt.Println(dir, max(0, n-1), "MiB")
	}
}

// rage does everything within its limits, for ever.
func rage() {
	for range 8 {
		_ = again("spin")
	}
	mine := make([]byte, 64<<20)
	block := make([]byte, 1<<20)
	for i := 0; ; i++ {
		for at := 0; at < len(mine); at += 4096 {
			mine[at]++
		}
		_ = exec.Command("/proc/self/exe").Run() // ends at once
		_ = os.WriteFile("churn", block, 0o600)
		_ = os.Remove("churn")
		if i%100 == 0 {
			fmt.Println("still here")
		}
	}
}
