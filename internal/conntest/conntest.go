// Package conntest is the services that tests of connections talk to.
package conntest

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/internal/freeport"
)

// Serve has do answer each connection, which then is closed. The listener is too
// when the test ends, which waits for all.
func Serve(t testing.TB, ln net.Listener, do func(net.Conn)) {
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close()
				do(c)
			})
		}
	})
	t.Cleanup(func() { ln.Close(); conns.Wait() })
}

// FreePort is the first of n ports in a row on loopback where nobody listens.
func FreePort(t testing.TB, n int) int {
	t.Helper()
	port, err := freeport.Find("127.0.0.1", n)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// Echo is the port on loopback of a service that sends back what it gets, and its end.
func Echo(t testing.TB) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	Serve(t, ln, func(c net.Conn) {
		_, _ = io.Copy(struct{ io.Writer }{c}, c) // plainly: a pipe for each would be two files more
	})
	return ln.Addr().(*net.TCPAddr).Port
}
