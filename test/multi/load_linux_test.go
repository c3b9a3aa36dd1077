package multi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/internal/conntest"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
)

// Very many connections through one mapping at a time, and new ones all the while:
// each is served, what each costs is bounded, and afterwards nothing is left.
func TestManyMappedConnections(t *testing.T) {
	const first = 100 // what a node itself grows by under load is not theirs
	idle, rate, seconds := ring.Size(200, 5000), ring.Size(50, 200), ring.Size(1, 60)
	all := pool(t, "gw", "m")
	gw, m := all[0], all[1]
	most := strconv.Itoa(2 * idle)
	for _, key := range []string{"connections", "per_mapping", "per_client", "new_per_second"} {
		gw.ok("config", "set", "gateway."+key, most)
	}
	m.ok("config", "set", "map.connections", most)
	gw.ok("lend", "policy", "allow", "m", "listen:20000-60000")
	for _, n := range all {
		n.stop()
		n.up()
	}
	m.eventually(20*time.Second, "hear of the gateway", func(ctx context.Context) error {
		p, err := m.api.Peer(ctx, "gw")
		if err != nil || !p.Gateway {
			return fmt.Errorf("%+v, %v", p.Record, err)
		}
		return nil
	})
	at := m.mapped(strconv.Itoa(conntest.Echo(t)), "--port", "0").Public[0]

	conns := make([]net.Conn, first+idle)
	open := func(conns []net.Conn) {
		each(len(conns), func(i int) {
			c, err := net.Dial("tcp", at)
			if err != nil {
				t.Error(err)
				return
			}
			conns[i] = c
			t.Cleanup(func() { c.Close() })
			echoed(t, c)
		})
		if t.Failed() {
			t.Fatal("not all connections are there")
		}
	}
	open(conns[:first])
	before := [2]int{gw.memory(), m.memory()}
	open(conns[first:])
	for i, n := range all {
		per := (n.memory() - before[i]) / idle
		t.Logf("%s: %d KiB of memory for each of %d further connections", n.name, per>>10, idle)
		if per > mostMemory {
			t.Errorf("%s: that is more than %d KiB", n.name, mostMemory>>10)
		}
	}

	var news sync.WaitGroup
	var worst atomic.Int64
	tick := time.NewTicker(time.Second / time.Duration(rate))
	for range rate * seconds {
		<-tick.C
		news.Go(func() {
			began := time.Now()
			if err := askOnce(at); err != nil {
				t.Error(err)
			}
			for took := int64(time.Since(began)); ; {
				if old := worst.Load(); took <= old || worst.CompareAndSwap(old, took) {
					return
				}
			}
		})
	}
	tick.Stop()
	news.Wait()
	t.Logf("%d more connections at %d a second, the slowest in %v", rate*seconds, rate, time.Duration(worst.Load()).Round(time.Millisecond))
	each(len(conns), func(i int) { echoed(t, conns[i]) }) // none of them was lost
	for _, c := range conns {
		c.Close()
	}

	gw.eventually(20*time.Second, "be rid of all", func(ctx context.Context) error {
		carried, err := gw.api.Carried(ctx)
		if err != nil || len(carried) != 1 || carried[0].Open != 0 || carried[0].Total != int64(len(conns)+rate*seconds) || carried[0].Refused != 0 {
			return fmt.Errorf("%+v, %v", carried, err)
		}
		return nil
	})
	m.eventually(20*time.Second, "be rid of all", func(ctx context.Context) error {
		mappings, err := m.api.Mappings(ctx)
		if err != nil || mappings[0].Open != 0 {
			return fmt.Errorf("%+v, %v", mappings, err)
		}
		return nil
	})
	for _, n := range all {
		if left := strings.Count(n.goroutines(), "internal/splice."); left > 0 {
			t.Errorf("%s: %d goroutines are left", n.name, left)
		}
	}
}

// mostMemory bounds what a connection costs a node while nothing goes over it.
const mostMemory = 96 << 10

// each calls f for the numbers below n, 50 at a time.
func each(n int, f func(i int)) {
	var workers sync.WaitGroup
	next := atomic.Int64{}
	for range 50 {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				f(int(i))
			}
		})
	}
	workers.Wait()
}

// echoed sends a byte and wants it back.
func echoed(t *testing.T, c net.Conn) {
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	got := []byte{0}
	if _, err := c.Write([]byte("x")); err != nil {
		t.Error(err)
	} else if _, err := io.ReadFull(c, got); err != nil || got[0] != 'x' {
		t.Errorf("%q came back, %v", got, err)
	}
}

// askOnce is a whole connection.
func askOnce(at string) error {
	c, err := net.Dial("tcp", at)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	said := bytes.Repeat([]byte("0123456789abcdef"), 64)
	if _, err := c.Write(said); err != nil {
		return err
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, said) {
		return fmt.Errorf("%d bytes of %d came back, %v", len(got), len(said), err)
	}
	return nil
}

// memory is how much of it the node's process has, in bytes.
func (n *node) memory() int {
	n.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", n.proc.Process.Pid))
	if err != nil {
		n.t.Fatal(err)
	}
	var size, resident int
	if _, err := fmt.Sscan(string(b), &size, &resident); err != nil {
		n.t.Fatal(err)
	}
	return resident * os.Getpagesize()
}

// goroutines ends the node and gives the stacks that it leaves.
func (n *node) goroutines() string {
	n.t.Helper()
	n.signal(syscall.SIGQUIT)
	_ = n.proc.Wait() // it says exit 2
	n.proc = nil
	b, err := os.ReadFile(n.log.Name())
	if err != nil {
		n.t.Fatal(err)
	}
	_, stacks, found := strings.Cut(string(b), "SIGQUIT: quit")
	if !found || !strings.Contains(stacks, "goroutine ") {
		n.t.Fatalf("%s left no stacks", n.name)
	}
	return stacks
}
