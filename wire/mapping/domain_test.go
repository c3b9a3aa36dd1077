package mapping

import (
	"strings"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func TestDomain(t *testing.T) {
	label := strings.Repeat("a", 63)
	for typed, want := range map[string]string{
		"app.example.org": "app.example.org", "App.EXAMPLE.org": "app.example.org", "bücher.example": "xn--bcher-kva.example", "xn--bcher-kva.example": "xn--bcher-kva.example",
		"1.example": "1.example", "a-b.example": "a-b.example", label + ".example": label + ".example",
	} {
		if got, err := Domain(typed); got != want || err != nil {
			t.Errorf("%q is %q, %v, want %q", typed, got, err, want)
		}
	}
	for _, typed := range []string{
		"", ".", "example", "example.org.", ".example.org", "a..b", "*.example.org", "-a.example", "a-.example", "a_b.example", "a b.example", "a.example:80", "a.example/x",
		"192.0.2.1", "1.2.3", "2001:db8::1", "[::1]", "xn--a.example", "a\x00.example", "a\n.example", "a%2e.example", "0.\xff", label + "a.example", strings.Repeat(label+".", 4) + "example", "https://a.example",
	} {
		if got, err := Domain(typed); api.KindOf(err) != api.KindInvalid {
			t.Errorf("%q is taken for %q, %v", typed, got, err)
		}
	}
}

func TestCheckDomain(t *testing.T) {
	good := Map{ID: "1", Network: HTTPS, Ports: 1, Domain: "app.example.org"}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*Map){
		"upper case": func(m *Map) { m.Domain = "App.example.org" }, "tcp": func(m *Map) { m.Network = "tcp" }, "two ports": func(m *Map) { m.Ports = 2 },
		"a port": func(m *Map) { m.First = 443 }, "a wish": func(m *Map) { m.Prefer = 443 }, "no domain": func(m *Map) { m.Domain = "" }, "no id": func(m *Map) { m.ID = "" },
	} {
		m := good
		spoil(&m)
		if err := m.Check(); api.KindOf(err) != api.KindInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is taken for a domain stays one, as it is.
func FuzzDomain(f *testing.F) {
	f.Add("app.example.org")
	f.Add("bücher.example")
	f.Add("a..b")
	f.Add("0.\xff")
	f.Fuzz(func(t *testing.T, typed string) {
		name, err := Domain(typed)
		if err != nil {
			return
		}
		if again, err := Domain(name); again != name || err != nil || len(name) > 253 {
			t.Errorf("%q is %q, and that is %q, %v", typed, name, again, err)
		}
		rule := api.Rule{Subject: "*", Action: api.ActionMap, Resource: api.DomainResource(name)}
		if err := rule.Check(); err != nil {
			t.Errorf("no policy can name %q: %v", name, err)
		}
	})
}
