package sshd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	agent "github.com/Akilan1999/p2p-rendering-computation/agent/session"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/bufpipe"
	"github.com/Akilan1999/p2p-rendering-computation/internal/leak"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// The test binary is the agent too: what a session runs is this program's child.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "agent" {
		code, err := agent.Main(os.Args[2], os.Args[3:])
		if err != nil {
			fmt.Fprintln(os.Stderr, "agent:", err)
			code = 1
		}
		os.Exit(code)
	}
	leak.Main(m)
}

// box is the one container there is, called box: an agent in this process.
type box struct{ mux *agent.Mux }

func (b box) Session(ctx context.Context, name string) (wire.Stream, error) {
	if name != "box" {
		return nil, api.Errorf(api.KindNotFound, "there is no container %q", name).WithHint("p2prc container ls lists them")
	}
	c, err := b.mux.Open(ctx)
	if err != nil {
		return nil, err
	}
	return c.(wire.Stream), nil
}

func newBox(t *testing.T) box {
	t.Helper()
	near, far := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- agent.Serve(far, agent.Config{User: strconv.Itoa(os.Getuid())}) }()
	mux, err := agent.Connect(near)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		mux.Close()
		if err := <-served; err != nil {
			t.Error("serve:", err)
		}
	})
	return box{mux}
}

// dial connects a client to a server in front of b.
func dial(t *testing.T, b box, container, user string) *ssh.Client {
	t.Helper()
	key, err := HostKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	near, far := bufpipe.Pair(1 << 20)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		New(key, b, slog.New(slog.DiscardHandler)).Serve(t.Context(), far, container)
	}()
	conn, channels, requests, err := ssh.NewClientConn(newNetConn(near), container, &ssh.ClientConfig{User: user, HostKeyCallback: ssh.FixedHostKey(key.PublicKey())})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			t.Error("the server does not end with its connection")
		}
	})
	return ssh.NewClient(conn, channels, requests)
}

func newSession(t *testing.T, c *ssh.Client) *ssh.Session {
	t.Helper()
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestCommands(t *testing.T) {
	c := dial(t, newBox(t), "box", api.SSHUser)
	for _, tt := range []struct {
		name, line, stdin, stdout, stderr string
		code                              int
	}{
		{name: "both streams and a code", line: "echo out; echo err >&2; exit 3", stdout: "out\n", stderr: "err\n", code: 3},
		{name: "stdin to its end", line: "cat", stdin: "a\nb", stdout: "a\nb"},
		{name: "one line for the shell", line: `x='a  b'; echo "$x" | tr a c`, stdout: "c  b\n"},
		{name: "environment", line: "echo $LC_TEST", stdout: "x=y\n"},
		{name: "a signal ended it", line: "kill -KILL $$", code: 137},
		{name: "no such program", line: "nosuch 2>/dev/null", code: 127},
		{name: "home", line: `test "$PWD" = "$HOME" && test -n "$SHELL" && test -n "$USER"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			s := newSession(t, c)
			s.Stdin, s.Stdout, s.Stderr = strings.NewReader(tt.stdin), &out, &errs
			if err := s.Setenv("LC_TEST", "x=y"); err != nil {
				t.Fatal(err)
			}
			code := codeOf(t, s.Run(tt.line))
			if out.String() != tt.stdout || errs.String() != tt.stderr || code != tt.code {
				t.Errorf("%q %q %d, want %q %q %d", out.String(), errs.String(), code, tt.stdout, tt.stderr, tt.code)
			}
		})
	}
}

func codeOf(t *testing.T, err error) int {
	t.Helper()
	var exit *ssh.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if err == nil {
		return 0
	}
	return exit.ExitStatus()
}

// What keeps a command from running is told, and is ssh's own failure.
func TestNoCommand(t *testing.T) {
	b := newBox(t)
	for _, tt := range []struct{ container, user, want string }{
		{"nosuch", api.SSHUser, `p2prc: there is no container "nosuch"` + "\r\nhint: p2prc container ls lists them\r\n"},
		{"box", "no such user", `p2prc: the container has no user "no such user"` + "\r\n"},
	} {
		var errs bytes.Buffer
		s := newSession(t, dial(t, b, tt.container, tt.user))
		s.Stderr = &errs
		if code := codeOf(t, s.Run("true")); code != ownFailure || errs.String() != tt.want {
			t.Errorf("%d %q, want %q", code, errs.String(), tt.want)
		}
	}
}

func TestTerminalAndSignal(t *testing.T) {
	c := dial(t, newBox(t), "box", api.SSHUser)
	s := newSession(t, c)
	if err := s.RequestPty("vt100", 33, 77, ssh.TerminalModes{}); err != nil {
		t.Fatal(err)
	}
	in, err := s.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(`stty raw -echo; printf 'a\nb\r\n'; stty sane -echo; stty size; echo $TERM; trap 'echo caught; exit 9' USR1; read x; stty size; while :; do read y; done`); err != nil {
		t.Fatal(err)
	}
	var seen []byte
	until := func(text string) {
		t.Helper()
		late := time.AfterFunc(20*time.Second, func() { c.Close() })
		defer late.Stop()
		buf := make([]byte, 1000)
		for !strings.HasSuffix(string(seen), text) {
			n, err := out.Read(buf)
			if seen = append(seen, buf[:n]...); err != nil {
				t.Fatalf("%q does not end with %q: %v", seen, text, err)
			}
		}
	}
	until("vt100\r\n")
	if want := "a\nb\r\n33 77\r\nvt100\r\n"; string(seen) != want {
		t.Errorf("%q, want %q: a raw terminal's bytes are not touched", seen, want)
	}
	// Requests are not in one order with the input: it follows their replies.
	tell := func(request string, payload any) {
		t.Helper()
		if ok, err := s.SendRequest(request, true, ssh.Marshal(payload)); !ok || err != nil {
			t.Fatalf("%s: %v, %v", request, ok, err)
		}
	}
	tell("window-change", struct{ Cols, Rows, Width, Height uint32 }{Cols: 55, Rows: 44})
	io.WriteString(in, "x\n")
	until("44 55\r\n")
	tell("signal", struct{ Name string }{string(ssh.SIGUSR1)})
	caught := make(chan struct{})
	var typing sync.WaitGroup
	typing.Go(func() { // dash ends its read only by input, and the signal may come after it
		for {
			io.WriteString(in, "y\n")
			select {
			case <-caught:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	defer typing.Wait()
	defer close(caught)
	until("caught\r\n")
	if code := codeOf(t, s.Wait()); code != 9 {
		t.Errorf("exit code %d", code)
	}
}

func TestSFTP(t *testing.T) {
	c, err := sftp.NewClient(dial(t, newBox(t), "box", api.SSHUser))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	path := filepath.Join(t.TempDir(), "file")
	want := bytes.Repeat([]byte("0123456789abcdef"), 200_000)
	f, err := c.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadFrom(bytes.NewReader(want)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if f, err = c.Open(path); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
	if _, err := c.Stat("/no/such/file"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestForward(t *testing.T) {
	c := dial(t, newBox(t), "box", api.SSHUser)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() { // until ln is closed
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			text, _ := io.ReadAll(conn)
			conn.Write(bytes.ToUpper(text))
			conn.Close()
		}
	}()
	conn, err := c.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "shout")
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); err != nil || string(got) != "SHOUT" {
		t.Errorf("%q, %v", got, err)
	}
	ln.Close()
	if conn, err := c.Dial("tcp", ln.Addr().String()); err == nil {
		if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil {
			t.Error("something answers where nothing listens")
		}
		conn.Close()
	}
}

func TestHundredSessions(t *testing.T) {
	c := dial(t, newBox(t), "box", api.SSHUser)
	var all sync.WaitGroup
	for n := range 100 {
		all.Go(func() {
			s, err := c.NewSession()
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if out, err := s.Output("echo " + strconv.Itoa(n)); err != nil || string(out) != strconv.Itoa(n)+"\n" {
				t.Errorf("session %d: %q, %v", n, out, err)
			}
		})
	}
	all.Wait()
}

// A client may open as many channels as there are slots; one more is refused, and
// a slot that is given back can be had again.
func TestTooManySessions(t *testing.T) {
	c := dial(t, newBox(t), "box", api.SSHUser)
	var open []*ssh.Session
	for range maxChannels {
		open = append(open, newSession(t, c))
	}
	if _, err := c.NewSession(); err == nil {
		t.Fatal("one more than the most was opened")
	}
	if err := open[0].Close(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		s, err := c.NewSession()
		if err == nil {
			s.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// pidOf starts a command that outlives its shell's attempts to stay, and says its number.
func pidOf(t *testing.T, s *ssh.Session, line string) int {
	t.Helper()
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(line); err != nil {
		t.Fatal(err)
	}
	pid := 0
	if _, err := fmt.Fscanln(out, &pid); err != nil {
		t.Fatal(err)
	}
	return pid
}

func mustDie(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); syscall.Kill(pid, 0) == nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the process still lives after 5 seconds")
		}
	}
}

// A dropped client's command dies, also one that floods a client that has stalled.
func TestDroppedClient(t *testing.T) {
	for _, line := range []string{
		`trap '' HUP TERM; echo $$; while :; do sleep 1; done`,
		`echo $$; exec yes`,
		`setsid sh -c 'echo $$; exec sleep 1000'; sleep 1000`,
	} {
		c := dial(t, newBox(t), "box", api.SSHUser)
		pid := pidOf(t, newSession(t, c), line)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		mustDie(t, pid)
	}
}

// What a command left behind lives on when it ended by itself: services are started
// so.
func TestServiceLivesOn(t *testing.T) {
	c := dial(t, newBox(t), "box", api.SSHUser)
	out, err := newSession(t, c).Output("sleep 1000 </dev/null >/dev/null 2>&1 & echo $!")
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("it is gone: %v", err)
	}
}

// One that holds the command's output open keeps the session, but not beyond its
// client, which the connection's end waits for.
func TestServiceThatHoldsItsOutput(t *testing.T) {
	c := dial(t, newBox(t), "box", api.SSHUser)
	s := newSession(t, c)
	shell := pidOf(t, s, "echo $$; sleep 60 & exit 0")
	mustDie(t, shell) // by itself
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// While one session's output is not read, others go on.
func TestStalledSession(t *testing.T) {
	c := dial(t, newBox(t), "box", api.SSHUser)
	pid := pidOf(t, newSession(t, c), "echo $$; exec yes")
	out, err := newSession(t, c).Output("echo on")
	if err != nil || string(out) != "on\n" {
		t.Errorf("%q, %v", out, err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	mustDie(t, pid)
}

// A container that stops in the middle ends the command with our failure.
func TestContainerStops(t *testing.T) {
	b := newBox(t)
	s := newSession(t, dial(t, b, "box", api.SSHUser))
	var errs bytes.Buffer
	s.Stderr = &errs
	pidOf(t, s, "echo $$; exec sleep 1000")
	b.mux.Close()
	if code := codeOf(t, s.Wait()); code != ownFailure || !strings.HasPrefix(errs.String(), "p2prc: the session ") {
		t.Errorf("%d %q", code, errs.String())
	}
}

// What is no SSH ends, and nothing is left.
func TestNoSSH(t *testing.T) {
	key, err := HostKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	near, far := bufpipe.Pair(1 << 20)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		New(key, box{}, slog.New(slog.DiscardHandler)).Serve(t.Context(), far, "box")
	}()
	io.WriteString(near, strings.Repeat("GET / HTTP/1.1\r\n", 1000))
	near.Close()
	<-ended
}

func TestHostKeyStays(t *testing.T) {
	dir := t.TempDir()
	key, err := HostKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := HostKey(dir)
	if err != nil || !bytes.Equal(key.PublicKey().Marshal(), again.PublicKey().Marshal()) {
		t.Errorf("another key the second time: %v", err)
	}
	if st, err := os.Stat(filepath.Join(dir, keyFile)); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	os.WriteFile(filepath.Join(dir, keyFile), []byte("junk"), 0o600)
	if _, err := HostKey(dir); api.KindOf(err) != api.KindCorrupt {
		t.Errorf("a damaged key: %v", err)
	}
}
