package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// native is what only a program of the machine can try.
func native(what string, args []string) {
	switch what {
	case "signal": // number: end by it
		check(syscall.Kill(os.Getpid(), syscall.Signal(number(args[0]))))
		time.Sleep(time.Minute)
	case "forks": // without end
		for {
			cmd := exec.Command("/proc/self/exe", "sleep", "1h")
			if err := cmd.Start(); err != nil {
				time.Sleep(time.Millisecond)
			}
		}
	case "bomb": // every process starts two more; nobody can be fast enough to kill one by one
		for {
			exec.Command("/proc/self/exe", "bomb").Start()
			exec.Command("/proc/self/exe", "bomb").Start()
		}
	case "orphan": // leave a process in its own session behind, deaf to signals
		cmd := exec.Command("/proc/self/exe", "deaf")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		check(cmd.Start())
		fmt.Print(cmd.Process.Pid)
	case "deaf":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
		for {
			time.Sleep(10 * time.Millisecond)
			os.WriteFile("alive", []byte(time.Now().String()), 0o644)
		}
	case "unlinked": // MiB into a file without a name, then wait
		f, err := os.Create("x")
		check(err)
		check(os.Remove("x"))
		fill(f, number(args[0]))
		time.Sleep(time.Minute)
	case "dial":
		if c, err := net.DialTimeout("tcp", args[0], time.Second); err == nil {
			c.Close()
			fmt.Println("REACHED tcp")
		}
		if c, err := net.Dial("unix", args[1]); err == nil {
			c.Close()
			fmt.Println("REACHED unix")
		}
		fmt.Print("done")
	case "attack": // pid of the node, as the machine numbers it
		attack(number(args[0]))
	default:
		fail("unknown: " + what)
	}
}

func attack(node int) {
	for _, pid := range []int{node, 1, -1} {
		for _, sig := range []syscall.Signal{0, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGSEGV, syscall.SIGSTOP} {
			if pid == -1 && sig != 0 {
				continue // would only end this program too
			}
			if err := syscall.Kill(pid, sig); err == nil && pid == node {
				fmt.Println("SIGNALLED node")
			}
		}
	}
	for _, pid := range []int{node, 1} {
		if syscall.PtraceAttach(pid) == nil {
			fmt.Println("TRACED", pid)
		}
		for fd := range 200 { // one of them may be the way to the node
			if process, err := unix.PidfdOpen(pid, 0); err == nil {
				if _, err := unix.PidfdGetfd(process, fd, 0); err == nil {
					fmt.Println("TOOK", fd, "of", pid)
				}
				unix.Close(process)
			}
		}
		for _, f := range []string{"/environ", "/mem", "/root", "/cwd", "/fd"} {
			if f, err := os.Open("/proc/" + strconv.Itoa(pid) + f); err == nil {
				if _, err := f.Read(make([]byte, 1)); err == nil {
					fmt.Println("LOOKED INTO", f.Name())
				}
				if _, err := f.Readdirnames(1); err == nil {
					fmt.Println("LISTED", f.Name())
				}
				f.Close()
			}
		}
	}
	for name, err := range map[string]error{
		"mount":    syscall.Mount("none", ".", "tmpfs", 0, ""),
		"unshare":  syscall.Unshare(syscall.CLONE_NEWUSER),
		"chroot":   syscall.Chroot("."),
		"setuid":   syscall.Setuid(0),
		"hostname": syscall.Sethostname([]byte("x")),
		"mknod":    syscall.Mknod("disk", syscall.S_IFBLK|0o600, 254<<8),
	} {
		if err == nil {
			fmt.Println("ALLOWED", name)
		}
	}
	cmd := exec.Command("/proc/self/exe", "echo")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
	if cmd.Run() == nil {
		fmt.Println("ALLOWED clone")
	}
	fmt.Print("done")
}
