package docker

import (
	"testing"

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
