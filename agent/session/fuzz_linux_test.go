package session

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/session"
)

// FuzzGuest: whatever a client sends in a session, the agent answers or ends it,
// and lives on. Requests that would run something are left out.
func FuzzGuest(f *testing.F) {
	seed := func(fn func(w *wire.Writer)) {
		var b bytes.Buffer
		fn(wire.NewWriter(&b, session.MaxRequest))
		f.Add(b.Bytes())
	}
	seed(func(w *wire.Writer) { w.Send(session.KindRequest, session.Request{Kind: session.KindInfo}) })
	seed(func(w *wire.Writer) {
		w.Send(session.KindRequest, session.Request{Kind: session.KindDial, Address: "x"})
		w.Write(session.KindInput, []byte("x"))
	})
	seed(func(w *wire.Writer) { w.Write(session.KindInput, nil) })
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, word := range []string{session.KindExec, session.KindPut, session.KindGet} {
			if bytes.Contains(b, []byte(word)) || bytes.Contains(b, []byte(`\u`)) {
				return
			}
		}
		near, far := net.Pipe()
		served := make(chan error, 1)
		go func() { served <- Serve(far, Config{}) }()
		m, err := Connect(near)
		if err != nil {
			t.Fatal(err)
		}
		st, err := m.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		st.Write(b)
		if half, ok := st.(interface{ CloseWrite() error }); ok {
			half.CloseWrite()
		}
		st.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, err := io.Copy(io.Discard, st); err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		st.Close()
		m.Close()
		if err := <-served; err != nil {
			t.Fatal(err)
		}
	})
}
