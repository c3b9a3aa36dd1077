package guard

import (
	"context"
	"slices"
	"strings"

	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// plain are the engines' runtimes whose containers use the kernel's own sockets,
// and so pass its packet filter.
var plain = []string{"runc", "io.containerd.runc.v2", "io.containerd.runtime.v1.linux", "crun"}

// Check tells whether containers of the engine's runtime class (empty: its
// default) pass a guard at all. KindUnsupported: they do not.
func Check(ctx context.Context, e Engine, class string) error {
	if class == "" {
		got, err := e.Info(ctx, client.InfoOptions{})
		if err != nil {
			return err
		}
		class = got.Info.DefaultRuntime
	}
	if slices.Contains(plain, class) {
		return nil
	}
	return api.Errorf(api.KindUnsupported, "containers of the runtime %q may send past the kernel's packet filter, so their network cannot be guarded", class).
		WithHint("guests can have a guarded network under %s", strings.Join(plain, ", "))
}
