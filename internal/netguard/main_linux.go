package netguard

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Ready is the one line on stdout: the guard stands.
const Ready = "ready"

// held is the argument of the process that keeps the namespace: it has no rights.
const held = "held"

// Main is the program inside the namespace. arg is a Config as Argument writes
// it, and must be the last of the process's own arguments: to get rid of its
// rights the process starts its own program again with that one replaced. Main
// returns nil when it is told to end, and an error when there is no guard.
func Main(arg string) error {
	if arg == held {
		return hold()
	}
	c, err := parse(arg)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	prefixes, own, err := links()
	if err != nil {
		return fmt.Errorf("reading the interfaces: %w", err)
	}
	table := Rules(c, prefixes)
	all := chains(table)
	if err := load(all); err != nil {
		return err
	}
	if err := verify(all); err != nil {
		return err
	}
	if err := probe(table, all, own); err != nil {
		return err
	}
	return disarm()
}

// disarm becomes this program again without any capability: a fresh process has
// no other thread that could have kept one.
func disarm() error {
	runtime.LockOSThread()
	// Without this, executing as user 0 gives back what the bounding set allows.
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("clearing ambient capabilities: %w", err)
	}
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&head, &none[0]); err != nil {
		return fmt.Errorf("clearing capabilities: %w", err)
	}
	argv := append(os.Args[:len(os.Args)-1:len(os.Args)-1], held)
	return fmt.Errorf("starting again without rights: %w", syscall.Exec("/proc/self/exe", argv, os.Environ()))
}

// hold keeps the namespace until it is told to end. As first process of a
// container it would be deaf to signals that it does not ask for.
func hold() error {
	end := make(chan os.Signal, 1)
	signal.Notify(end, unix.SIGTERM, unix.SIGINT)
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have [2]unix.CapUserData
	if err := unix.Capget(&head, &have[0]); err != nil {
		return fmt.Errorf("reading capabilities: %w", err)
	}
	if have != [2]unix.CapUserData{} {
		return errors.New("capabilities are left")
	}
	if _, err := fmt.Println(Ready); err != nil {
		return err
	}
	<-end
	return nil
}
