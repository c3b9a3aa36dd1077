//go:build linux

package nat

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/localimage"
	"github.com/Akilan1999/p2p-rendering-computation/internal/netlab"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
)

const sshImage = "p2prc-test/ssh"

// makeSSHImage makes an image with busybox and rsync, and nothing of ssh.
func makeSSHImage(t *testing.T) {
	t.Helper()
	engine, err := client.New(client.FromEnv)
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	files, err := localimage.Busybox()
	if err != nil {
		t.Fatal(err)
	}
	rsync, err := localimage.Program("/usr/bin/rsync")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, rsync...)
	files = append(files, localimage.File{Path: "etc/passwd", Content: []byte("root:x:0:0::/root:/bin/sh\nanna:x:1000:1000::/home/anna:/bin/sh\n")},
		localimage.File{Path: "root/.keep"}, localimage.File{Path: "tmp/.keep"})
	if err := localimage.Make(t.Context(), engine, sshImage, nil, files...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := engine.ImageRemove(context.Background(), sshImage, client.ImageRemoveOptions{}); err != nil {
			t.Error(err)
		}
	})
}

// Stock OpenSSH, scp, sftp, rsync and Ansible on a container without sshd, on a
// node behind one router that is only reached through a relay from behind another.
func TestStockSSHThroughARelay(t *testing.T) {
	ring.Need(t, "docker", ring.Docker())
	ring.Need(t, "ssh", ring.SSH())
	n := newInternet(t)
	relay := n.server("relay")
	lender := placed{n.home("s", netlab.Symmetric).machine("sven"), "symmetric", "s"}
	me := placed{n.home("t", netlab.Symmetric).machine("tina"), "symmetric", "t"}
	makeSSHImage(t)
	relay.Up()
	join(t, relay, lender.Machine, me.Machine)
	places(relay, lender.Machine, 1)
	if p := settled(me, lender); p.Path != api.PathRelayed {
		t.Fatalf("the path is %s: this proves nothing about relays", p.Path)
	}
	me.OK("container", "create", "sven", "--image", sshImage, "--name", "box", "--cpus", "0.3")
	dir := t.TempDir()
	config := filepath.Join(dir, "config")
	if err := os.WriteFile(config, []byte(me.OK("ssh-config")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(stdin string, args ...string) (stdout, stderr string, code int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := n.Command(me.Name, args...)
		cmd.Env = append(os.Environ(), "HOME="+dir, "ANSIBLE_SSH_ARGS=-F "+config, "ANSIBLE_NOCOLOR=1", "ANSIBLE_PYTHON_INTERPRETER=none")
		stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
		defer stop()
		var out, errs bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
		var exit *exec.ExitError
		if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
			t.Fatalf("%q: %v", args, err)
		}
		return out.String(), errs.String(), cmd.ProcessState.ExitCode()
	}
	file := filepath.Join(dir, "file")
	bytesIn := make([]byte, 1<<20)
	rand.Read(bytesIn)
	if err := os.WriteFile(file, bytesIn, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, stdin string
		args        []string
		stdout      string // a part of it
		stderr      string // of it too
		code        int
	}{
		{name: "exit code, both streams", args: []string{"ssh", "-F", config, "box.p2prc", "echo out; echo err >&2; exit 7"}, stdout: "out\n", stderr: "err\n", code: 7},
		{name: "stdin", stdin: "words", args: []string{"ssh", "-F", config, "anna@box.p2prc", "cat; id -u"}, stdout: "words1000\n"},
		{name: "a terminal", args: []string{"ssh", "-F", config, "-tt", "box.p2prc", "test -t 0 && test -t 1 && echo $TERM yes"}, stdout: " yes\r\n"},
		{name: "unknown container", args: []string{"ssh", "-F", config, "nosuch.p2prc", "true"}, stderr: `there is no container "nosuch"`, code: 255},
		{name: "unknown user", args: []string{"ssh", "-F", config, "nosuch@box.p2prc", "true"}, stderr: `the container has no user "nosuch"`, code: 255},
		{name: "scp in", args: []string{"scp", "-F", config, file, "box.p2prc:/tmp/one"}},
		{name: "scp out", args: []string{"scp", "-F", config, "box.p2prc:/tmp/one", file + ".scp"}},
		{name: "sftp", stdin: "get /tmp/one " + file + ".sftp\nls /tmp\n", args: []string{"sftp", "-F", config, "-b", "-", "box.p2prc"}, stdout: "/tmp/one"},
		{name: "rsync in", args: []string{"rsync", "-e", "ssh -F " + config, file, "box.p2prc:/tmp/two"}},
		{name: "rsync out", args: []string{"rsync", "-e", "ssh -F " + config, "box.p2prc:/tmp/two", file + ".rsync"}},
		{name: "ansible", args: []string{"ansible", "-i", "box.p2prc,", "all", "-m", "raw", "-a", "echo said by $HOME"}, stdout: "said by /root"},
		{name: "p2prc ssh", args: nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.args == nil {
				if out := me.OK("ssh", "anna@box", "--", "id -u; echo $SHELL"); out != "1000\n/bin/sh" {
					t.Errorf("%q", out)
				}
				return
			}
			out, errs, code := run(tt.stdin, tt.args...)
			if code != tt.code || !strings.Contains(out, tt.stdout) || !strings.Contains(errs, tt.stderr) {
				t.Errorf("exit code %d, want %d\nstdout: %q\nstderr: %q", code, tt.code, out, errs)
			}
		})
	}
	for _, by := range []string{".scp", ".sftp", ".rsync"} {
		if got, err := os.ReadFile(file + by); err != nil || !bytes.Equal(got, bytesIn) {
			t.Errorf("what came back by %s is not what went: %v", by[1:], err)
		}
	}
	t.Run("-L, and a client that is killed", func(t *testing.T) {
		cmd := n.Command(me.Name, "ssh", "-F", config, "-L", "8099:localhost:8098", "box.p2prc", `echo inside > /tmp/index.html
			while read up rest < /proc/uptime; do echo $up >> /tmp/beats; sleep 0.2; done & httpd -f -p 8098 -h /tmp`)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		me.Eventually("reach a port inside", func(context.Context) bool {
			out, err := n.Command(me.Name, "curl", "-s", "http://127.0.0.1:8099/").Output()
			return err == nil && string(out) == "inside\n"
		})
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		killed := uptime(t)
		_ = cmd.Wait()
		var last float64
		me.Eventually("end what it ran", func(context.Context) bool {
			said := me.OK("ssh", "box", "--", "ps > /tmp/ps; tail -n 1 /tmp/beats; cat /tmp/ps")
			_, err := fmt.Sscan(said, &last)
			return err == nil && !strings.Contains(said, "httpd -f") && !strings.Contains(said, "beats; sleep")
		})
		if took := last - killed; took > 5 {
			t.Errorf("it lived for %.1f s", took)
		}
	})
	t.Run("the container stops in the middle", func(t *testing.T) {
		cmd := n.Command(me.Name, "ssh", "-F", config, "box.p2prc", "echo ready; sleep 1000")
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 6)); err != nil {
			t.Fatal(err)
		}
		me.OK("container", "stop", "box")
		if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 255 {
			t.Errorf("%v, %s", err, errs.String())
		}
		if _, errs, code := run("", "ssh", "-F", config, "box.p2prc", "true"); code != 255 || !strings.Contains(errs, "stopped cannot be entered") {
			t.Errorf("%d %s", code, errs)
		}
	})
	me.OK("container", "rm", "box")
}

// uptime is this machine's in seconds, which containers see as well.
func uptime(t *testing.T) (up float64) {
	t.Helper()
	b, err := os.ReadFile("/proc/uptime")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(string(b), &up); err != nil {
		t.Fatal(err)
	}
	return up
}
