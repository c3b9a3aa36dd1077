package agent

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/agent/near"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// counting is a stream that counts what is written to it.
type counting struct {
	net.Conn
	n atomic.Int64
}

func (c *counting) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return c.Conn.Write(p)
}

// nearAgent is an agent in this process that offers a shorter way, and the lender's
// end of its stream.
func nearAgent(t *testing.T) (*Client, *counting, <-chan error) {
	t.Helper()
	offer, err := near.New()
	if err != nil {
		t.Fatal(err)
	}
	room := t.TempDir()
	ours, theirs := net.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- Serve(t.Context(), theirs, offer, Dirs{Work: filepath.Join(room, "work"), Stage: filepath.Join(room, "stage")}, scripted{false, shellish})
		offer.Close()
		theirs.Close()
	}()
	far := &counting{Conn: ours}
	c, err := NewClient(far)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, far, ended
}

func self() (int, error) { return os.Getpid(), nil }

// Commands go the short way once it is taken, and the agent ends with either.
func TestShorten(t *testing.T) {
	for name, end := range map[string]func(c *Client, far *counting) error{
		"the client":  func(c *Client, _ *counting) error { return c.Close() },
		"the stream":  func(_ *Client, far *counting) error { return far.Close() },
		"the shorter": func(c *Client, _ *counting) error { return c.conn.(shortened).Conn.Close() },
	} {
		t.Run(name+" ends", func(t *testing.T) {
			c, far, ended := nearAgent(t)
			if err := c.Shorten(self); err != nil {
				t.Fatal(err)
			}
			said := far.n.Load()
			var out bytes.Buffer
			if _, err := c.Exec(Command{Args: []string{"say", "it"}}, Streams{Stdout: &out}); err != nil || out.String() != "say it" {
				t.Errorf("%q, %v", &out, err)
			}
			if n := far.n.Load(); n != said {
				t.Errorf("%d bytes went the long way", n-said)
			}
			waiting, w := io.Pipe()
			go func() {
				_, _ = waiting.Read(make([]byte, 7))
				if err := end(c, far); err != nil {
					t.Error(err)
				}
			}()
			if _, err := c.Exec(Command{Args: []string{"wait"}}, Streams{Stdout: w}); api.KindOf(err) != api.KindLost {
				t.Errorf("a command whose agent is gone: %v", err)
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

// After a command it is too late: what that prints may be on its way.
func TestShortenTooLate(t *testing.T) {
	offer, err := near.New()
	if err != nil {
		t.Fatal(err)
	}
	defer offer.Close()
	room := t.TempDir()
	ours, theirs := net.Pipe()
	go func() {
		defer ours.Close()
		w := wire.NewWriter(ours, maxToAgent)
		err := errors.Join(w.Send(kindHello, hello{Version: version}), w.Send(kindExec, execMsg{Seq: 1, Args: []string{"say", "it"}}), w.Write(kindNear, nil))
		if err != nil {
			t.Error(err)
		}
	}()
	go func() { _, _ = io.Copy(io.Discard, ours) }()
	err = Serve(t.Context(), theirs, offer, Dirs{Work: filepath.Join(room, "work"), Stage: filepath.Join(room, "stage")}, scripted{false, shellish})
	if api.KindOf(err) != api.KindCorrupt {
		t.Errorf("a shorter way after a command: %v", err)
	}
}

// Where the short way cannot be had, the long one stays.
func TestShortenInVain(t *testing.T) {
	elsewhere := func() (int, error) { return 0, errors.New("elsewhere") }
	c, _, _ := nearAgent(t)
	if err := c.Shorten(elsewhere); err == nil {
		t.Error("shortened")
	}
	none, _ := connected(t, scripted{false, shellish})
	if err := none.Shorten(self); api.KindOf(err) != api.KindUnsupported {
		t.Errorf("none is offered: %v", err)
	}
	for _, c := range []*Client{c, none} {
		var out bytes.Buffer
		if _, err := c.Exec(Command{Args: []string{"say", "it"}}, Streams{Stdout: &out}); err != nil || out.String() != "say it" {
			t.Errorf("%q, %v", &out, err)
		}
	}
}
