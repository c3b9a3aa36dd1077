package session

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/leak"
	"github.com/Akilan1999/p2p-rendering-computation/internal/proctree"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
	"github.com/Akilan1999/p2p-rendering-computation/wire/session"
)

// The test binary is the agent too: a supervisor is this program.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "agent" {
		code, err := Main(os.Args[2], os.Args[3:])
		if err != nil {
			fmt.Fprintln(os.Stderr, "agent:", err)
			code = 1
		}
		os.Exit(code)
	}
	leak.Main(m)
}

// agent serves sessions in this process and returns the node's end.
func agent(t *testing.T, c Config) *Mux {
	t.Helper()
	near, far := net.Pipe()
	if c.User == "" {
		c.User = strconv.Itoa(os.Getuid()) + ":" + strconv.Itoa(os.Getgid())
	}
	served := make(chan error, 1)
	go func() { served <- Serve(far, c) }()
	m, err := Connect(near)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.Close()
		if err := <-served; err != nil {
			t.Error("serve:", err)
		}
	})
	return m
}

func open(t *testing.T, m *Mux) *session.Client {
	t.Helper()
	st, err := m.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := session.NewClient(st)
	t.Cleanup(func() { c.Close() })
	return c
}

func sh(script string) session.Request { return session.Request{Args: []string{"sh", "-c", script}} }

func run(t *testing.T, m *Mux, req session.Request, stdin string) (stdout, stderr string, exit api.Exit) {
	t.Helper()
	var out, errs bytes.Buffer
	s := session.Streams{Stdout: &out, Stderr: &errs}
	if stdin != "" {
		s.Stdin = strings.NewReader(stdin)
	}
	exit, err := open(t, m).Exec(t.Context(), req, s)
	if err != nil {
		t.Fatalf("exec %q: %v", req.Args, err)
	}
	return out.String(), errs.String(), exit
}

func TestExec(t *testing.T) {
	m := agent(t, Config{})
	dir := t.TempDir()
	for _, tt := range []struct {
		name               string
		req                session.Request
		stdin, stdout, err string
		exit               api.Exit
	}{
		{name: "both streams and a code", req: sh("echo out; echo err >&2; exit 3"), stdout: "out\n", err: "err\n", exit: api.Exit{Code: 3}},
		{name: "a signal", req: sh("kill -TERM $$"), exit: api.Exit{Code: 143, Signal: "terminated"}},
		{name: "stdin to its end", req: session.Request{Args: []string{"cat"}}, stdin: "a\nb", stdout: "a\nb"},
		{name: "no stdin", req: session.Request{Args: []string{"cat"}}},
		{name: "a command that does not read", req: sh("echo done"), stdin: strings.Repeat("x", 3<<20), stdout: "done\n"},
		{name: "environment", req: session.Request{Args: []string{"sh", "-c", "echo $A-$B"}, Env: []string{"A=x=y", "B=$(id) `id`\n;"}}, stdout: "x=y-$(id) `id` ;\n"},
		{name: "words are not a shell's", req: session.Request{Args: []string{"echo", "a b", "$(id)", "'\"", "l1\nl2", "-v", "/:/host"}}, stdout: "a b $(id) '\" l1\nl2 -v /:/host\n"},
		{name: "folder", req: session.Request{Args: []string{"pwd"}, Cwd: dir}, stdout: dir + "\n"},
		{name: "no such folder", req: session.Request{Args: []string{"pwd"}, Cwd: dir + "/no"}, exit: api.Exit{Code: 126, Msg: "no such folder in the container: " + dir + "/no"}},
		{name: "no such program", req: session.Request{Args: []string{"nosuch"}}, exit: api.Exit{Code: 127, Msg: "no such program: nosuch"}},
		{name: "not a program", req: session.Request{Args: []string{dir}}, exit: api.Exit{Code: 126, Msg: "cannot execute " + dir + ": not an executable file"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stdout, stderr, exit := run(t, m, tt.req, tt.stdin)
			if stdout != tt.stdout || stderr != tt.err || exit != tt.exit {
				t.Errorf("%q %q %+v, want %q %q %+v", stdout, stderr, exit, tt.stdout, tt.err, tt.exit)
			}
		})
	}
}

func TestExecRefuses(t *testing.T) {
	m := agent(t, Config{})
	for _, tt := range []struct {
		req  session.Request
		kind api.Kind
	}{
		{session.Request{}, api.KindInvalid},
		{session.Request{Args: []string{""}}, api.KindInvalid},
		{session.Request{Args: []string{"true"}, User: "no such user"}, api.KindNotFound},
		{session.Request{Args: []string{"true"}, User: "0:nosuchgroup"}, api.KindNotFound},
	} {
		if _, err := open(t, m).Exec(t.Context(), tt.req, session.Streams{}); api.KindOf(err) != tt.kind {
			t.Errorf("%+v: %v, want %s", tt.req, err, tt.kind)
		}
	}
}

func TestUser(t *testing.T) {
	if os.Getuid() != 0 {
		ring.Need(t, "isolation", "only root can become another user")
	}
	m := agent(t, Config{User: "nobody"})
	out, _, _ := run(t, m, sh("id -un; echo $HOME"), "")
	if !strings.HasPrefix(out, "nobody\n/") {
		t.Errorf("the container's own user: %q", out)
	}
	req := sh("id -u; id -g")
	req.User = "1234:567"
	if out, _, _ := run(t, m, req, ""); out != "1234\n567\n" {
		t.Errorf("a user by number: %q", out)
	}
}

// A large output comes whole, at its end too, and costs no memory while nobody reads.
func TestOutputIsNeverLost(t *testing.T) {
	m := agent(t, Config{})
	for _, term := range []string{"", "xterm"} {
		const lines = 200_000
		req := sh(fmt.Sprintf("seq %d", lines))
		req.Term = term
		out, _, exit := run(t, m, req, "")
		got := strings.Split(strings.TrimSuffix(strings.ReplaceAll(out, "\r\n", "\n"), "\n"), "\n")
		if exit.Code != 0 || len(got) != lines || got[lines-1] != strconv.Itoa(lines) {
			t.Errorf("terminal %q: %d lines, exit %+v", term, len(got), exit)
		}
	}
}

func TestTerminal(t *testing.T) {
	m := agent(t, Config{})
	req := sh("test -t 0 && test -t 1 && test -t 2 && stty size && echo $TERM; echo ready; read x; stty size; read y; echo got $x $y")
	req.Term, req.Size = "vt100", session.Size{Rows: 33, Cols: 77}
	c := open(t, m)
	in, inW := io.Pipe()
	seen := &watched{want: map[string]chan struct{}{"ready": make(chan struct{}), "44 55": make(chan struct{})}}
	done := make(chan api.Exit, 1)
	go func() {
		exit, err := c.Exec(t.Context(), req, session.Streams{Stdin: in, Stdout: seen})
		if err != nil {
			t.Error(err)
		}
		done <- exit
	}()
	seen.wait(t, "ready")
	if err := c.Resize(session.Size{Rows: 44, Cols: 55}); err != nil {
		t.Fatal(err)
	}
	io.WriteString(inW, "a\n")
	seen.wait(t, "44 55")
	io.WriteString(inW, "b\n")
	inW.Close()
	if exit := <-done; exit.Code != 0 {
		t.Errorf("exit %+v of %q", exit, seen.String())
	}
	if out := seen.String(); !strings.Contains(out, "33 77\r\nvt100\r\n") || !strings.Contains(out, "got a b\r\n") {
		t.Errorf("output %q", out)
	}
}

// The end of stdin is typed on a terminal: the program ends by itself and what it
// then prints comes.
func TestEndOfInputOnATerminal(t *testing.T) {
	m := agent(t, Config{})
	for _, in := range []string{"a\n", "a"} {
		req := sh("stty -echo; cat; echo after")
		req.Term = "xterm"
		out, _, exit := run(t, m, req, in)
		if exit.Code != 0 || !strings.HasSuffix(out, "after\r\n") {
			t.Errorf("%q: %q, exit %+v", in, out, exit)
		}
	}
}

func TestSignal(t *testing.T) {
	m := agent(t, Config{})
	c := open(t, m)
	seen := &watched{want: map[string]chan struct{}{"ready": make(chan struct{})}}
	done := make(chan api.Exit, 1)
	go func() {
		exit, err := c.Exec(t.Context(), sh("trap 'echo caught; exit 7' INT; echo ready; while :; do sleep 0.05; done"), session.Streams{Stdout: seen})
		if err != nil {
			t.Error(err)
		}
		done <- exit
	}()
	seen.wait(t, "ready")
	if err := c.Signal("INT"); err != nil {
		t.Fatal(err)
	}
	if exit := <-done; exit.Code != 7 || !strings.Contains(seen.String(), "caught") {
		t.Errorf("exit %+v of %q", exit, seen.String())
	}
}

// hostile starts what a session must not leave behind, and prints ready.
const hostile = `
trap '' HUP INT TERM
setsid sh -c 'trap "" HUP TERM INT; sleep 1000' &
(setsid setsid sleep 1001 & ) &
sleep 1002 &
while :; do (sleep 1003 & ); sleep 0.01; done &
echo ready
sleep 1004`

// Whichever way a session ends, nothing that it started is alive soon after.
func TestNothingIsLeft(t *testing.T) {
	for _, way := range []string{"client gone", "canceled", "connection gone", "command ended"} {
		t.Run(way, func(t *testing.T) {
			m := agent(t, Config{})
			c := open(t, m)
			seen := &watched{want: map[string]chan struct{}{"ready": make(chan struct{})}}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error, 1)
			script := hostile
			if way == "command ended" {
				script = strings.TrimSuffix(hostile, "sleep 1004")
			}
			go func() {
				_, err := c.Exec(ctx, sh(script), session.Streams{Stdout: seen})
				done <- err
			}()
			seen.wait(t, "ready")
			switch way {
			case "client gone":
				c.Close()
			case "canceled":
				cancel()
			case "connection gone":
				m.Close()
			}
			begun := time.Now()
			<-done
			for {
				left, err := proctree.Descendants(os.Getpid())
				if err != nil {
					t.Fatal(err)
				}
				if len(left) == 0 {
					break
				}
				if time.Since(begun) > 5*time.Second {
					t.Fatalf("%d processes are left", len(left))
				}
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
}

// What a shell leaves behind may hold its terminal open: when the client goes, the
// session and the terminal end, and what was left lives on.
func TestLeftBehindOnATerminal(t *testing.T) {
	m := agent(t, Config{})
	c := open(t, m)
	seen := &watched{want: map[string]chan struct{}{"ready": make(chan struct{}), "over": make(chan struct{})}}
	done := make(chan error, 1)
	pid := filepath.Join(t.TempDir(), "pid")
	script := "trap '' HUP; sleep 1000 & echo $! >" + pid + "; echo ready; (while kill -0 $$; do sleep 0.01; done 2>/dev/null; echo over) & exit 0"
	req := session.Request{Kind: session.KindShell, Args: []string{script}, Term: "xterm"}
	go func() {
		_, err := c.Exec(t.Context(), req, session.Streams{Stdout: seen})
		done <- err
	}()
	seen.wait(t, "ready")
	seen.wait(t, "over")
	c.Close()
	<-done
	for begun := time.Now(); terminals(t) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > 5*time.Second {
			t.Fatal("the terminal is still held")
		}
	}
	b, err := os.ReadFile(pid)
	if err != nil {
		t.Fatal(err)
	}
	left, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(left, syscall.SIGKILL); err != nil {
		t.Errorf("what was left: %v", err)
	}
}

// terminals counts those that this process has made.
func terminals(t *testing.T) (n int) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.Contains(to, "ptmx") {
			n++
		}
	}
	return n
}

func TestDial(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		b, _ := io.ReadAll(c) // to the end of what is sent: half-close is carried
		c.Write(bytes.ToUpper(b))
		c.Close()
	}()
	m := agent(t, Config{})
	var out bytes.Buffer
	big := strings.Repeat("hello ", 200_000)
	if err := open(t, m).Dial(t.Context(), ln.Addr().String(), strings.NewReader(big), &out); err != nil {
		t.Fatal(err)
	}
	if out.String() != strings.ToUpper(big) {
		t.Errorf("%d bytes came back of %d", out.Len(), len(big))
	}
	free := ln.Addr().String()
	ln.Close()
	if err := open(t, m).Dial(t.Context(), free, strings.NewReader(""), io.Discard); api.KindOf(err) != api.KindUnavailable {
		t.Errorf("nobody listens: %v", err)
	}
	if err := open(t, m).Dial(t.Context(), "7", strings.NewReader(""), io.Discard); api.KindOf(err) != api.KindInvalid {
		t.Errorf("no address: %v", err)
	}
}

func TestMainCommand(t *testing.T) {
	note = filepath.Join(t.TempDir(), "main.json")
	m := agent(t, Config{})
	if got, err := open(t, m).Main(t.Context()); err != nil || len(got.Args) != 0 {
		t.Errorf("no note: %+v, %v", got, err)
	}
	write(session.Main{Args: []string{"x"}, Ended: true, Exit: api.Exit{Code: 700, Msg: "a\x1b[31m"}})
	if got, err := open(t, m).Main(t.Context()); err != nil || !got.Ended || got.Exit.Code != 255 || strings.Contains(got.Exit.Msg, "\x1b") {
		t.Errorf("a hostile note: %+v, %v", got, err)
	}
}

// Input of any size goes through the window; credit for it comes in few frames.
func TestCreditIsGivenInPieces(t *testing.T) {
	m := agent(t, Config{})
	st, err := m.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	counted := &countedCredit{Conn: st}
	c := session.NewClient(counted)
	defer c.Close()
	const size = 8 << 20
	var out bytes.Buffer
	if _, err := c.Exec(t.Context(), session.Request{Args: []string{"wc", "-c"}}, session.Streams{Stdin: io.LimitReader(zeros{}, size), Stdout: &out}); err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(out.String()) != strconv.Itoa(size) {
		t.Errorf("%q of %d bytes came", out.String(), size)
	}
	// A credit is some 25 bytes, the output and the exit some more.
	if most := int64(size/(session.Window/4)*25 + 500); counted.n > most {
		t.Errorf("%d bytes of answers, want at most %d", counted.n, most)
	}
}

// countedCredit counts what the guest says.
type countedCredit struct {
	net.Conn
	n int64
}

func (c *countedCredit) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.n += int64(n)
	return n, err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
