// Package freeport finds ports for listeners that are opened a moment later, or
// again after a restart.
//
// A port that the system gave out (":0") and got back is soon given to somebody
// else: to any connection that goes out. These are from below the ranges that
// systems give out by themselves (32768-60999 on Linux, 49152-65535 by RFC 6335
// section 6), so nobody gets one by chance.
package freeport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

const (
	first = 15_000
	count = 15_000
	tries = 200
)

var (
	mu    sync.Mutex
	given = map[int]bool{} // by this process: the same port is not for two of its listeners
)

// Find is the first of n ports in a row at which nobody listens on the host,
// neither TCP nor UDP. No two calls of a process answer the same one.
// Safe for concurrent use.
func Find(host string, n int) (int, error) {
	mu.Lock()
	defer mu.Unlock()
	last := errors.New("all were given out")
search:
	for range tries {
		port := first + rand.IntN(count-n)
		for p := port; p < port+n; p++ {
			if given[p] {
				continue search
			}
			if err := free(net.JoinHostPort(host, strconv.Itoa(p))); err != nil {
				last = err
				continue search
			}
		}
		for p := port; p < port+n; p++ {
			given[p] = true
		}
		return port, nil
	}
	return 0, fmt.Errorf("no %d ports in a row are free on %s: %w", n, host, last)
}

func free(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	defer l.Close()
	u, err := net.ListenPacket("udp", addr)
	if err != nil {
		return err
	}
	return u.Close()
}
