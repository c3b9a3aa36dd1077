//go:build unix

package splice

import (
	"io"
	"net"
	"strings"
	"testing"
)

// What is tried is what arrives, and where there is no room nothing is waited for.
func TestTryWrite(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	near, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	far, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	to, data, took := TCP{near.(*net.TCPConn)}, strings.Repeat("0123456789abcdef", 1<<12), 0
	for n := 1; n > 0; took += n { // until the buffers are full
		at := took % len(data)
		n = to.TryWrite([]byte(data[at:]))
	}
	to.CloseWrite()
	got, err := io.ReadAll(far)
	if want := strings.Repeat(data, took/len(data)+1)[:took]; err != nil || string(got) != want {
		t.Errorf("%d of %d bytes came, %v", len(got), took, err)
	}
	to.Close()
	if n := to.TryWrite([]byte("x")); n != 0 {
		t.Errorf("a closed connection took %d", n)
	}
}
