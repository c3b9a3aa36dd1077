package nsbox

import (
	"bytes"
	"io"
	"maps"
	"strings"
	"testing"
)

func TestConfigTravels(t *testing.T) {
	var b bytes.Buffer
	want := Config{Tier: Landlock, Binds: []Bind{{Source: "/a", Target: "/b", Writable: true}}, Files: map[string]string{"/etc/x": "y"}, Argv: []string{"p", "q"}}
	if err := Send(&b, want); err != nil {
		t.Fatal(err)
	}
	b.WriteString("the program's own input")
	got, err := receive(&b)
	if err != nil || got.Tier != want.Tier || got.Binds[0] != want.Binds[0] || !maps.Equal(got.Files, want.Files) || got.Argv[1] != "q" {
		t.Errorf("%+v %v", got, err)
	}
	if rest, err := io.ReadAll(&b); err != nil || string(rest) != "the program's own input" {
		t.Errorf("%q was left, %v", rest, err)
	}
	for name, in := range map[string]string{"nothing": "", "short": "\x00\x00", "huge": "\xff\xff\xff\xff", "cut": "\x00\x00\x00\x09{", "not JSON": "\x00\x00\x00\x01{", "empty": "\x00\x00\x00\x02{}"} {
		if err := Main(strings.NewReader(in)); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
