package splice

import (
	"io"
	"strings"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/internal/bufpipe"
)

func TestBothWaysAndHalfClose(t *testing.T) {
	a, nearA := bufpipe.Pair(1 << 10)
	b, nearB := bufpipe.Pair(1 << 10)
	over := make(chan struct{})
	go func() { defer close(over); Both(nearA, nearB) }()
	big := strings.Repeat("x", 100_000)
	go func() { io.WriteString(a, big); a.CloseWrite() }()
	got, err := io.ReadAll(b) // ends although the other way is open
	if err != nil || string(got) != big {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	io.WriteString(b, "back")
	b.CloseWrite()
	if got, err := io.ReadAll(a); err != nil || string(got) != "back" {
		t.Errorf("%q, %v", got, err)
	}
	<-over
}

func TestResetEndsBoth(t *testing.T) {
	a, nearA := bufpipe.Pair(1 << 10)
	b, nearB := bufpipe.Pair(1 << 10)
	over := make(chan struct{})
	go func() { defer close(over); Both(nearA, nearB) }()
	a.Reset()
	if _, err := b.Read(make([]byte, 1)); err == nil {
		t.Error("the other side was not told")
	}
	<-over
}
