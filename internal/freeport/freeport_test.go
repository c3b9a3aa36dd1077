package freeport

import (
	"net"
	"strconv"
	"testing"
)

func TestFind(t *testing.T) {
	seen := map[int]bool{}
	for range 100 {
		port, err := Find("127.0.0.1", 2)
		if err != nil {
			t.Fatal(err)
		}
		for p := port; p < port+2; p++ {
			if seen[p] || p < first || p >= first+count {
				t.Fatalf("port %d", p)
			}
			seen[p] = true
		}
	}
	if port, err := Find("192.0.2.1", 1); err == nil {
		t.Errorf("port %d of an address that is not ours", port)
	}
}

// What is taken is not free, by TCP or by UDP.
func TestTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	u, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	for _, port := range []int{l.Addr().(*net.TCPAddr).Port, u.LocalAddr().(*net.UDPAddr).Port} {
		if free(net.JoinHostPort("127.0.0.1", strconv.Itoa(port))) == nil {
			t.Errorf("port %d is taken", port)
		}
	}
}
