package mapping

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/mapping"
)

func TestDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b, stop := w.book(t, "gw")
		defer stop()
		for _, c := range []struct {
			spec    api.MapSpec
			network string
			public  string
		}{
			{api.MapSpec{Port: 80, Domain: "Bücher.example"}, mapping.HTTPS, "https://xn--bcher-kva.example:7000"},
			{api.MapSpec{Port: 443, Domain: "app.example", H2C: true}, mapping.H2C, "https://app.example:7000"},
			{api.MapSpec{Port: 443, Domain: "app.example", Passthrough: true, Proxy: true}, mapping.TLS, "app.example:7000"},
		} {
			m, err := b.Map(t.Context(), c.spec)
			if err != nil || !slices.Equal(m.Public, []string{c.public}) {
				t.Fatalf("%+v, %v, want %s", m, err, c.public)
			}
			asked := w.asked[len(w.asked)-1]
			if asked.Network != c.network || asked.Domain != m.Spec.Domain || asked.First != 0 || asked.Prefer != 0 {
				t.Errorf("it asked for %+v", asked)
			}
			if want := []api.DNSRecord{{Name: m.Spec.Domain, Type: "CNAME", Value: "gw.example"}}; !slices.Equal(m.DNS, want) {
				t.Errorf("%+v, want %+v", m.DNS, want)
			}
		}
	})
}

func TestRecord(t *testing.T) {
	for host, want := range map[string]string{"192.0.2.1": "A", "::ffff:192.0.2.1": "A", "2001:db8::1": "AAAA", "gw.example": "CNAME"} {
		m := api.Mapping{Spec: api.MapSpec{Domain: "app.example"}}
		publish(&m, host, 443)
		if m.DNS[0].Type != want || m.Public[0] != "https://app.example" {
			t.Errorf("%s: %+v", host, m)
		}
	}
}

// What a domain waits for is what its gateway said last.
func TestWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b, stop := w.book(t, "gw")
		defer stop()
		m, err := b.Map(t.Context(), api.MapSpec{Port: 80, Domain: "app.example"})
		if err != nil {
			t.Fatal(err)
		}
		for _, said := range []string{"waits for DNS", strings.Repeat("x", 5000), ""} {
			w.mu.Lock()
			out := wire.NewWriter(w.held[m.ID], mapping.MaxFrame)
			w.mu.Unlock()
			if err := out.Send(mapping.KindState, mapping.State{Waits: said}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if got := b.Mappings()[0]; got.State != api.MappingOpen || got.Reason != said[:min(len(said), maxWaits)] {
				t.Errorf("%+v", got)
			}
		}
	})
}

// A domain stays with its gateway, and its member's until he lets it go.
func TestDomainStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b, stop := w.book(t, "one", "two")
		m, err := b.Map(t.Context(), api.MapSpec{Port: 80, Domain: "app.example"})
		if err != nil {
			t.Fatal(err)
		}
		port, err := b.Map(t.Context(), api.MapSpec{Port: 80})
		if err != nil {
			t.Fatal(err)
		}
		brief, err := b.Map(t.Context(), api.MapSpec{Port: 80, Domain: "brief.example", TTL: api.Duration(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		w.mu.Lock()
		w.refuse["one"] = api.Errorf(api.KindUnavailable, "one is gone")
		w.held[m.ID].Reset()
		w.mu.Unlock()
		time.Sleep(time.Minute)
		if got := b.Mappings()[0]; got.State != api.MappingOpening || got.Reason != "one is gone" {
			t.Errorf("%+v", got)
		}
		w.mu.Lock()
		delete(w.refuse, "one")
		w.mu.Unlock()
		time.Sleep(time.Minute)
		stop()
		b, stop = w.book(t, "two", "one")
		defer stop()
		if got := b.Mappings()[0]; got.State != api.MappingOpen || got.Gateway != "one" || len(w.gone()) != 0 {
			t.Errorf("after a restart %+v, let go %v", got, w.gone())
		}
		for _, id := range []api.MappingID{m.ID, port.ID} {
			if err := b.Unmap(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Hour)
		if got, want := w.gone(), []api.MappingID{m.ID, brief.ID}; !slices.Equal(got, want) {
			t.Errorf("let go %v, want %v", got, want)
		}
	})
}

// gone are the mappings whose domains were let go.
func (w *world) gone() []api.MappingID {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.left)
}
