package gateway

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/wire/mapping"
)

// Clients that hold a place and say nothing lose it, though the service behind it waits for ever.
func TestClientsThatSayNothing(t *testing.T) {
	for name, act := range map[string]func(*net.TCPConn) error{
		"sends nothing": func(*net.TCPConn) error { return nil },
		"half-closes":   (*net.TCPConn).CloseWrite,
	} {
		r := newRig(t, Limits{})
		r.mute = true
		_, first := r.open(mapping.Map{ID: "1", Network: "tcp"})
		c := dial(t, "tcp", first)
		if err := act(c.(*net.TCPConn)); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool { return r.List()[0].Open == 1 })
		r.endStale(time.Now().Add(59 * time.Minute))
		if got := r.List()[0].Open; got != 1 {
			t.Errorf("%s: ended early", name)
		}
		r.endStale(time.Now().Add(61 * time.Minute))
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: %v, want a reset", name, err)
		}
		eventually(t, func() bool { return r.List()[0].Open == 0 })
	}
}

// One that sends a byte a minute has its place until it is too old.
func TestClientThatSaysLittle(t *testing.T) {
	r := newRig(t, Limits{})
	_, first := r.open(mapping.Map{ID: "1", Network: "tcp"})
	c := dial(t, "tcp", first)
	began := time.Now()
	for minute := time.Duration(1); minute < 120; minute++ {
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatalf("minute %d: %v", minute, err)
		}
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatalf("minute %d: %v", minute, err)
		}
		r.endStale(began.Add(minute * time.Minute))
	}
	r.endStale(time.Now().Add(2*time.Hour + time.Minute))
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("%v, want a reset", err)
	}
}
