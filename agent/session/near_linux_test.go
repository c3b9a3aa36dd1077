package session

import (
	"errors"
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/Akilan1999/p2p-rendering-computation/agent/near"
)

// offered is an agent in this process that serves on what it offers, and is ended by that.
func offered(t *testing.T) (ended <-chan error) {
	t.Helper()
	n, err := near.New()
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() {
		served <- Serve(n, Config{User: strconv.Itoa(os.Getuid()) + ":" + strconv.Itoa(os.Getgid())})
	}()
	t.Cleanup(func() { n.Close() })
	return served
}

func self() (int, error) { return os.Getpid(), nil }

// Who has taken the agent's offer speaks to it, and its end is the sessions'.
func TestShorten(t *testing.T) {
	m := agent(t, Config{})
	ended := offered(t)
	life := m.s
	if err := m.Shorten(t.Context(), self); err != nil {
		t.Fatal(err)
	}
	if m.s == life {
		t.Error("the sessions go the long way")
	}
	if out, _, _ := run(t, m, sh("cat"), "short"); out != "short" {
		t.Errorf("%q", out)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil { // although this process, the agent's, had the other end open too
		t.Error(err)
	}
	if _, err := unix.FcntlInt(near.FD, unix.F_GETFD, 0); !errors.Is(err, unix.EBADF) {
		t.Errorf("the agent still has the other end: %v", err)
	}
}

// Where it cannot be had, the long way stays.
func TestShortenInVain(t *testing.T) {
	m := agent(t, Config{})
	for name, find := range map[string]func() (int, error){
		"elsewhere":   func() (int, error) { return 0, errors.New("elsewhere") },
		"offers none": self,
		"gone":        func() (int, error) { return 1 << 30, nil },
	} {
		if err := m.Shorten(t.Context(), find); err == nil || m.s != m.life {
			t.Errorf("%s: shortened, %v", name, err)
		}
	}
	offered(t)
	asked := 0
	if err := m.Shorten(t.Context(), func() (int, error) { asked++; return os.Getpid() + 1 - asked, nil }); err == nil || m.s != m.life {
		t.Errorf("another process soon: shortened, %v", err)
	}
	if out, _, _ := run(t, m, sh("cat"), "long"); out != "long" {
		t.Errorf("%q", out)
	}
}
