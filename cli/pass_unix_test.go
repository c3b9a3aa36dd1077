//go:build unix

package cli

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// sockets are the ends of a pair, one as ssh's program has it.
func sockets(t *testing.T) (*os.File, *net.UnixConn) {
	t.Helper()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	near, far := os.NewFile(uintptr(pair[0]), "near"), os.NewFile(uintptr(pair[1]), "far")
	defer far.Close()
	t.Cleanup(func() { near.Close() })
	c := socketOf(far)
	if c == nil {
		t.Fatal("a socket is not taken for one")
	}
	t.Cleanup(func() { c.Close() })
	return near, c
}

// Who is given a connection goes on with it after this process has let it go.
func TestPass(t *testing.T) {
	out, ssh := sockets(t)
	to := socketOf(out)
	if to == nil {
		t.Fatal("a socket is not taken for one")
	}
	defer to.Close()
	given, server := sockets(t)
	conn := socketOf(given)
	if err := pass(to, conn); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	given.Close()
	var b [1]byte
	rights := make([]byte, syscall.CmsgSpace(4))
	n, m, _, _, err := ssh.ReadMsgUnix(b[:], rights)
	if err != nil || n != 1 {
		t.Fatalf("%d bytes, %v", n, err)
	}
	messages, err := syscall.ParseSocketControlMessage(rights[:m])
	if err != nil || len(messages) != 1 {
		t.Fatalf("%v, %v", messages, err)
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		t.Fatalf("%v, %v", fds, err)
	}
	got := os.NewFile(uintptr(fds[0]), "got")
	if _, err := io.WriteString(got, "hello"); err != nil {
		t.Fatal(err)
	}
	got.Close()
	if said, err := io.ReadAll(server); err != nil || string(said) != "hello" {
		t.Errorf("%q, %v", said, err)
	}
}

// By what is no socket nothing can be passed: its bytes are copied.
func TestNoSocket(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, stream := range []any{w, f, &bytes.Buffer{}} {
		if socketOf(stream) != nil {
			t.Errorf("a %T is taken for a socket", stream)
		}
	}
}
