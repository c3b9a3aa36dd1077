package session

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// script is a guest that says what it was told to, whatever it is asked.
type script struct{ io.Reader }

func (script) Write(p []byte) (int, error) { return len(p), nil }
func (script) Close() error                { return nil }

func frames(t testing.TB, fn func(w *wire.Writer)) []byte {
	var b bytes.Buffer
	fn(wire.NewWriter(&b, MaxAnswer))
	return b.Bytes()
}

// FuzzClient: a guest's bytes end in an exit that can be one, or in an error.
func FuzzClient(f *testing.F) {
	f.Add(frames(f, func(w *wire.Writer) {
		w.Write(KindOutput, []byte("x"))
		w.Send(KindCredit, Credit{N: 1})
		w.Send(KindExit, api.Exit{Code: -7, Signal: "\x1b[2J", Msg: "m"})
	}))
	f.Add(frames(f, func(w *wire.Writer) { w.Send(KindFail, Fail{Kind: api.KindNotRunning, Msg: "\x1b"}) }))
	f.Add(frames(f, func(w *wire.Writer) { w.Send(KindCredit, Credit{N: 1 << 40}) }))
	f.Fuzz(func(t *testing.T, b []byte) {
		exit, err := NewClient(script{bytes.NewReader(b)}).Exec(context.Background(), Request{Args: []string{"x"}}, Streams{})
		if err == nil && (exit.Code < 0 || exit.Code > 255 || len(exit.Signal) > 40 || Clean(exit.Msg) != exit.Msg) {
			t.Errorf("exit %+v", exit)
		}
		if k := api.KindOf(err); err != nil && (k == api.KindNotRunning || k == api.KindUsage) {
			t.Errorf("a guest chose the kind %s", k)
		}
	})
}

func TestCreditIsBounded(t *testing.T) {
	b := frames(t, func(w *wire.Writer) { w.Send(KindCredit, Credit{N: 1}) })
	_, err := NewClient(script{bytes.NewReader(b)}).Exec(t.Context(), Request{Args: []string{"x"}}, Streams{})
	if api.KindOf(err) != api.KindCorrupt {
		t.Errorf("credit for nothing: %v", err)
	}
}
