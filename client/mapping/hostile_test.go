package mapping

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/bufpipe"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/mapping"
)

// Whatever a target does to a connection, its client sees that it is over, and
// nothing of it is left.
func TestTargetsThatMisbehave(t *testing.T) {
	for name, c := range map[string]struct {
		target func(*bufpipe.End) // nil: it refuses
		client func(*bufpipe.End) error
	}{
		"refuses": {nil, func(*bufpipe.End) error { return nil }},
		"resets":  {func(e *bufpipe.End) { e.Read(make([]byte, 1)); e.Reset() }, func(*bufpipe.End) error { return nil }},
		"never answers": {func(e *bufpipe.End) { io.Copy(io.Discard, e) }, func(e *bufpipe.End) error {
			synctest.Wait() // both wait: the client goes
			return e.Reset()
		}},
		"sends without end": {func(e *bufpipe.End) {
			for b := make([]byte, 1<<10); ; {
				if _, err := e.Write(b); err != nil {
					return
				}
			}
		}, func(e *bufpipe.End) error {
			synctest.Wait() // nobody reads: the client goes
			return e.Reset()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.down["web"], w.target = c.target == nil, c.target
				b, stop := w.book(t, "gw")
				defer stop()
				m, err := b.Map(t.Context(), api.MapSpec{Port: 80, On: []string{"web"}})
				if err != nil {
					t.Fatal(err)
				}
				near, far := bufpipe.Pair(64 << 10)
				over := make(chan struct{})
				go func() { defer close(over); b.Serve(context.Background(), api.Caller{Peer: "gw"}, far) }()
				wire.NewWriter(near, mapping.MaxBegin).Send(mapping.KindBegin, mapping.Begin{ID: m.ID})
				near.Write([]byte("ping"))
				if err := c.client(near); err != nil {
					t.Fatal(err)
				}
				if _, err := near.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
					t.Errorf("the client reads %v, want a reset", err)
				}
				<-over
				got := b.Mappings()[0]
				if got.Open != 0 || got.State != api.MappingOpen || (got.Targets[0].Down != "") != (c.target == nil) {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}
