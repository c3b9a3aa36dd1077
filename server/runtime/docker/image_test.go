package docker

import (
	"errors"
	"testing"

	"github.com/moby/moby/api/types/jsonstream"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/localimage"
)

// makeImage builds an image of this machine's busybox and more files.
func makeImage(t testing.TB, e *Engine, name string, changes []string, more ...localimage.File) {
	t.Helper()
	files, err := localimage.Busybox()
	if err != nil {
		t.Fatal(err)
	}
	if err := localimage.Make(t.Context(), e.api, name, changes, append(files, more...)...); err != nil {
		t.Fatal(err)
	}
}

func TestCheckImage(t *testing.T) {
	for _, good := range []string{"busybox", "debian:12", "registry.example:5000/team/tool:1.0", "sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1", "4bcff63911fc"} {
		if err := CheckImage(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", " ", "a b", "$(reboot)", "`id`", "a;b", "a\nb", "-v", "../../containers/json", "busybox/../../x", "a?force=1", "A", "\x00", "a'b", "a\"b", "/", "busybox:"} {
		if err := CheckImage(bad); api.KindOf(err) != api.KindInvalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// A pull ends as soon as its layers say that they have more than there is room for.
func TestWatchPull(t *testing.T) {
	layer := func(id string, have, of int64) jsonstream.Message {
		return jsonstream.Message{ID: id, Status: "Downloading", Progress: &jsonstream.Progress{Current: have, Total: of}}
	}
	broken := errors.New("broken")
	for _, tt := range []struct {
		name string
		said []jsonstream.Message
		err  error
		kind api.Kind
		read int
	}{
		{"fits", []jsonstream.Message{{ID: "12", Status: "Pulling from x"}, layer("a", 1, 60), layer("b", 1, 40), layer("a", 60, 60), layer("b", 40, 0)}, nil, "", 5},
		{"too large together", []jsonstream.Message{layer("a", 1, 60), layer("b", 1, 41), layer("a", 2, 60)}, nil, api.KindQuota, 2},
		{"larger than it said", []jsonstream.Message{layer("a", 1, 60), layer("a", 101, 0), layer("a", 102, 0)}, nil, api.KindQuota, 2},
		{"the engine's error", []jsonstream.Message{{Error: &jsonstream.Error{Message: "no such image"}}}, nil, api.KindInternal, 1},
		{"broken off", []jsonstream.Message{layer("a", 1, 60)}, broken, api.KindInternal, 1},
	} {
		read := 0
		err := watchPull(func(yield func(jsonstream.Message, error) bool) {
			for _, m := range tt.said {
				if read++; !yield(m, nil) {
					return
				}
			}
			if tt.err != nil {
				yield(jsonstream.Message{}, tt.err)
			}
		}, "x", 100)
		if (err == nil) != (tt.kind == "") || err != nil && api.KindOf(err) != tt.kind || read != tt.read {
			t.Errorf("%s: %v after %d", tt.name, err, read)
		}
	}
}
