package splice

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

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

// failing reads what it has and fails.
type failing struct {
	io.Reader
	err error
}

func (f failing) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err == io.EOF {
		err = f.err
	}
	return n, err
}

// What comes is passed on whole, in whatever pieces it comes; a stream that says that it
// broke because a connection ended has not ended itself.
func TestPour(t *testing.T) {
	broke := fmt.Errorf("the connection broke: %w", io.EOF)
	for _, size := range []int{0, 1, little - 1, little, little + 1, large, 3*large + 7} {
		for _, end := range []error{io.EOF, broke} {
			data := strings.Repeat("0123456789", size/10+1)[:size]
			for name, from := range map[string]io.Reader{"at once": strings.NewReader(data), "bit by bit": iotest.HalfReader(strings.NewReader(data))} {
				var got strings.Builder
				err := pour(&got, failing{from, end}, func(int) {})
				if got.String() != data || (err == nil) != (end == io.EOF) {
					t.Errorf("%d bytes %s, %v: %d, %v", size, name, end, got.Len(), err)
				}
			}
		}
	}
}
