package mapping

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/bufpipe"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/mapping"
	"github.com/Akilan1999/p2p-rendering-computation/wire/resume"
	"github.com/Akilan1999/p2p-rendering-computation/wire/tunnel"
)

// Until another gateway has a mapping the one that had it last may bring connections.
func TestWhoBringsConnectionsMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b, stop := w.book(t, "one", "two")
		defer stop()
		m, err := b.Map(t.Context(), api.MapSpec{Port: 80, On: []string{"web"}})
		if err != nil {
			t.Fatal(err)
		}
		gone := api.Errorf(api.KindUnavailable, "gone")
		for _, c := range []struct {
			refuse   map[api.PeerID]error
			one, two string
		}{
			{map[api.PeerID]error{"one": gone, "two": gone}, "ping", ""},
			{map[api.PeerID]error{"one": gone}, "", "ping"},
		} {
			w.mu.Lock()
			w.refuse = c.refuse
			w.held[m.ID].Reset()
			w.mu.Unlock()
			time.Sleep(time.Minute)
			if one, two := through(b, "one", m.ID), through(b, "two", m.ID); one != c.one || two != c.two {
				t.Errorf("without %v: %q came by one, %q by two", c.refuse, one, two)
			}
			if (b.Most("one") > 0) != (c.one != "") || (b.Most("two") > 0) != (c.two != "") {
				t.Errorf("without %v: %d and %d", c.refuse, b.Most("one"), b.Most("two"))
			}
		}
	})
}

// A connection goes on over another stream of the gateway that has its mapping, and of
// nobody else; the mapping is asked for again with the port that it had.
func TestGoesOnOverAnotherPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b, stop := w.book(t, "gw")
		defer stop()
		m, err := b.Map(t.Context(), api.MapSpec{Port: 80, On: []string{"web"}})
		if err != nil {
			t.Fatal(err)
		}
		var serving sync.WaitGroup
		var path *bufpipe.End
		open := func(from api.PeerID) wire.Stream {
			near, far := bufpipe.Pair(1 << 10)
			serving.Go(func() { b.Serve(context.Background(), api.Caller{Peer: from, Role: api.RoleMember}, far); far.Close() })
			path = near
			return near
		}
		st := open("gw")
		wire.NewWriter(st, mapping.MaxBegin).Send(mapping.KindBegin, mapping.Begin{ID: m.ID, Token: "t"})
		conn := resume.Dialed(st, func(_ context.Context, got int64) (wire.Stream, int64, error) {
			if _, err := tunnel.Ask(open("other"), mapping.KindResume, tunnel.Resume{Token: "t", Got: got}); api.KindOf(err) != api.KindNotFound {
				t.Errorf("another member takes it up: %v", err)
			}
			st := open("gw")
			ready, err := tunnel.Ask(st, mapping.KindResume, tunnel.Resume{Token: "t", Got: got})
			return st, ready.Got, err
		})
		for _, text := range []string{"before", "after", "again"} {
			if _, err := io.WriteString(conn, text); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(text))
			if _, err := io.ReadFull(conn, got); err != nil || string(got) != text {
				t.Fatalf("%q came back as %q, %v", text, got, err)
			}
			path.Reset()
			w.mu.Lock()
			w.held[m.ID].Reset()
			w.mu.Unlock()
			time.Sleep(time.Second)
		}
		if got := b.Mappings()[0]; got.Open != 1 || got.Total != 1 || got.BytesIn != int64(len("beforeafteragain")) {
			t.Errorf("%+v", got)
		}
		w.mu.Lock()
		if len(w.asked) < 2 || w.asked[1].First != 7000 || !w.asked[1].Lasting {
			t.Errorf("asked %+v", w.asked)
		}
		w.mu.Unlock()
		if err := b.Unmap(t.Context(), m.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("when its mapping is over it reads %v", err)
		}
		conn.Reset()
		serving.Wait()
	})
}
