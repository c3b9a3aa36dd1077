package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/internal/freeport"
)

// sshFront compares a command and a large copy by ssh into a container with the same
// by Debian's sshd on this machine.
func sshFront(ctx context.Context, b *bench) error {
	if err := busyboxImage(ctx); err != nil {
		return err
	}
	n, err := b.newNode("ssh", "docker")
	if err != nil {
		return err
	}
	if _, err := n.up(ctx); err != nil {
		return err
	}
	defer n.stop()
	for _, args := range [][]string{{"lend", "policy", "allow", "*", "containers"},
		{"container", "create", "self", "--image", benchImage, "--name", "box", "--cpus", "1", "--memory", "1GiB", "--disk", "4GiB"}} {
		if _, err := n.run(args...); err != nil {
			return err
		}
	}
	defer n.run("container", "rm", "box")
	config := filepath.Join(b.dir, "ssh_config")
	block, err := n.run("ssh-config")
	if err != nil {
		return err
	}
	host, stop, err := debianSSHD(ctx, b.dir)
	if err != nil {
		return err
	}
	defer stop()
	if err := os.WriteFile(config, []byte(block+"\n"+host), 0o600); err != nil {
		return err
	}
	binary, err := filepath.Abs(b.binary)
	if err != nil {
		return err
	}
	floor := 0.0
	for _, c := range []struct {
		name string
		args []string
	}{
		{"ssh localhost true, Debian's sshd (floor)", []string{"ssh", "-F", config, "floor", "true"}},
		{"p2prc ssh box true", []string{binary, "--home", n.home, "ssh", "box", "true"}},
		{"ssh box.p2prc true", []string{"ssh", "-F", config, "box.p2prc", "true"}},
	} {
		took, err := median(ctx, 21, c.args...)
		if err != nil {
			return err
		}
		ms := float64(took.Microseconds()) / 1000
		if floor == 0 {
			floor = ms
		}
		b.report(Figure{"ssh", c.name, ms, "ms", fmt.Sprintf("median of 21, %.2f of the floor", ms/floor)})
	}
	return copies(ctx, b, config)
}

// copies sends a gigabyte by scp.
func copies(ctx context.Context, b *bench, config string) error {
	const size = 1 << 30
	file, landed := filepath.Join(b.dir, "gigabyte"), filepath.Join(b.dir, "landed")
	if err := exec.CommandContext(ctx, "dd", "if=/dev/urandom", "of="+file, "bs=1M", "count=1024", "status=none").Run(); err != nil {
		return err
	}
	floor := 0.0
	for _, c := range []struct{ name, from, to string }{
		{"scp 1 GiB to localhost, Debian's sshd (floor)", file, "floor:" + landed},
		{"scp 1 GiB into a container", file, "box.p2prc:/tmp-file"},
		{"scp 1 GiB out of a container", "box.p2prc:/tmp-file", landed},
	} {
		took, err := median(ctx, 3, "scp", "-q", "-F", config, c.from, c.to)
		if err != nil {
			return err
		}
		rate := size / took.Seconds() / 1e6
		if floor == 0 {
			floor = rate
		}
		b.report(Figure{"ssh", c.name, rate, "MB/s", fmt.Sprintf("median of 3, %.2f of the floor", rate/floor)})
	}
	return nil
}

// median is how long a command takes.
func median(ctx context.Context, n int, args ...string) (time.Duration, error) {
	var all []time.Duration
	for range n {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		start := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
		}
		all = append(all, time.Since(start))
	}
	slices.Sort(all)
	return all[n/2], nil
}

// debianSSHD runs an sshd on loopback, and gives the block that calls it floor.
func debianSSHD(ctx context.Context, dir string) (block string, stop func(), err error) {
	key, config := filepath.Join(dir, "key"), filepath.Join(dir, "sshd_config")
	if out, err := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("ssh-keygen: %w: %s", err, out)
	}
	port, err := freeport.Find("127.0.0.1", 1)
	if err != nil {
		return "", nil, err
	}
	text := "ListenAddress 127.0.0.1\nPort " + strconv.Itoa(port) + "\nHostKey " + key + "\nAuthorizedKeysFile " + key + ".pub\nStrictModes no\nPermitRootLogin yes\nPidFile none\nSubsystem sftp internal-sftp\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return "", nil, err
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, "/usr/sbin/sshd", "-D", "-e", "-f", config)
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("debian's openssh-server is the floor: %w", err)
	}
	stop = ender(cmd)
	if err := answers(ctx, loopback(port)); err != nil {
		stop()
		return "", nil, fmt.Errorf("sshd does not listen: %w", err)
	}
	block = "Host floor\n  HostName 127.0.0.1\n  Port " + strconv.Itoa(port) + "\n  User root\n  IdentityFile " + key +
		"\n  UserKnownHostsFile /dev/null\n  StrictHostKeyChecking no\n  LogLevel ERROR\n"
	return block, stop, nil
}
