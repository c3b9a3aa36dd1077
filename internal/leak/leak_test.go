package leak

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { Main(m) }

func linger(until <-chan time.Time) { <-until }

func TestOneThatEndsIsNoLeak(t *testing.T) {
	go linger(time.After(2 * time.Second)) // more than goleak waits
	if err := find(grace); err != nil {
		t.Error(err)
	}
}

func TestOneThatStaysIsALeak(t *testing.T) {
	stop := make(chan time.Time)
	defer close(stop)
	go linger(stop)
	if err := find(0); err == nil || !strings.Contains(err.Error(), "leak.linger") {
		t.Error("not found:", err)
	}
	if err := find(0, goleak.IgnoreAnyFunction("github.com/Akilan1999/p2p-rendering-computation/internal/leak.linger")); err != nil {
		t.Error(err)
	}
}
